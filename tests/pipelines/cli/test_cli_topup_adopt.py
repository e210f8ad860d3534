"""``smsonline topup adopt``, and a pause and kill switches that outlive the ledger."""

import shutil

import pytest

from pipelines.bootstrap import companion_files
from pipelines.settings import load_settings
from pipelines.topups.service import TopUpService
from topups.ledger import open_ledger

pytest_plugins = ("topup_shop",)


@pytest.fixture
def ledger_path(home):
    return home / "data/ledger.db"


def states(command):
    return [entry["exception"] for entry in command("topup", "list", "--json").document if entry["state"] == "EXTERNAL"]


def reason(command):
    return command("topup", "run", "--json").document["reason"]


def remove_ledger(ledger_path):
    for path in ledger_path.parent.glob("ledger.db*"):
        path.unlink()


def test_adopt_accepts_the_payments_of_a_new_ledger(shop, command):
    command("topup", "reconcile")
    unproven = states(command)
    assert set(unproven) == {"unproven"}
    adopted = command("topup", "adopt", "--by", "anna", "--json")
    assert (adopted.code, len(adopted.document["adopted"])) == (0, len(unproven))
    assert set(states(command)) == {"external"}
    again = command("topup", "adopt")
    assert again.code == 0
    assert again.out == "this ledger is accepted as complete: what it could not attribute counts towards no limit\n"
    with open_ledger("sqlite:///data/ledger.db") as ledger:
        events = [event for event in ledger.events() if event.kind == "adopted_ledger"]
    assert [event.changes["by"] for event in events] == ["anna"]


def test_adopt_prints_what_it_accepts(shop, command):
    result = command("topup", "adopt")
    assert result.code == 0
    assert "payments made by others" in result.out
    assert "15.00 USD" in result.out


def test_restored_ledger_is_doubted_once(shop, command, ledger_path, home):
    """By the warehouse's copy too; status shows the doubt until it is over."""
    command("topup", "reconcile")
    shutil.copytree(ledger_path.parent, home / "backup")
    command("topup", "run")
    TopUpService(load_settings()).copy_ledger()
    remove_ledger(ledger_path)
    shutil.copy(home / "backup/ledger.db", ledger_path)
    contradiction = "the ledger is an earlier copy: its last"
    assert contradiction in command("topup", "reconcile").err
    note = next(line for line in command("status").out.splitlines() if contradiction in line)
    assert note.startswith("note: ")
    assert "smsonline topup adopt" in note
    assert command("topup", "reconcile").err == ""
    assert command("topup", "adopt").code == 0
    assert contradiction not in command("status").out
    assert command("topup", "reconcile").err == ""
    assert contradiction not in command("status").out


def test_adopt_needs_the_vendors_list(shop, command):
    shop.faults.add("invoices", "http_500")
    result = command("topup", "adopt", "--json")
    assert (result.code, len(result.error_lines)) == (1, 1)
    assert "nothing is adopted without the vendor's list" in result.document["error"]


@pytest.mark.parametrize("content", [b"no database " * 100, None])
def test_pause_works_without_a_ledger(shop, command, ledger_path, content):
    ledger_path.parent.mkdir(exist_ok=True)
    ledger_path.mkdir() if content is None else ledger_path.write_bytes(content)
    result = command("topup", "pause", "--why", "who spends this", "--by", "anna", "--json")
    assert result.code == 0
    assert result.document == {"paused": True, "why": "paused by anna: who spends this"}
    assert "warning: the pause is in a file beside the ledger only" in result.err
    ledger_path.rmdir() if content is None else ledger_path.unlink()
    assert reason(command) == "KILL_SWITCH"
    assert shop.creates() == 0


@pytest.mark.parametrize("lost", ["ledger", "folder"])
def test_pause_outlives_the_ledger(shop, command, ledger_path, lost):
    command("topup", "pause")
    if lost == "folder":
        remove_ledger(ledger_path)
    else:
        ledger_path.unlink()
    assert reason(command) == "KILL_SWITCH"
    assert command("topup", "plan", "--json").document["reason"] == "KILL_SWITCH"
    command("topup", "resume")
    assert reason(command) is None
    assert shop.creates() == 1


def test_resume_names_a_file_that_stays(shop, command, home):
    (home / "data/ledger.db.paused").mkdir(parents=True)
    result = command("topup", "resume", "--json")
    assert result.code == 1
    assert "ledger.db.paused cannot be removed" in result.document["error"]
    assert reason(command) == "KILL_SWITCH"


@pytest.mark.promise("Any one of these switches stops; none undoes another")
@pytest.mark.parametrize("variable", ["", "0", "off", None])
def test_variable_does_not_undo_the_files_kill_switch(shop, command, home, monkeypatch, variable):
    (home / "smsonline.toml").write_text("[topup]\nkill = true\n")
    if variable is not None:
        monkeypatch.setenv("SMSONLINE_TOPUP_KILL", variable)
    assert reason(command) == "KILL_SWITCH"


def test_damaged_watermark_is_named(shop, command, home):
    command("topup", "run")
    path = home / "data/ledger.db.watermark"
    path.write_text("{")
    result = command("topup", "reconcile", "--json")
    assert result.code == 0
    assert f"{path} cannot be read" in result.error_lines[0]
    assert command("topup", "reconcile").err == "", "the next run has replaced it"


def test_unwritable_places_send_nothing(shop, command):
    command("topup", "reconcile")
    for base in companion_files(load_settings()).places:
        path = base.with_name(base.name + ".watermark")
        path.unlink(missing_ok=True)
        path.mkdir()
    result = command("topup", "run", "--json")
    assert (result.code, result.document["reason"]) == (1, "LEDGER_UNAVAILABLE")
    assert "cannot be written" in result.document["error"]
    assert shop.creates() == 0
