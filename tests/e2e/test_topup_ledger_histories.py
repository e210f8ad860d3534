"""What happens to the ledger file never exceeds a cap, undoes a pause or makes a second payable payment.

``python -m tests.e2e.ledger_histories 1000 0`` runs more.
"""

from tests.e2e.ledger_histories import run_histories


def test_histories_of_a_lost_ledger_keep_every_promise():
    broken, created = run_histories(15, 2026)
    assert broken == []
    assert created > 20
