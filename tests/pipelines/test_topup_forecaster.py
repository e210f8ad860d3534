"""The forecast's sources: the warehouse as of the past, and the ledger's own looks at the balance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from topup_afternoon import LEDGER, MINUTE, NOW, STEP

from pipelines.account_history import AccountHistory, load_account_history
from pipelines.runway_forecast import Forecaster
from topups.gateway import Balance
from topups.ledger import open_ledger
from topups.policy import Policy

pytest_plugins = ("topup_synced",)


def coarse(past: AccountHistory) -> AccountHistory:
    """Without the moments that a sync takes."""
    return replace(past, sightings=[look._replace(at=round(look.at, -2)) for look in past.sightings])


@pytest.mark.parametrize("later", [MINUTE, STEP / 2], ids=["after a look", "between two looks"])
def test_the_past_holds_nothing_that_was_learnt_later(synced, later):
    for at, copy in synced.copies.items():
        told, known = (
            load_account_history(path, synced.vendor.user_id, at + later) for path in (synced.end / copy.name, copy)
        )
        assert coarse(told) == coarse(known), at


def test_the_ledgers_own_looks_at_the_balance_are_enough_for_a_forecast(home):
    now = datetime.now(UTC)
    with open_ledger(LEDGER) as ledger:
        for hour in range(10):
            at = now - timedelta(hours=9 - hour)
            ledger.record_balance("acc", Balance(5000 - 100 * hour, at), at)
        forecaster = Forecaster(home / "none.duckdb", "acc", Policy(), ledger)
        assert forecaster.forecast(now).mean == pytest.approx(100)
        assert forecaster.burn(now).hours_to_empty == pytest.approx(41, rel=0.01)
        then = forecaster.burn(now - timedelta(hours=2))
        assert then.hours_to_empty == pytest.approx(43, rel=0.01)
        assert forecaster.burn(now - timedelta(hours=5)) is None


def test_the_ledgers_looks_go_on_where_the_warehouse_ends(synced, warehouse):
    now, account = NOW + timedelta(hours=2), synced.vendor.user_id
    with open_ledger(LEDGER) as ledger:
        last = load_account_history(warehouse, account, now).sightings[-1].cents
        for minutes, cents in ((0, last), (60, last - 300), (120, last - 600)):
            at = NOW + timedelta(minutes=minutes)
            ledger.record_balance(account, Balance(cents, at), at)
        found = Forecaster(warehouse, account, Policy(), ledger).forecast(now)
    assert found.spending.hours[:2] == pytest.approx([300, 300])


def test_an_account_of_any_name_is_asked_for_safely(synced):
    assert load_account_history(synced.end / "warehouse.duckdb", "o'brien' OR '1'='1", NOW).sightings == []
