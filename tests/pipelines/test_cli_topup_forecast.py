"""Forecast on the command line: from a sandbox's warehouse, without one, from a locked one, and as of the past."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from topup_afternoon import HALFWAY, MINUTE, NOW, TOP_UP, record_deposits

from pipelines.runway_forecast import Forecaster
from smsonline.sandbox import Sandbox
from topups.policy import Policy

pytest_plugins = ("topup_shop", "topup_synced")
pytestmark = pytest.mark.usefixtures("same_day")


def true_burn_rate(vendor: Sandbox, hours: int) -> float:
    """US cents per hour of what the account bought in the last hours and was not refunded."""
    now = vendor.state.process_due_events()
    orders = [order for order in vendor.state.account.orders.values() if now - order.bought_at < hours * 3600]
    return sum(order.price_cents for order in orders if order.status(now) != "refunded") / hours


@contextmanager
def locked(warehouse: Path) -> Iterator[None]:
    """Another process has the warehouse open for writing."""
    script = f"import duckdb, sys; c = duckdb.connect({str(warehouse)!r}); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        yield
        holder.stdin.close()


def plan(command, *arguments: str):
    result = command("topup", "plan", "--json", *arguments)
    assert result.code == 0, result.err
    return result.document


def test_plan_has_burn_rate_runway_and_reorder_point(shop, synced, warehouse, command):
    document = plan(command)["forecast"]
    assert document["burn_cents_per_hour"] == pytest.approx(true_burn_rate(synced.vendor, 24), rel=0.15)
    assert document["known_hours"] > 90  # orders stand for the days before the first sync
    assert 0 < document["hours_to_empty_p10"] <= document["hours_to_empty"]
    balance = shop.state.account.balance_cents
    assert document["hours_to_empty"] == pytest.approx(balance / document["burn_cents_per_hour"], abs=0.1)
    assert 0 < document["reorder_cents"] < 40 * document["burn_cents_per_hour"]
    assert (document["lead_hours_p90"], document["lead_payments"]) == (2.0, 0)
    assert (document["refunded_cents"] > 0, document["topped_up_cents"], document["unexplained_cents"]) == (
        True,
        TOP_UP,
        0,
    )


def test_plan_text_has_forecast_advice_and_assumptions(shop, warehouse, command):
    lines = command("topup", "plan").out.splitlines()
    starts = ["burn rate: ", "balance: empty in ", "re-order point: ", "advice: coupon TOPUP"]
    assert all(any(line.startswith(start) for line in lines) for start in starts), lines
    assert any("fewer than 5 payments were measured" in line for line in lines)
    assert any(line.startswith("(assumed, not documented") for line in lines)


def test_advice_changes_no_amount(shop, warehouse, command):
    with_advice = plan(command)
    assert [entry["kind"] for entry in with_advice["advice"]] != []
    shutil.rmtree(warehouse.parent)
    assert plan(command)["planned"]["amount_cents"] == with_advice["planned"]["amount_cents"]


def test_slow_payments_start_above_the_threshold(shop, warehouse, command, set_topup):
    balance = shop.state.account.balance_cents
    threshold, target = balance // 2, balance * 3
    set_topup(MODE="dry_run", THRESHOLD_CENTS=str(threshold), TARGET_CENTS=str(target), AMOUNT_MAX_CENTS="90000")
    set_topup(CAP_DAY_CENTS="90000", CAP_WEEK_CENTS="90000")
    assert plan(command)["reason"] == "BALANCE_OK"
    record_deposits(warehouse.parent, shop.user_id, timedelta(days=20))
    document = plan(command)
    assert (document["forecast"]["lead_payments"], document["forecast"]["lead_hours_p90"]) == (5, 480.0)
    assert document["forecast"]["reorder_cents"] > balance
    assert (document["reason"], document["planned"]["amount_cents"]) == ("DRY_RUN_WOULD_CREATE", target - balance)
    assert command("topup", "run", "--json").document["reason"] == "DRY_RUN_WOULD_CREATE"


def test_plan_of_the_past_uses_what_was_known_then(shop, synced, warehouse, command):
    then, now = plan(command, "--at", (HALFWAY + MINUTE).isoformat()), plan(command)
    assert then["forecast"]["known_hours"] < now["forecast"]["known_hours"]
    forecast = Forecaster(synced.copies[HALFWAY], shop.user_id, Policy()).forecast(HALFWAY + MINUTE)
    assert then["forecast"]["burn_cents_per_hour"] == pytest.approx(forecast.burn_cents_per_hour, rel=0.01)
    assert then["forecast"]["refunded_cents"] == forecast.spend.refunded_cents


def test_plan_before_the_first_sync_has_no_forecast(shop, synced, warehouse, command):
    document = plan(command, "--at", (NOW - timedelta(days=3)).isoformat())
    assert (document["forecast"], document["advice"]) == (None, [])
    assert "run smsonline sync" in document["forecast_problem"]


def test_status_has_burn_rate_runway_and_reorder_point(shop, synced, warehouse, command):
    document = plan(command)["forecast"]
    (account,) = command("status", "--json").document["accounts"]
    assert account["balance_cents"] == synced.vendor.state.account.balance_cents
    for name in ("burn_cents_per_hour", "reorder_cents", "known_hours"):
        assert account[name] == document[name]
    line = next(line for line in command("status").out.splitlines() if line.startswith("account "))
    assert "empty in " in line
    assert "burn rate " in line
    assert "re-order point " in line
    assert line.endswith(" open payments")


def test_status_has_the_lead_time_where_top_ups_are_on(shop, warehouse, command, set_topup):
    record_deposits(warehouse.parent, shop.user_id, timedelta(hours=7))
    assert command("status", "--json").document["accounts"][0]["lead_hours_p90"] == 7
    set_topup(MODE="off")
    assert command("status", "--json").document["accounts"][0]["lead_payments"] == 0


def test_status_of_a_synced_warehouse_imports_no_pandas(shop, warehouse):
    script = (
        "import sys, time_machine; from pipelines.cli.app import app\n"
        f"with time_machine.travel({NOW.timestamp()}):\n"
        "    try: app(['status'])\n"
        "    except SystemExit: pass\n"
        "print(sorted({'pandas', 'dagster', 'numpy', 'pyarrow', 'httpx'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "empty in " in result.stdout
    assert result.stderr.splitlines()[-1] == "[]"


def test_plan_without_a_warehouse_has_no_forecast(shop, command):
    document = plan(command)
    assert (document["decision"], document["forecast"], document["advice"]) == ("create", None, [])
    assert document["forecast_problem"].endswith("does not exist yet: run smsonline sync first")
    assert "no forecast: " in command("topup", "plan").out


@pytest.mark.parametrize(
    "make",
    [
        lambda path: duckdb.connect(str(path)).close(),
        lambda path: path.write_bytes(b"no database at all" * 1000),
    ],
    ids=["an empty one", "garbage"],
)
def test_an_unusable_warehouse_does_not_stop_a_payment(shop, home, command, make):
    (home / "data").mkdir()
    make(home / "data" / "warehouse.duckdb")
    assert "\n" not in plan(command)["forecast_problem"] != ""
    assert command("topup", "run", "--json").document["decision"] == "create"


def test_a_locked_warehouse_does_not_stop_a_payment(shop, warehouse, command):
    (warehouse.parent / "analytics.duckdb").unlink()
    with locked(warehouse):
        assert "is held" in plan(command)["forecast_problem"]
        assert command("topup", "run", "--json").document["decision"] == "create"


def test_a_locked_warehouse_is_read_through_its_copy(shop, warehouse, command):
    with locked(warehouse):
        assert plan(command)["forecast"] is not None
