"""The limit of prepaid money, apart from the rules before it, which refuse while money is expected."""

from dataclasses import replace

import pytest
from topup_fakes import ACCOUNT, POLICY, START

from topups.decision.rules import exposure_below_cap
from topups.decision.snapshot import AccountSnapshot, PaymentView
from topups.gateway import Balance
from topups.payment_states import EXPECTED_MONEY, PaymentException, State


@pytest.mark.parametrize("state", sorted(EXPECTED_MONEY))
def test_expected_money_counts_as_prepaid(state: State) -> None:
    expected = PaymentView("p", state, PaymentException.NONE, 1000, START, holds_slot=True)
    snapshot = AccountSnapshot(ACCOUNT, Balance(500, START), payments=(expected,))
    assert exposure_below_cap(2500, snapshot, replace(POLICY, exposure_cents=4000)).passed
    assert not exposure_below_cap(2500, snapshot, replace(POLICY, exposure_cents=3999)).passed


def test_money_that_is_not_expected_is_not_prepaid() -> None:
    ended = PaymentView("p", State.EXPIRED, PaymentException.NONE, 1000, START, holds_slot=False)
    snapshot = AccountSnapshot(ACCOUNT, Balance(500, START), payments=(ended,))
    assert exposure_below_cap(2500, snapshot, replace(POLICY, exposure_cents=3000)).passed
