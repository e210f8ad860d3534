"""The ledger's identity, and who may read its file."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text
from topup_fakes import START

from topups.gateway import Balance
from topups.ledger import LedgerOutdated, open_ledger, open_ledger_readonly
from topups.ledger.schema import identity


def ledger_id(ledger) -> str:
    with ledger.read_transaction() as connection:
        return connection.execute(select(identity.c.ledger_id)).scalar_one()


def url_of(ledger) -> str:
    return ledger.engine.url.render_as_string(hide_password=False)


def test_identity_is_made_once(any_ledger):
    made = ledger_id(any_ledger)
    with open_ledger(url_of(any_ledger)) as again:
        assert ledger_id(again) == made


def test_ledgers_have_different_identities(tmp_path):
    ids = set()
    for name in ("a.db", "b.db"):
        with open_ledger(f"sqlite:///{tmp_path / name}") as ledger:
            ids.add(ledger_id(ledger))
    assert len(ids) == 2


SINCE_0003 = (
    *("payments.final_cents", "payments.instructions_problem", "payments.unit_proof"),
    *("controls.unproven_until", "controls.unproven_reason"),
)


def test_ledger_of_the_first_schema_gets_an_identity(any_ledger):
    any_ledger.record_balance("acc", Balance(700, START), START)
    engine = create_engine(url_of(any_ledger))
    with engine.begin() as connection:
        for table in ("identity", "blocked"):
            connection.execute(text(f"DROP TABLE {table}"))
        for column in SINCE_0003:
            connection.execute(text(f"ALTER TABLE {column.replace('.', ' DROP COLUMN ')}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    with pytest.raises(LedgerOutdated, match="brings it up to date"):
        open_ledger_readonly(url_of(any_ledger))
    with open_ledger(url_of(any_ledger)) as migrated:
        assert len(ledger_id(migrated)) == 36
        assert migrated.snapshot("acc", START).balance.cents == 700


def modes(folder: Path) -> dict[str, str]:
    return {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in folder.glob("ledger.db*")}


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite:///file:{}?uri=true"])
def test_new_ledger_and_its_log_are_the_owners_alone(tmp_path, form):
    with open_ledger(form.format(tmp_path / "ledger.db")) as ledger:
        ledger.record_balance("acc", Balance(700, START), START)
        assert modes(tmp_path) == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm"), "0o600")


def test_readable_ledger_is_tightened_when_it_is_opened(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with open_ledger(url) as ledger:
        ledger.record_balance("acc", Balance(700, START), START)
        for file in tmp_path.iterdir():
            file.chmod(0o644)
        with open_ledger(url):
            assert set(modes(tmp_path).values()) == {"0o600"}


def test_ledger_that_another_user_owns_still_opens(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    open_ledger(url).close()
    monkeypatch.setattr(Path, "chmod", refuse)
    with open_ledger(url) as ledger:
        assert ledger.payments() == []
