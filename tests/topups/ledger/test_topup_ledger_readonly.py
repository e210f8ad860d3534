"""A ledger opened for looking: nothing is made, migrated or written, whatever the database."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from topup_fakes import START

from topups.gateway import Balance
from topups.ledger import LedgerNotFound, LedgerUnavailable, open_ledger, open_ledger_readonly


def url_of(ledger) -> str:
    return ledger.engine.url.render_as_string(hide_password=False)


def test_it_reads_what_was_written_and_can_write_nothing(any_ledger):
    any_ledger.record_balance("acc", Balance(700, START), START)
    with open_ledger_readonly(url_of(any_ledger)) as looking:
        assert looking.snapshot("acc", START).balance.cents == 700
        with pytest.raises(LedgerUnavailable, match=r"read-?only"):
            looking.record_balance("acc", Balance(100, START), START)
        with pytest.raises(LedgerUnavailable, match=r"read-?only"):
            looking.update_controls("acc", "resumed", START, paused="")
    assert any_ledger.snapshot("acc", START).balance.cents == 700


def test_it_does_not_wait_for_a_writer(any_ledger):
    with any_ledger.write_transaction(START), open_ledger_readonly(url_of(any_ledger)) as looking:
        assert looking.payments() == []


def test_a_database_without_a_ledger_stays_without_one(any_ledger):
    url = url_of(any_ledger)
    any_ledger.engine.dispose()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(LedgerNotFound):
        open_ledger_readonly(url)
    engine.dispose()


def test_an_older_ledger_is_not_migrated_by_looking(any_ledger):
    with any_ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(LedgerUnavailable, match=r"schema 0000 .* smsonline topup reconcile brings it up to date"):
        open_ledger_readonly(url_of(any_ledger))


@pytest.mark.parametrize("name", ["ledger.db", "some folder/led?er#50%.db"])
def test_where_nothing_is_nothing_is_made(tmp_path, name):
    from sqlalchemy import URL

    url = URL.create("sqlite", database=str(tmp_path / name)).render_as_string()
    with pytest.raises(LedgerNotFound, match="the first reconcile or run makes it"):
        open_ledger_readonly(url)
    assert list(tmp_path.iterdir()) == []
    open_ledger(url).close()
    before = (tmp_path / name).read_bytes()
    with open_ledger_readonly(url) as looking:
        assert looking.payments() == []
    assert (tmp_path / name).read_bytes() == before


def files(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    stored = sorted(folder.iterdir())
    return {file.name: (file.stat().st_mode, file.stat().st_mtime_ns, file.read_bytes()) for file in stored}


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite:///file:{}?uri=true"])
def test_reading_leaves_the_folder_as_it_was(tmp_path, form):
    path = tmp_path / "ledger.db"
    with open_ledger(f"sqlite:///{path}") as ledger:
        ledger.record_balance("acc", Balance(700, START), START)
    path.chmod(0o644)
    before = files(tmp_path)
    assert list(before) == ["ledger.db"]
    with open_ledger_readonly(form.format(path)) as looking:
        assert looking.snapshot("acc", START).balance.cents == 700
        assert looking.events() == []
    assert files(tmp_path) == before


def test_reading_sees_what_an_open_program_wrote(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    open_ledger(url).close()
    with open_ledger_readonly(url) as looking, open_ledger(url) as ledger:
        assert looking.snapshot("acc", START).balance is None
        ledger.record_balance("acc", Balance(700, START), START)
        assert looking.snapshot("acc", START).balance.cents == 700


def test_write_during_a_read_without_locks_is_reported(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    open_ledger(url).close()
    with (
        open_ledger_readonly(url) as looking,
        pytest.raises(LedgerUnavailable, match="while it was read; repeat the command"),
        looking.read_transaction(),
        open_ledger(url) as ledger,
    ):
        ledger.record_balance("acc", Balance(700, START), START)
    with open_ledger_readonly(url) as looking:
        assert looking.snapshot("acc", START).balance.cents == 700


def test_newer_schema_says_to_update_the_program(any_ledger):
    with any_ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerUnavailable, match="update this program"):
        open_ledger_readonly(url_of(any_ledger))


def test_file_that_is_no_ledger_is_reported(tmp_path):
    Path(tmp_path, "ledger.db").write_bytes(b"this is a letter, not a database " * 200)
    with pytest.raises(LedgerUnavailable, match="restore it from a backup"):
        open_ledger_readonly(f"sqlite:///{tmp_path / 'ledger.db'}")
