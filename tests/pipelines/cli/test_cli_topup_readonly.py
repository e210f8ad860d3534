"""Commands that only look change no file: they create, migrate and tighten nothing."""

import pytest
from sqlalchemy import create_engine, text

from pipelines.settings import load_settings
from topups.ledger import open_ledger

pytest_plugins = ("topup_shop",)

LOOKING = (("list",), ("show", "no-such-id"), ("plan",), ("plan", "--at", "2026-03-02"))


def names(home) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*ledger*")}


@pytest.fixture
def ledger_file(shop):
    file = load_settings().ledger_file
    assert file is not None
    return file


def test_looking_without_a_ledger_makes_none(shop, command, home):
    listed, shown, planned, then = (command("topup", *arguments, "--json") for arguments in LOOKING)
    assert (listed.code, listed.document) == (0, [])
    assert (shown.code, planned.code, then.code) == (2, 0, 0)
    assert "there is no payment 'no-such-id': there is no ledger yet" in shown.document["error"]
    assert planned.document["decision"] == "create" or planned.document["planned"]
    assert "there is no ledger yet" in planned.document["ledger_note"]
    assert "there is no ledger yet" in command("topup", "plan").out
    assert command("topup", "list").code == 0
    command("doctor", "--json")
    assert names(home) == set()


def test_looking_leaves_the_ledger_as_it_was(shop, command, home, ledger_file):
    command("topup", "run")
    ledger_file.chmod(0o644)
    before, stat, there = ledger_file.read_bytes(), ledger_file.stat(), names(home)
    for arguments in LOOKING:
        command("topup", *arguments)
    command("doctor", "--json")
    assert (ledger_file.read_bytes(), names(home)) == (before, there)
    assert (ledger_file.stat().st_mode, ledger_file.stat().st_mtime_ns) == (stat.st_mode, stat.st_mtime_ns)
    assert "ledger_note" not in command("topup", "plan", "--json").document


@pytest.mark.parametrize("arguments", LOOKING)
def test_older_schema_names_the_command(shop, command, ledger_file, arguments):
    url = f"sqlite:///{ledger_file}"
    open_ledger(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    engine.dispose()
    before = ledger_file.read_bytes()
    result = command("topup", *arguments)
    assert (result.code, len(result.error_lines)) == (1, 1)
    assert "schema 0002" in result.err
    assert "smsonline topup reconcile brings it up to date" in result.err
    assert ledger_file.read_bytes() == before
