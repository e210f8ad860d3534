"""The forecast on the command line: from a sandbox's warehouse, from none, from a locked one, and as of the past."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import timedelta

import duckdb
import pytest
from topup_afternoon import HALFWAY, MINUTE, NOW, TOP_UP, record_deposits

from pipelines.runway_forecast import Forecaster
from smsonline.sandbox import Sandbox
from topups.policy import Policy

pytest_plugins = ("topup_shop", "topup_synced")
pytestmark = pytest.mark.usefixtures("same_day")


def really_burnt(vendor: Sandbox, hours: int) -> float:
    """US cents per hour of what the account bought lately and kept."""
    now = vendor.world.settle()
    orders = [order for order in vendor.world.account.orders.values() if now - order.bought_at < hours * 3600]
    return sum(order.price_cents for order in orders if order.status(now) != "refunded") / hours


def plan(command, *arguments: str):
    done = command("topup", "plan", "--json", *arguments)
    assert done.code == 0, done.err
    return done.document


def test_a_plan_tells_burn_runway_and_reorder_point_of_the_account(shop, synced, warehouse, command):
    found = plan(command)["forecast"]
    assert found["burn_cents_per_hour"] == pytest.approx(really_burnt(synced.vendor, found["known_hours"]), rel=0.3)
    assert found["known_hours"] > 90  # orders tell of the days before the first sync
    assert 0 < found["hours_to_empty_p10"] <= found["hours_to_empty"]
    balance = shop.world.account.balance_cents
    assert found["hours_to_empty"] == pytest.approx(balance / found["burn_cents_per_hour"], rel=0.25)
    assert 0 < found["reorder_cents"] < 40 * found["burn_cents_per_hour"]
    assert (found["lead_hours_p90"], found["lead_payments"]) == (2.0, 0)
    assert (found["refunded_cents"] > 0, found["topped_up_cents"], found["unexplained_cents"]) == (True, TOP_UP, 0)


def test_the_text_of_a_plan_tells_it_too_with_advice_and_what_is_assumed(shop, warehouse, command):
    lines = command("topup", "plan").out.splitlines()
    starts = ["burn: ", "balance: empty in ", "re-order point: ", "advice: coupon TOPUP"]
    assert all(any(line.startswith(start) for line in lines) for start in starts), lines
    assert any("fewer than 5 payments were measured" in line for line in lines)
    assert any(line.startswith("(assumed, not documented") for line in lines)


def test_advice_changes_no_amount(shop, warehouse, command):
    with_advice = plan(command)
    assert [entry["kind"] for entry in with_advice["advice"]] != []
    shutil.rmtree(warehouse.parent)
    assert plan(command)["planned"]["amount_cents"] == with_advice["planned"]["amount_cents"]


def test_slow_payments_are_asked_for_before_the_threshold_is_reached(shop, warehouse, command, set_topup):
    balance = shop.world.account.balance_cents
    threshold, target = balance // 2, balance * 3
    set_topup(MODE="dry_run", THRESHOLD_CENTS=str(threshold), TARGET_CENTS=str(target), AMOUNT_MAX_CENTS="90000")
    set_topup(CAP_DAY_CENTS="90000", CAP_WEEK_CENTS="90000")
    assert plan(command)["reason"] == "BALANCE_OK"
    record_deposits(warehouse.parent, shop.user_id, timedelta(days=20))
    found = plan(command)
    assert (found["forecast"]["lead_payments"], found["forecast"]["lead_hours_p90"]) == (5, 480.0)
    assert found["forecast"]["reorder_cents"] > balance
    assert (found["reason"], found["planned"]["amount_cents"]) == ("DRY_RUN_WOULD_CREATE", target - balance)
    assert command("topup", "run", "--json").document["reason"] == "DRY_RUN_WOULD_CREATE"


def test_a_plan_of_the_past_uses_what_was_known_then(shop, synced, warehouse, command):
    then, now = plan(command, "--at", (HALFWAY + MINUTE).isoformat()), plan(command)
    assert then["forecast"]["known_hours"] < now["forecast"]["known_hours"]
    known = Forecaster(synced.copies[HALFWAY], shop.user_id, Policy()).forecast(HALFWAY + MINUTE)
    assert then["forecast"]["burn_cents_per_hour"] == round(known.mean, 2)
    assert then["forecast"]["refunded_cents"] == known.spending.refunded_cents


def test_before_anything_was_known_there_is_no_forecast(shop, synced, warehouse, command):
    found = plan(command, "--at", (NOW - timedelta(days=3)).isoformat())
    assert (found["forecast"], found["advice"]) == (None, [])
    assert "run smsonline sync" in found["forecast_problem"]


def test_status_tells_runway_burn_and_reorder_point(shop, synced, warehouse, command):
    found = plan(command)["forecast"]
    (account,) = command("status", "--json").document["accounts"]
    assert account["balance_cents"] == synced.vendor.world.account.balance_cents
    for name in ("burn_cents_per_hour", "reorder_cents", "known_hours"):
        assert account[name] == pytest.approx(found[name], rel=0.05)
    line = next(line for line in command("status").out.splitlines() if line.startswith("account "))
    assert "empty in " in line
    assert "burn " in line
    assert "re-order point " in line
    assert line.endswith(" open payments")


def test_status_knows_the_lead_time_where_top_ups_are_used(shop, warehouse, command, set_topup):
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
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "empty in " in done.stdout
    assert done.stderr.splitlines()[-1] == "[]"


def test_without_a_warehouse_the_plan_is_made_without_a_forecast(shop, command):
    found = plan(command)
    assert (found["decision"], found["forecast"], found["advice"]) == ("create", None, [])
    assert found["forecast_problem"].endswith("does not exist yet: run smsonline sync first")
    assert "no forecast: " in command("topup", "plan").out


@pytest.mark.parametrize(
    "make",
    [
        lambda path: duckdb.connect(str(path)).close(),
        lambda path: path.write_bytes(b"no database at all" * 1000),
    ],
    ids=["an empty one", "garbage"],
)
def test_a_warehouse_that_holds_nothing_does_not_stop_a_payment(shop, home, command, make):
    (home / "data").mkdir()
    make(home / "data" / "warehouse.duckdb")
    assert "\n" not in plan(command)["forecast_problem"] != ""
    assert command("topup", "run", "--json").document["decision"] == "create"


def test_a_locked_warehouse_does_not_stop_a_payment(shop, warehouse, command):
    (warehouse.parent / "analytics.duckdb").unlink()
    script = f"import duckdb, sys; c = duckdb.connect({str(warehouse)!r}); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert "is held" in plan(command)["forecast_problem"]
        assert command("topup", "run", "--json").document["decision"] == "create"
        holder.stdin.close()


def test_a_locked_warehouse_is_no_matter_where_there_is_an_analysts_copy(shop, warehouse, command):
    with duckdb.connect(str(warehouse)):
        assert plan(command)["forecast"] is not None
