"""Each check of the top-ups at its limits, and what Dagster makes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from pipelines.definitions import defs
from pipelines.defs.jobs import SYNC_JOB
from pipelines.defs.resources import TopUpResource
from pipelines.defs.topup_assets import HEALTH_CHECKS, NOT_BLOCKED, audit_events, ledger_tables
from pipelines.topups.health import CHECKS, TopUpHealth
from topups.decision.snapshot import AccountSnapshot, PaymentView
from topups.ledger import Observation, Payment
from topups.ledger.models import NewPayment, new_payment
from topups.payment_states import PaymentException, State
from topups.policy import Policy

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
POLICY = Policy(mode="auto", cap_day_cents=10_000, cap_week_cents=20_000, cap_month_cents=None)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def payment(state: State, minutes: float, **changed: Any) -> Payment:
    """One that was sent, and came into its state, so many minutes ago."""
    draft = NewPayment("p1", "7", "d1", "v3_invoice", 5000)
    return new_payment(draft, ago(minutes), state=state, sending_at=ago(minutes), **changed)


def balance(seq: int, minutes: float, cents: int) -> Observation:
    return Observation(seq, "7", "balance", ago(minutes), True, cents, {})


def health_of(*payments: Payment, **changed: Any) -> TopUpHealth:
    balances = [balance(1, 60, 1000), balance(2, 1, 900)]
    health = TopUpHealth(NOW, POLICY, AccountSnapshot("7"), payments, balances, ago(1))
    return replace(health, **changed)


def spent(*cents: int) -> TopUpHealth:
    made = [PaymentView(str(n), State.OPEN, PaymentException.NONE, c, ago(60), n == 0) for n, c in enumerate(cents)]
    return health_of(snapshot=AccountSnapshot("7", payments=tuple(made)))


CASES = [
    ("no_unknown_outcomes", health_of(), True, False),
    ("no_unknown_outcomes", health_of(payment(State.UNKNOWN, 1)), False, False),
    ("no_unknown_outcomes", health_of(payment(State.UNKNOWN, 121)), False, True),
    ("no_unknown_outcomes", health_of(payment(State.NEEDS_HUMAN, 5)), False, True),
    ("open_invoices_paid_in_time", health_of(payment(State.OPEN, 29)), True, False),
    ("open_invoices_paid_in_time", health_of(payment(State.OPEN, 30)), False, False),
    ("open_invoices_paid_in_time", health_of(payment(State.UNDERPAID_WAITING, 54)), False, True),
    ("open_invoices_paid_in_time", health_of(payment(State.OPEN, 30, ends_at=NOW + timedelta(hours=5))), True, False),
    ("open_invoices_paid_in_time", health_of(payment(State.EXPIRED, 500)), True, False),
    ("paid_is_credited", health_of(payment(State.PAID, 59)), True, True),
    ("paid_is_credited", health_of(payment(State.PAID, 60)), False, True),
    ("paid_is_credited", health_of(payment(State.CREDITED, 600)), True, True),
    ("balance_increases_explained", health_of(balances=[balance(1, 9, 900), balance(2, 5, 999)]), True, False),
    ("balance_increases_explained", health_of(balances=[balance(1, 9, 900), balance(2, 5, 5900)]), False, False),
    (
        "balance_increases_explained",
        health_of(payment(State.CREDITED, 60, credit=2), balances=[balance(1, 9, 900), balance(2, 5, 5900)]),
        True,
        False,
    ),
    ("spend_below_caps", spent(7999), True, False),
    ("spend_below_caps", spent(5000, 3000), False, False),
    ("spend_below_caps", spent(9000), False, False),
    ("spend_below_caps", spent(10_000), False, True),
    ("observations_fresh", health_of(), True, True),
    ("observations_fresh", health_of(listed_at=ago(11)), False, True),
    ("observations_fresh", health_of(listed_at=None), False, True),
    ("observations_fresh", health_of(balances=[]), False, True),
    ("observations_fresh", health_of(balances=[], policy=replace(POLICY, mode="off")), True, True),
]


@pytest.mark.parametrize(("name", "health", "passed", "severe"), CASES)
def test_each_check_at_its_limits(name, health, passed, severe):
    result = CHECKS[name](health)
    assert result.passed == passed, result.message
    assert passed or result.is_error == severe
    assert result.message


@pytest.mark.parametrize(("cents", "level"), [(8000, 80), (9000, 90), (10_000, 100), (12_000, 100)])
def test_the_level_of_a_cap_is_reported(cents, level):
    assert CHECKS["spend_below_caps"](spent(cents)).message == f"CAP_DAY: at least {level} % used"


def test_what_is_late_is_named_with_its_amount():
    message = CHECKS["no_unknown_outcomes"](health_of(payment(State.UNKNOWN, 3))).message
    assert message == "p1 over 50.00 USD is UNKNOWN since 2026-03-04 11:57 UTC"


@pytest.fixture
def evaluated(monkeypatch):
    """The recorded checks, for given measurements and contradictions."""

    def evaluate(health: TopUpHealth | None, contradictions: list[str]) -> dict[str, dg.AssetCheckEvaluation]:
        for method, value in {"copy_ledger": None, "load_health": health, "audit_ledger": contradictions}.items():
            monkeypatch.setattr(TopUpResource, method, lambda _, value=value: value)
        with dg.DagsterInstance.ephemeral() as instance:
            resources = {"topups": TopUpResource()}
            result = dg.materialize([ledger_tables, audit_events], resources=resources, instance=instance)
        return {check.check_name: check for check in result.get_asset_check_evaluations()}

    return evaluate


def test_dagster_records_a_warning_an_error_and_measurements(evaluated):
    checks = evaluated(health_of(payment(State.UNKNOWN, 1), payment(State.PAID, 99)), ["event 3 was changed"])
    failed = {name: str(check.severity.value) for name, check in checks.items() if not check.passed}
    assert failed == {"no_unknown_outcomes": "WARN", "paid_is_credited": "ERROR", "ledger_history_intact": "ERROR"}
    assert checks["ledger_history_intact"].description == "event 3 was changed"
    assert checks["no_unknown_outcomes"].metadata["limit_seconds"].value == 7200


def test_without_a_ledger_every_check_passes_and_says_why(evaluated):
    checks = evaluated(None, [])
    assert all(check.passed for check in checks.values())
    assert {check.description for name, check in checks.items() if name in CHECKS} == {"there is no ledger yet"}


def test_every_health_check_is_specified():
    assert list(HEALTH_CHECKS) == list(CHECKS)


def test_a_sync_run_does_not_read_the_whole_history():
    job = defs().get_repository_def().get_job(SYNC_JOB)
    names = {key.name for key in job.asset_layer.asset_graph.asset_check_keys if key.asset_key.path[0] == "topups"}
    assert names == {*CHECKS, NOT_BLOCKED.name}
