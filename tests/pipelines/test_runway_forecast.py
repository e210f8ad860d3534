"""Account history as of a past timestamp, and the forecast from warehouse and ledger."""

from datetime import timedelta

import duckdb
import pytest
from topup_afternoon import LEDGER, MINUTE, NOW, STEP

from pipelines.runway_forecast import Forecaster, load_account_history
from tests.warehouse.other_processes import locked_by_another_process
from topups.gateway import Balance
from topups.ledger import open_ledger
from topups.policy import Policy
from warehouse.database.opening import open_warehouse, published_path

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


def test_copy_of_another_ledger_is_no_part_of_a_forecast(synced, warehouse):
    at, account = NOW + MINUTE, synced.vendor.user_id
    with open_ledger(LEDGER) as ledger:
        before = Forecaster(warehouse, account, Policy(), ledger).forecast(at)
        with open_warehouse(warehouse) as connection:
            connection.execute("INSERT INTO ops.ledger_offset (seq, hash, ledger_id) VALUES (1, 'h', 'another ledger')")
            connection.execute(
                "INSERT INTO topups.payments (payment_id, account_id, state, amount_cents, created_at, credited_at) "
                "VALUES ('p', ?, 'CREDITED', 100000, ?, ?)",
                [account, NOW - STEP, NOW],
            )
        assert Forecaster(warehouse, account, Policy(), ledger).forecast(at) == before


def test_copy_without_identity_is_no_source_of_a_forecast(synced, warehouse):
    account, copy = synced.vendor.user_id, published_path(warehouse)
    with duckdb.connect(str(copy)) as connection:
        connection.execute("DROP TABLE ops.warehouse")
    with locked_by_another_process(warehouse):
        history = load_account_history(warehouse, account, NOW + MINUTE)
    assert history.spend is None
    assert "was made by an earlier release: run smsonline sync" in history.problem
