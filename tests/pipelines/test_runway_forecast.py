"""Account history as of a past timestamp, and the forecast from warehouse and ledger."""

from datetime import timedelta

import pytest
from topup_afternoon import LEDGER, MINUTE, NOW, STEP

from pipelines.runway_forecast import Forecaster, load_account_history
from topups.gateway import Balance
from topups.ledger import open_ledger
from topups.policy import Policy

pytest_plugins = ("topup_synced",)


@pytest.mark.parametrize("later", [MINUTE, STEP / 2], ids=["after a sync", "between two syncs"])
def test_history_holds_nothing_learnt_later(synced, later):
    account = synced.vendor.user_id
    assert len(synced.copies) > 1
    for at, copy in synced.copies.items():
        replayed = load_account_history(synced.end / copy.name, account, at + later)
        actual = load_account_history(copy, account, at + later)
        assert replayed.terms == actual.terms, at
        # A version that was seen again later counts until the start of the sync, here only until its response.
        assert abs(replayed.spend.as_of - actual.spend.as_of) < timedelta(seconds=10), at
        assert replayed.spend.burn_cents_per_hour == pytest.approx(actual.spend.burn_cents_per_hour, rel=0.01), at
        assert replayed.spend.hours == pytest.approx(actual.spend.hours, abs=1), at
        sums = [(s.deposit_cents, s.refunded_cents, s.unexplained_cents) for s in (replayed.spend, actual.spend)]
        assert sums[0] == sums[1], at


def test_decisions_use_the_newest_balance_of_the_ledger(synced, warehouse):
    at, account = NOW + timedelta(minutes=30), synced.vendor.user_id
    with open_ledger(LEDGER) as ledger:
        forecaster = Forecaster(warehouse, account, Policy(), ledger)
        burn = forecaster.forecast(at).burn_cents_per_hour
        ledger.record_balance(account, Balance(100, NOW - STEP), NOW - STEP)  # older than the warehouse's
        assert forecaster.burn(at).hours_to_empty == forecaster.forecast(at).hours_to_empty
        ledger.record_balance(account, Balance(100, NOW + MINUTE), NOW + MINUTE)
        assert forecaster.burn(at).hours_to_empty == pytest.approx(100 / burn)


def test_an_old_balance_says_nothing_about_unusual_spend(synced, warehouse):
    forecaster = Forecaster(warehouse, synced.vendor.user_id, Policy())
    fresh, old = (forecaster.forecast(NOW + timedelta(minutes=minutes)) for minutes in (30, 90))
    assert fresh.recent is not None
    assert (old.recent, old.typical_peak) == (None, None)
    assert old.burn.cents_per_hour == old.burn_cents_per_hour == fresh.burn_cents_per_hour


def test_account_names_are_escaped(synced):
    history = load_account_history(synced.end / "warehouse.duckdb", "o'brien' OR '1'='1", NOW)
    assert (history.spend, history.terms) == (None, None)
    assert "run smsonline sync" in history.problem
