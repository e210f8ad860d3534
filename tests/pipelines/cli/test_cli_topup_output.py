"""``smsonline topup``: JSON, text and errors of the commands."""

import os

import pytest

pytest_plugins = ("topup_shop",)

# apprise imports a module that Python deprecates.
IMGHDR = pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")
LISTED = {"payment_id", "account_id", "state", "exception", "amount_cents", "rail", "vendor_payment_id", "created_at"}


@pytest.mark.parametrize("name", ["run", "plan"])
def test_missing_limits_are_named_in_the_refusal(shop, command, monkeypatch, name):
    for cap in ("CAP_DAY_CENTS", "CAP_MONTH_CENTS"):
        monkeypatch.delenv(f"SMSONLINE_TOPUP_{cap}")
    result = command("topup", name, "--json")
    assert (result.code, result.document["reason"]) == (0, "NO_POLICY")
    text = command("topup", name).out
    assert "SMSONLINE_TOPUP_CAP_DAY_CENTS, SMSONLINE_TOPUP_CAP_MONTH_CENTS must be set" in text
    assert "CAP_WEEK" not in text
    assert shop.creates() == 0


def test_plan_without_limits_stays_narrow(shop, command, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SMSONLINE_TOPUP_") and name.endswith("_CENTS")]:
        monkeypatch.delenv(name)
    text = command("topup", "plan").out
    row = next(line for line in text.splitlines() if "blocks (NO_POLICY)" in line)
    assert len(row.rstrip()) < 140
    assert row.rstrip().endswith("SMSONLINE_TOPUP_THRESHOLD_CENTS, ...")
    assert "CAP_WEEK_CENTS" in text, "below the table"


def test_malformed_setting_exits_2_with_one_line(shop, command, set_topup):
    set_topup(RAIL="cash")
    result = command("topup", "run", "--json")
    assert result.code == 2
    assert result.err.splitlines() == [f"error: {result.document['error']}"]
    assert result.document["error"].startswith("SMSONLINE_TOPUP_RAIL: ")


@pytest.mark.parametrize("name", ["show", "approve"])
def test_unknown_payment_exits_2_with_one_line(shop, command, name):
    result = command("topup", name, "no-such-id", "--json")
    assert result.code == 2
    assert "smsonline topup list" in result.document["error"]
    assert len(result.error_lines) == 1


def test_list_is_an_array_newest_first(shop, command):
    assert command("topup", "list", "--json").document == []
    result = command("topup", "run", "--json").document
    entries = command("topup", "list", "--json").document
    ours = next(entry for entry in entries if entry["payment_id"] == result["payment_id"])
    assert set(ours) >= LISTED
    assert (ours["account_id"], ours["rail"], ours["state"]) == (shop.user_id, "v3_invoice", "OPEN")
    assert ours["vendor_payment_id"] in {row["payment_id"] for row in shop.truth()["invoices"]}
    assert len(command("topup", "list", "--limit", "1", "--json").document) == 1
    table = command("topup", "list").out
    assert result["payment_id"][:8] in table or result["payment_id"][-8:] in table


def test_show_prints_the_verified_link_and_the_history(shop, command):
    payment = command("topup", "run", "--json").document["payment_id"]
    shown = command("topup", "show", payment, "--json").document
    assert shown["url"].startswith("https://pay.cryptomus.com/pay/")
    assert "claim" not in shown
    assert [event["to"] for event in shown["events"] if event["to"]] == ["PLANNED", "RESERVED", "SENDING", "OPEN"]
    by_vendor_id = command("topup", "show", shown["vendor_payment_id"])
    assert shown["url"] in by_vendor_id.out


def test_plan_lists_every_rule_and_changes_nothing(shop, command):
    result = command("topup", "plan", "--json")
    assert (result.code, result.document["decision"], result.document["reason"]) == (0, "create", None)
    rules = {rule["reason"]: rule for rule in result.document["rules"]}
    assert {"BALANCE_OK", "CAP_DAY", "CAP_WEEK", "CAP_MONTH", "EXPOSURE_CAP", "VENDOR_LIST_UNAVAILABLE"} <= set(rules)
    assert all(rule["passed"] and rule["figure"] for rule in rules.values())
    assert rules["CAP_DAY"]["limit"] == "400.00 USD"
    assert command("topup", "list", "--json").document == []
    text = command("topup", "plan").out
    assert "would be asked for by v3_invoice" in text
    assert [line.split()[-2:] for line in text.splitlines() if "day cap" in line] == [["400.00", "USD"]]
    assert {"check", "result", "value", "limit"} <= set(text.splitlines()[2].split())
    assert shop.creates() == 0


def test_plan_agrees_with_the_next_run(shop, command):
    shop.faults.add("invoices", "http_403")
    planned = command("topup", "plan", "--json").document
    assert planned["reason"] == command("topup", "run", "--json").document["reason"] == "VENDOR_LIST_UNAVAILABLE"


def test_plan_replays_the_past_under_another_policy(shop, command, home):
    before = command("topup", "plan", "--json").document["at"]
    command("topup", "run")
    after = command("topup", "plan", "--json").document["at"]
    calls = shop.requests.by_endpoint()
    override = home / "other.toml"
    override.write_text("threshold_cents = 100\ntarget_cents = 200\namount_min_cents = 100\n")
    for at, reason, under_other in (
        (before, "BALANCE_UNREADABLE", "BALANCE_UNREADABLE"),
        (after, "PAYMENT_OPEN_AT_VENDOR", "BALANCE_OK"),
    ):
        assert command("topup", "plan", "--at", at, "--json").document["reason"] == reason
        replayed = command("topup", "plan", "--at", at, "--policy", str(override), "--json").document
        assert (replayed["at"], replayed["reason"]) == (at, under_other)
    assert shop.requests.by_endpoint() == calls


def test_wrong_policy_file_exits_2_with_one_line(shop, command, home):
    (home / "other.toml").write_text("cap_dya_cents = 1\n")
    result = command("topup", "plan", "--policy", "other.toml")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "cap_dya_cents" in result.err
    assert command("topup", "plan", "--policy", "missing.toml").code == 2


@pytest.mark.parametrize("name", ["run", "plan", "reconcile", "list", "resume"])
def test_corrupt_ledger_is_one_line(shop, command, home, name):
    (home / "data").mkdir()
    (home / "data/ledger.db").write_bytes(b"this is a letter, not a database " * 200)
    result = command("topup", name, "--json")
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert "restore it from a backup" in result.error_lines[0]
    assert "restore it from a backup" in result.document["error"]
    assert result.document.get("reason") == ("LEDGER_UNAVAILABLE" if name in ("run", "plan") else None)
    assert shop.creates() == 0


@pytest.mark.parametrize("name", ["run", "reconcile", "resume"])
def test_read_only_ledger_is_one_line(shop, command, home, monkeypatch, name):
    command("topup", "list")
    monkeypatch.setenv("SMSONLINE_LEDGER", f"sqlite:///file:{home}/data/ledger.db?mode=ro&uri=true")
    result = command("topup", name, "--json")
    assert result.code == 1, result
    assert len(result.err.splitlines()) == 1
    assert "make the file and its folder writable" in result.error_lines[0]
    assert command("topup", "list", "--json").document == []
    assert shop.creates() == 0


def test_run_delivers_its_own_notices(shop, command, set_topup, monkeypatch):
    sent = []

    class Inbox:
        problems = ()

        def __init__(self, urls):
            self.urls = urls

        def send(self, notice):
            sent.append((self.urls, notice.title))
            return True

    monkeypatch.setattr("topups.notifications.apprise_notifier.AppriseNotifier", Inbox)
    set_topup(NOTIFY="json://one/a,b json://two, mailto://three")
    assert command("topup", "run", "--json").document["notices_delivered"] == len(sent) > 0
    assert any(title.startswith("Please pay ") for _, title in sent)
    assert sent[0][0] == ["json://one/a,b", "json://two", "mailto://three"]
    assert command("topup", "reconcile", "--json").document["notices_delivered"] == 0


@IMGHDR
def test_no_output_contains_a_secret(shop, command, home, set_topup):
    # Nobody listens there: the notice waits, and its address is a secret all the same.
    set_topup(NOTIFY=f"json://{shop.api_key}:{shop.api_key}@127.0.0.1:9/, json://{shop.api_key}@127.0.0.1:9/")
    for arguments in (["run"], ["run", "--json"], ["reconcile"], ["plan"], ["list", "--json"], ["list"]):
        result = command("topup", *arguments)
        assert result.code == 0
        assert shop.api_key not in result.out + result.err
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files, "the ledger at least"
    assert not [path for path in files if shop.api_key.encode() in path.read_bytes()]


@IMGHDR
def test_invalid_notice_address_is_named_by_number(shop, command, set_topup):
    set_topup(NOTIFY=f"json://127.0.0.1/ nonsense://{shop.api_key}")
    result = command("topup", "run", "--json")
    assert (result.code, shop.api_key in result.out + result.err) == (0, False)
    assert "warning: SMSONLINE_TOPUP_NOTIFY: address number 2" in result.err
    assert shop.creates() == 1


def test_further_policy_entries_come_from_the_file(shop, command, home):
    (home / "smsonline.toml").write_text("[topup]\napproval_above_cents = 100\n")
    assert command("topup", "run", "--json").document["reason"] == "AWAITING_APPROVAL"
    (home / "smsonline.toml").write_text('topup_mode = "auto"\n[topup]\nmode = "auto"\n')
    result = command("topup", "run")
    assert (result.code, "SMSONLINE_TOPUP_MODE" in result.err) == (2, True)
    (home / "smsonline.toml").write_text('[topup_units]\nbalance = "euros"\n')
    assert command("topup", "run").error_lines == ["error: topup_units.balance must be cents or dollars, not 'euros'"]


@pytest.mark.parametrize("arguments", [["--help"], ["topup", "--help"]])
def test_help_imports_nothing_heavy(home, imported, arguments):
    assert not {"pandas", "dagster", "sqlalchemy", "httpx", "apprise", "alembic"} & imported(*arguments)


def test_malformed_ledger_url_is_a_wrong_setting(shop, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_LEDGER", shop.api_key)
    result = command("topup", "list", "--json")
    assert (result.code, shop.api_key in result.out + result.err) == (2, False)
    assert result.document["error"].startswith("SMSONLINE_LEDGER: ")


def test_run_imports_neither_pandas_nor_dagster(shop, imported):
    assert not {"pandas", "dagster", "numpy", "apprise"} & imported("topup", "run")


def test_notify_reports_each_address_without_its_secret(shop, command, set_topup, monkeypatch):
    monkeypatch.setattr(
        "topups.notifications.apprise_notifier.AppriseNotifier.send", lambda notifier, _: not notifier.problems
    )
    assert command("topup", "notify", "--test", "--json").code == 2
    set_topup(NOTIFY=f"json://{shop.api_key}@127.0.0.1/{shop.api_key} nonsense://{shop.api_key}")
    result = command("topup", "notify", "--test", "--json")
    assert (result.code, shop.api_key in result.out + result.err) == (1, False)
    rows = [(row["address"], row["accepted"]) for row in result.document["addresses"]]
    assert rows == [("json://127.0.0.1", True), ("nonsense://", False)]


@pytest.mark.parametrize(
    "notify", ["json://127.0.0.1/a, {word}", "json://127.0.0.1/a {word}", "{word},json://127.0.0.1/a"]
)
def test_word_beside_an_address_is_reported(shop, command, set_topup, notify):
    set_topup(NOTIFY=notify.format(word=shop.api_key))
    result = command("topup", "notify", "--json")
    assert (result.code, shop.api_key in result.out + result.err) == (1, False)
    assert sorted(row["address"] for row in result.document["addresses"]) == ["(not an address)", "json://127.0.0.1"]


def test_run_names_what_helps(shop, command, set_topup):
    set_topup(MODE="approve")
    assert "what to do: smsonline topup approve " in command("topup", "run").out
    waiting = command("topup", "list", "--json").document[0]["payment_id"]
    assert f"what to do: smsonline topup approve {waiting}" in command("topup", "run").out
    short = command("topup", "show", waiting[:4])
    assert short.error_lines == [
        f"error: '{waiting[:4]}' is too short for an id: give 8 characters as in smsonline topup list"
    ]


def test_missing_notification_address_is_reported(shop, command):
    assert "warning: SMSONLINE_TOPUP_NOTIFY is not set" in command("topup", "run").err
    assert "note: SMSONLINE_TOPUP_NOTIFY is not set" in command("topup", "plan").out
