"""``smsonline topup``: which commands create how many payments, against the sandbox over HTTP."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

pytest_plugins = ("topup_shop",)


def listed(command):
    return [entry for entry in command("topup", "list", "--json").document if entry["state"] != "EXTERNAL"]


def test_repeated_runs_and_reconciles_create_one_payment(shop, command):
    first = command("topup", "run", "--json")
    assert (first.code, first.document["decision"], first.document["state"]) == (0, "create", "OPEN")
    for name in ("reconcile", "run", "run", "reconcile", "run"):
        result = command("topup", name, "--json")
        assert result.code == 0, result
        if name == "run":
            assert (result.document["decision"], result.document["reason"]) == ("refuse", "PAYMENT_OPEN_AT_VENDOR")
    assert shop.creates() == 1
    assert [entry["state"] for entry in listed(command)] == ["OPEN"]


def test_concurrent_runs_create_one_payment(shop):
    script = [sys.executable, "-c", "from pipelines.cli import main; main()", "topup", "run", "--json"]
    started = [subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [(process.communicate(timeout=25), process.returncode) for process in started]
    assert [code for _, code in ended] == [0, 0], ended
    decisions = sorted(json.loads(out)["decision"] for (out, _), _ in ended)
    assert decisions == ["create", "refuse"]
    assert shop.creates() == 1


@pytest.mark.parametrize("rail", ["v3_wallet", "v2_invoice"])
def test_other_payment_methods_work_too(shop, command, set_topup, rail):
    set_topup(RAIL=rail, CURRENCY="USDT", NETWORK="TRON")
    result = command("topup", "run")
    assert result.code == 0
    assert f"by {rail}: OPEN" in result.out
    assert ("USDT on TRON to T" in result.out) == (rail == "v3_wallet")
    assert shop.creates() == 1


@pytest.mark.parametrize("kind", ["commit_then_timeout", "timeout", "commit_then_drop", "http_500"])
def test_unclear_response_is_not_sent_again(shop, command, kind):
    shop.faults.add("create_invoice", kind)
    result = command("topup", "run", "--json")
    assert (result.code, result.document["decision"], result.document["state"]) == (0, "create", "UNKNOWN")
    again = command("topup", "run", "--json")
    assert (again.code, again.document["decision"]) == (0, "refuse")
    assert again.document["reason"] in ("OUTCOME_UNKNOWN", "PAYMENT_OPEN_AT_VENDOR")
    assert shop.creates() == 1


@pytest.mark.parametrize(("mode", "reason"), [("off", "DISABLED"), ("dry_run", "DRY_RUN_WOULD_CREATE")])
def test_off_and_dry_run_never_create(shop, command, set_topup, mode, reason):
    set_topup(MODE=mode)
    for name in ("run", "plan", "run"):
        result = command("topup", name, "--json")
        assert (result.code, result.document["decision"], result.document["reason"]) == (0, "refuse", reason)
    assert command("topup", "reconcile").code == 0
    assert shop.creates() == 0


def test_default_mode_creates_nothing(shop, command, monkeypatch):
    monkeypatch.delenv("SMSONLINE_TOPUP_MODE")
    assert command("topup", "run", "--json").document["reason"] == "DISABLED"
    assert shop.creates() == 0


def test_pause_stops_payments_until_resume(shop, command):
    result = command("topup", "pause", "--why", "holidays", "--by", "Ada", "--json")
    assert (result.code, result.document) == (0, {"paused": True, "why": "paused by Ada: holidays"})
    for name in ("run", "plan"):
        refused = command("topup", name, "--json").document
        assert refused["reason"] == "KILL_SWITCH"
    assert shop.creates() == 0
    assert command("topup", "resume", "--json").document["paused"] is False
    assert command("topup", "run", "--json").document["decision"] == "create"


@pytest.mark.promise(
    "`SMSONLINE_TOPUP_KILL=1` in the environment stops every program started with it, and `[topup] kill` in the "
    "settings file too."
)
@pytest.mark.parametrize("where", ["environment", "file"])
def test_kill_switch_works_from_environment_and_file(shop, command, home, set_topup, where):
    if where == "environment":
        set_topup(KILL="1")
    else:
        (home / "smsonline.toml").write_text("topup_kill = true\n")
    assert command("topup", "run", "--json").document["reason"] == "KILL_SWITCH"
    assert shop.creates() == 0


def test_approved_payment_is_sent_by_the_next_run(shop, command, set_topup):
    set_topup(MODE="approve")
    waiting = command("topup", "run", "--json").document
    assert (waiting["decision"], waiting["reason"]) == ("refuse", "AWAITING_APPROVAL")
    assert waiting["state"] == "AWAITING_APPROVAL"
    assert shop.creates() == 0
    agreed = command("topup", "approve", waiting["payment_id"], "--by", "Ada", "--json")
    assert (agreed.code, agreed.document["approved_by"]) == (0, "Ada")
    sent = command("topup", "run", "--json").document
    assert (sent["payment_id"], sent["state"]) == (waiting["payment_id"], "OPEN")
    too_late = command("topup", "approve", waiting["payment_id"])
    assert too_late.code == 1
    assert too_late.error_lines == [
        f"error: payment {waiting['payment_id']} is OPEN and does not wait for approval",
    ]
    assert shop.creates() == 1


@pytest.mark.parametrize(
    ("mode", "effect"),
    [
        ("approve", "is approved: the next run asks for it"),
        ("auto", "is approved: the next run asks for it"),
        ("dry_run", "mode dry_run asks for nothing: set SMSONLINE_TOPUP_MODE to approve or auto"),
        ("off", "mode off asks for nothing: set SMSONLINE_TOPUP_MODE to approve or auto"),
    ],
)
def test_approve_says_whether_the_mode_asks_for_it(shop, command, set_topup, mode, effect):
    set_topup(MODE="approve")
    waiting = command("topup", "run", "--json").document["payment_id"]
    set_topup(MODE=mode)
    assert command("topup", "approve", waiting).out.rstrip().endswith(effect)


def test_rejected_payment_is_not_sent(shop, command, set_topup):
    set_topup(MODE="approve")
    waiting = command("topup", "run", "--json").document["payment_id"]
    assert command("topup", "reject", waiting, "--json").document["state"] == "RELEASED"
    assert shop.creates() == 0


@pytest.mark.parametrize(("alias", "name"), [("refuse", "reject"), ("finish", "close")])
def test_former_command_names_still_work(shop, command, set_topup, alias, name):
    set_topup(MODE="approve")
    pending = command("topup", "run", "--json").document["payment_id"]
    former, current = command("topup", alias, pending), command("topup", name, pending)
    assert (former.code, current.code) == ((0, 1) if name == "reject" else (1, 1))
    assert alias not in command("topup", "--help").out.replace(f"(alias: {alias})", "")


def test_paid_payment_is_credited_when_the_balance_shows_it(shop, command):
    payment = command("topup", "run", "--json").document["payment_id"]
    shown = command("topup", "show", payment, "--json").document
    shop.pay(shown["vendor_payment_id"], shown["amount_cents"])
    shop.advance(301)
    result = command("topup", "reconcile", "--json")
    assert (result.code, len(result.document["problems"])) == (0, 1)
    assert re.fullmatch(r"this machine's clock is 0:05:0\d behind the vendor's", result.document["problems"][0])
    assert result.document["moved"][-1] == {"payment_id": payment, "from": "PAID", "to": "CREDITED"}
    # The vendor's clock is now five minutes ahead, and the Date header of its responses shows it.
    assert command("topup", "run", "--json").document["reason"] == "CLOCK_SUSPECT"
    assert shop.creates() == 1


def test_unavailable_vendor_fails_reconcile_and_refuses_run(shop, command):
    shop.faults.add("balance", "http_403")
    result = command("topup", "reconcile", "--json")
    assert result.code == 1
    assert result.document["problems"]
    assert len(result.error_lines) == 1
    refused = command("topup", "run", "--json")
    assert (refused.code, refused.document["reason"]) == (0, "BALANCE_UNREADABLE")
    assert shop.creates() == 0


def test_retries_of_notices_are_timed_by_the_clock_that_counts(shop, command, home, set_topup, monkeypatch):
    """This machine is 400 days ahead: a notice that nobody took must not wait for another 400 days."""
    monkeypatch.setattr("topups.notifications.apprise_notifier.AppriseNotifier.send", lambda *_: False)
    set_topup(NOTIFY="json://127.0.0.1")
    for endpoint in ("balance", "invoices"):
        shop.faults.add(endpoint, "skewed_date")
    assert "clock is 400 days" in command("topup", "reconcile", "--json").document["problems"][0]
    with closing(sqlite3.connect(home / "data" / "ledger.db")) as database:
        waiting = database.execute("SELECT claimed_until FROM outbox WHERE attempts > 0").fetchall()
    this_year = f"{datetime.now(UTC) - timedelta(days=300):%Y-%m-%d}"
    assert waiting and all(at < this_year for (at,) in waiting)
