"""Files of earlier releases: they open, migrate and have the same history as when they were stored.

``files`` has one warehouse per schema version, packed, and beside it the history that its views gave on that day. After
a new migration add one: ``STORE_WAREHOUSE_FILE=1 pytest tests/warehouse/test_stored_files.py``.
"""

import os
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
import zstandard

from assets.datasets import DATASETS
from assets.pii_policy import pii_policy
from assets.replay import Replay
from assets.sync import SyncPipeline
from pipelines.cli.app import app
from smsonline.client import Client
from smsonline.config import Credentials
from smsonline.endpoints import ENDPOINTS
from smsonline.sandbox import Sandbox
from warehouse.database.opening import open_warehouse
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import all_migrations, migrate, schema_version

FILES = Path(__file__).with_name("files")
STORED = sorted(FILES.glob("schema-*.duckdb.zst"))
TABLES = [dataset.table for dataset in DATASETS.values()]
NEWEST = all_migrations()[-1][0]

Rows = list[dict[str, str | None]]


def histories(connection: duckdb.DuckDBPyConnection, columns: dict[str, list[str]]) -> dict[str, Rows]:
    """Every version of every dataset, as DuckDB spells it; all columns where none are named."""
    actual = {}
    for name, listed in columns.items():
        chosen = ", ".join(f'"{column}"' for column in listed) or "*"
        relation = connection.sql(f"SELECT {chosen} FROM sms.{name}_history ORDER BY ALL")
        names = relation.columns
        rows = relation.project("COLUMNS(*)::VARCHAR").fetchall()
        actual[name] = [dict(zip(names, row, strict=True)) for row in rows]
    return actual


def reported_for(path: Path) -> dict[str, Rows]:
    packed = path.with_name(path.name.replace(".duckdb.zst", ".json.zst")).read_bytes()
    reported: dict[str, Rows] = msgspec.json.decode(zstandard.decompress(packed))
    return reported


def columns_of(reported: dict[str, Rows]) -> dict[str, list[str]]:
    return {name: list(rows[0]) for name, rows in reported.items()}


@pytest.fixture(params=STORED, ids=lambda path: path.name.split(".")[0])
def stored(request: Any, warehouse_path: Path) -> tuple[Path, dict[str, Rows]]:
    """A stored file at a place of its own, and what it told when it was stored."""
    warehouse_path.parent.mkdir()
    warehouse_path.write_bytes(zstandard.decompress(request.param.read_bytes()))
    return warehouse_path, reported_for(request.param)


def test_a_file_of_the_present_schema_is_stored() -> None:
    assert f"schema-{NEWEST}.duckdb.zst" in {path.name for path in STORED}
    assert sum(path.stat().st_size for path in FILES.iterdir()) < 2_000_000 * NEWEST


def test_stored_file_migrates_with_the_same_history(stored: tuple[Path, dict[str, Rows]]) -> None:
    path, reported = stored
    with open_warehouse(path) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
        assert schema_version(connection) == NEWEST
        assert histories(connection, columns_of(reported)) == reported
        for name, rows in reported.items():
            current = sum(row["valid_to"] is None for row in rows)
            assert connection.execute(f"SELECT count(*) FROM sms.{name}").fetchall() == [(current,)]
            assert connection.execute(f"SELECT count(*) FROM sms.{name}_as_of(now())").fetchall() == [(current,)]
    with open_warehouse(path, read_only=True) as connection:
        assert histories(connection, columns_of(reported)) == reported


def test_stored_file_can_be_replayed(stored: tuple[Path, dict[str, Rows]]) -> None:
    path, reported = stored
    results = list(Replay(path, DATASETS, ENDPOINTS).run(list(reported)))
    assert {result.outcome.status for result in results} == {"ok"}
    with open_warehouse(path, read_only=True) as connection:
        actual = histories(connection, {name: ["valid_from", "valid_to"] for name in reported})
    assert {name: len(rows) for name, rows in actual.items()} == {name: len(rows) for name, rows in reported.items()}


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a warehouse that a newer program wrote, and complete settings."""
    for name in [name for name in os.environ if name.startswith("SMSONLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SMSONLINE_USER_ID", "7")
    monkeypatch.setenv("SMSONLINE_API_KEY", "a-key-of-tests")
    monkeypatch.setenv("SMSONLINE_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    with open_warehouse(Path("data/warehouse.duckdb")) as connection:
        migrate(connection)
        connection.execute("INSERT INTO ops.migrations VALUES (999, now())")
        connection.execute("ALTER TABLE ops.loads RENAME COLUMN dataset TO data_set")
        connection.execute("CHECKPOINT")
    return Path("data/warehouse.duckdb")


def refusal(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        app(list(arguments))
    assert stop.value.code == 2
    out, err = capfd.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line


@pytest.mark.parametrize("command", ["sync", "status", "query FROM_sms.countries", "query SELECT_1", "replay", "prune"])
def test_a_file_of_a_newer_program_is_refused_with_one_line(
    newer: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    before = newer.read_bytes()
    line = refusal(capfd, *(phrase.replace("_", " ") for phrase in command.split()))
    assert line.startswith("error: ")
    assert f"has schema 999 and this program knows up to {NEWEST}" in line
    assert newer.read_bytes() == before


def of_a_later_storage_version(body: bytes) -> bytes:
    """The file with another version in its header, whose checksum is the exclusive or of each word's hash."""
    phrase = body[8:12] + (int.from_bytes(body[12:16], "little") + 1000).to_bytes(4, "little")
    checksum = int.from_bytes(body[:8], "little")
    for case in (body[8:16], phrase):
        checksum ^= int.from_bytes(case, "little") * 0xBF58476D1CE4E5B9 % 2**64
    return checksum.to_bytes(8, "little") + phrase + body[16:]


@pytest.mark.parametrize("command", ["sync", "status", "query SELECT_1", "replay", "prune"])
def test_a_file_of_a_newer_duckdb_is_refused_with_one_line(
    newer: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    newer.write_bytes(of_a_later_storage_version(newer.read_bytes()))
    before = newer.read_bytes()
    line = refusal(capfd, *(phrase.replace("_", " ") for phrase in command.split()))
    assert line == f"error: {newer} is not a DuckDB file that this version reads: set SMSONLINE_WAREHOUSE to another"
    assert newer.read_bytes() == before


@pytest.mark.skipif("STORE_WAREHOUSE_FILE" not in os.environ, reason="writes a new file into the tree")
def test_store_a_file_of_the_present_schema(vendor_client: Client, sandbox: Sandbox, warehouse_path: Path) -> None:
    """Three syncs with time between: changes, closed and returned rows, drift, rejects, a refused answer."""
    privacy = pii_policy(Credentials(sandbox.user_id, sandbox.api_key))
    path = SyncPipeline(vendor_client, sandbox.user_id, warehouse_path, privacy)
    faults = {"popular": "extra_field", "statistics": "empty_list", "invoices": "wrong_type"}
    for times in (0, 1, 0):
        for endpoint, kind in faults.items() if times else ():
            sandbox.faults.add(endpoint, kind, times)
        list(path.sync(list(DATASETS)))
        sandbox.advance(3 * 3600)
    with open_warehouse(warehouse_path) as connection:
        connection.execute("CHECKPOINT")
        reported = histories(connection, {name: [] for name in DATASETS})
        assert connection.execute("SELECT count(DISTINCT status) FROM ops.loads").fetchall() == [(2,)]
        assert connection.execute("SELECT count(DISTINCT dataset) FROM ops.rejects").fetchall() != [(0,)]
    assert all(reported.values())
    FILES.mkdir(exist_ok=True)
    for name, body in (("duckdb", warehouse_path.read_bytes()), ("json", msgspec.json.encode(reported))):
        (FILES / f"schema-{NEWEST}.{name}.zst").write_bytes(zstandard.compress(body, 19))
