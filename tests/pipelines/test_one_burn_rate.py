"""One burn rate and runway in ``status``, ``topup plan``, report and marts, against the ground truth of the sandbox."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import time_machine
from topup_afternoon import NOW

from pipelines.report.data import load_report_data

pytest_plugins = ("topup_shop",)

HOUR = timedelta(hours=1)
COLUMNS = "burn_cents_per_hour, hours_to_empty, balance_cents"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Simulated time; made before the sandbox, whose world begins now."""
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def sync(shop, command, clock, now: datetime, *datasets: str) -> None:
    """Moves the sandbox and this process to a time and syncs."""
    clock.move_to(now)
    shop.advance(0)
    result = command("sync", *datasets)
    assert result.code == 0, result.err


def figures(home: Path, command) -> tuple[float | None, float | None, int]:
    """Burn rate, runway and balance, which every reader has to show alike."""
    mart = _mart(home / "data" / "warehouse.duckdb")
    account = command("status", "--json").document["accounts"][0]
    plan = command("topup", "plan", "--json").document
    report = load_report_data(home / "data" / "warehouse.duckdb", datetime.now(UTC)).first_row("balance_runway")
    shown = [tuple(row[name.strip()] for name in COLUMNS.split(",")) for row in (account, report)]
    burn, hours, balance = mart
    for row in shown:
        assert row == (_near(burn, 0.0051), _near(hours, 0.051), balance)
    forecast = plan["forecast"]
    if burn is None:
        assert (forecast, account.get("hours_to_empty_p10")) == (None, None)
        assert "not known yet" in plan["forecast_problem"] == account["forecast_problem"]
    else:
        assert forecast["burn_cents_per_hour"] == account["burn_cents_per_hour"]
        assert forecast["hours_to_empty"] == account["hours_to_empty"]
    return mart


def _near(value: float | None, digits: float):
    return value if value is None else pytest.approx(value, abs=digits)


def _mart(path: Path) -> tuple[float | None, float | None, int]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(f"SELECT {COLUMNS} FROM marts.balance_runway").fetchall()[0]


def true_spend(shop, start: datetime, end: datetime) -> int:
    """US cents of the orders bought between, less those refunded between."""
    total, first, last = 0, start.timestamp(), end.timestamp()
    for order in shop.state.account.orders.values():
        total += order.price_cents * (first < order.bought_at <= last)
        if order.status(round(last)) == "refunded":
            total -= order.price_cents * (first < (order.refunded_at or order.expires_at) <= last)
    return total


def test_every_reader_shows_the_same_burn_rate(clock, shop, home, command):
    sync(shop, command, clock, NOW, "balances")
    assert figures(home, command)[:2] == (None, None)
    text = command("status").out
    assert "runway not known yet" in text
    assert "burn rate not known yet" in text
    rates = set()
    for step in range(1, 31):
        if step == 14:
            invoice = shop.state.account.create_invoice("cryptomus", 1500, round(shop.state.process_due_events()))
            shop.pay(invoice.uuid, 1500)
        sync(shop, command, clock, NOW + step * HOUR, "balances", "inventory", "invoices")
        if step in (1, 6, 13, 14, 26, 30):
            burn, hours, balance = figures(home, command)
            true = true_spend(shop, NOW + (step - 24) * HOUR, NOW + step * HOUR) / 24
            # Before the first balance orders that were refunded never count, whatever the window cuts off.
            assert burn == pytest.approx(true, abs=0.01 if step >= 24 else 2)
            assert hours == (pytest.approx(balance / burn) if burn else None)
            rates.add(burn)
    assert len(rates) > 3


def test_orders_give_a_burn_rate_after_the_first_sync(clock, shop, home, command):
    sync(shop, command, clock, NOW)
    burn, hours, _ = figures(home, command)
    assert burn == pytest.approx(true_spend(shop, NOW - 24 * HOUR, NOW) / 24, rel=0.1)
    assert hours > 0
    assert "empty in " in command("status").out
