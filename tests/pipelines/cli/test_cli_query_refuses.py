"""``smsonline query`` is read-only: no statement changes a file or reaches anything but the warehouse."""

import hashlib
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.datasets import DATASETS
from pipelines.cli.query import LOCKS
from warehouse.database.opening import open_warehouse
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

WRITES = [
    "DELETE FROM store.countries",
    "INSERT INTO ops.rejects SELECT * FROM ops.rejects",
    "UPDATE store.countries SET country = 'x'",
    "MERGE INTO store.countries c USING store.countries d ON c.carrier = d.carrier WHEN MATCHED THEN DELETE",
    "TRUNCATE store.countries",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE OR REPLACE VIEW sms.countries AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "CREATE SECRET s (TYPE s3)",
    "ALTER TABLE store.countries ADD COLUMN x INT",
    "DROP VIEW sms.countries",
    "COMMENT ON TABLE store.countries IS 'x'",
    "COPY store.countries TO 'stolen.csv'",
    "COPY (SELECT 1) TO 'stolen.parquet' (FORMAT parquet)",
    "COPY store.countries FROM 'stolen.csv'",
    "COPY FROM DATABASE warehouse TO memory",
    "EXPORT DATABASE 'stolen'",
    "IMPORT DATABASE 'stolen'",
    "ATTACH 'stolen.duckdb'",
    "ATTACH ':memory:' AS m",
    "DETACH warehouse",
    "USE sms",
    "SET threads = 1",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "SET VARIABLE x = 1",
    "PRAGMA disable_checkpoint_on_shutdown",
    "PRAGMA enable_profiling",
    "INSTALL httpfs",
    "LOAD httpfs",
    "UPDATE EXTENSIONS",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "BEGIN",
    "CALL enable_logging('QueryLog')",
    "PREPARE p AS DELETE FROM store.countries",
    "EXECUTE p",
]
# What a SELECT could do on a connection without locks: read and write other files, and call the network.
ESCAPES = [
    "SELECT * FROM read_csv('secret.csv')",
    "SELECT * FROM read_text('secret.csv')",
    "SELECT * FROM read_blob('secret.csv')",
    "SELECT * FROM read_json('secret.csv')",
    "SELECT * FROM glob('*')",
    "FROM 'secret.csv'",
    "FROM 'stolen.parquet'",
    "FROM read_duckdb('secret.csv')",
    "FROM sniff_csv('secret.csv')",
    "FROM 'http://127.0.0.1:9/stolen.parquet'",
    "FROM 's3://bucket/stolen.parquet'",
    "SELECT * FROM sqlite_scan('ledger.db', 'payments')",
    "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = 'stolen')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''stolen.csv''')",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO 'stolen.csv'",
    "EXPLAIN ANALYZE INSERT INTO ops.rejects SELECT * FROM ops.rejects",
    "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
    "FROM sql",
    "FROM connection",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a warehouse and an unrelated file."""
    folder = tmp_path_factory.mktemp("folder")
    with open_warehouse(folder / "warehouse.duckdb") as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
        connection.execute("INSERT INTO store.countries (country_code, carrier) VALUES ('12', 'any')")
        connection.execute("INSERT INTO ops.watermarks (dataset) VALUES ('countries')")
        connection.execute("CHECKPOINT")
    (folder / "secret.csv").write_text("secret\ncanary-9c1d\n")
    return folder


@pytest.fixture
def run_query(folder, home, command, monkeypatch):
    """Runs a query and checks that no file of the folder changed."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "warehouse.duckdb")

    def run(sql: str, *options: str):
        before = files(folder)
        result = command("query", sql, *options)
        assert files(folder) == before, sql
        assert "canary-9c1d" not in result.out + result.err
        assert "Traceback" not in result.err
        return result

    return run


def files(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.md5(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("sql", [*WRITES, "SELECT 1; DROP VIEW sms.countries", "SELECT 1; SELECT 2", "", ";", " --"])
def test_only_one_read_only_statement_is_accepted(run_query, sql):
    result = run_query(sql)
    assert (result.code, result.out, len(result.err.splitlines())) == (1, "", 1)


def test_statement_that_is_not_utf8_is_refused_in_one_line(run_query):
    result = run_query("SELECT '\udcff'")  # how Python passes on an argument with the byte 0xFF
    assert (result.code, result.out) == (1, "")
    assert result.err == "error: the statement is not UTF-8 text\n"


@pytest.mark.parametrize("sql", ESCAPES)
def test_select_cannot_reach_files_network_or_variables(run_query, sql):
    result = run_query(sql, "--format", "csv")
    assert len(result.err.splitlines()) <= 1
    assert result.code == 1 or "enable_logging" in sql


BEFORE = [
    "",
    " \n",
    "-- a comment\n",
    "/* FROM */ ",
    "EXPLAIN ",
    "EXPLAIN ANALYZE ",
    "WITH t AS (SELECT 1) ",
    "SELECT 1;",
    "(",
]
AFTER = ["", ";", " -- ", ";;", "; SELECT 1", " RETURNING *", ")", ") SELECT 1"]


@settings(max_examples=40)
@given(
    st.sampled_from(BEFORE),
    st.sampled_from(["", "FROM (", "SELECT * FROM (", "WITH t AS ("]),
    st.sampled_from(WRITES),
    st.sampled_from(AFTER),
    st.sampled_from([str, str.lower, str.title]),
    st.sampled_from(["table", "csv", "json"]),
)
def test_disguised_writes_change_nothing(run_query, before, opening, write, after, case, format):
    result = run_query(before + opening + case(write) + after, "--format", format)
    # Only a plan can be returned, or a result in which the write was part of a comment.
    assert result.code == 1 or before == "EXPLAIN "
    assert result.code == 0 or len(result.err.splitlines()) == 1


def test_no_duckdb_table_function_writes_a_file(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = (
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table' AND internal ORDER BY 1"
    )
    before = files(folder)
    with open_warehouse(folder / "warehouse.duckdb", read_only=True) as connection:
        for lock in LOCKS:
            connection.execute(lock)
        functions = [row[0] for row in connection.execute(names).fetchall() if "profiling" not in row[0]]
        assert len(functions) > 50
        for name in functions:
            for arguments in ("", "'stolen.csv'", "'stolen.csv', 'stolen'"):
                try:
                    connection.execute(f"SELECT * FROM {name}({arguments}) LIMIT 3").fetchall()
                except duckdb.Error as error:
                    assert "canary" not in str(error)
    assert files(folder) == before
