"""``smsonline query``."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

from pipelines.cli.choices import Format
from pipelines.cli.console import FAILED, MISCONFIGURED, clear_errors, print_table, say, stop
from pipelines.cli.sql_errors import explained
from pipelines.settings import load_settings
from warehouse.database.opening import open_warehouse
from warehouse.errors import NotAWarehouse
from warehouse.publishing.publish import published_path
from warehouse.schema.migrations import require_known_version
from warehouse.sql import fetch_one, quote_literal

Connection = duckdb.DuckDBPyConnection

COPY_OPTIONS = {Format.csv: "FORMAT csv, HEADER", Format.json: "FORMAT json, ARRAY", Format.parquet: "FORMAT parquet"}
WAREHOUSE_ONLY = re.compile(r"\b(raw|ops|store)\b", re.IGNORECASE)
READS = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
NUMBERS = ("BIGINT", "INTEGER", "DOUBLE", "DECIMAL", "HUGEINT", "FLOAT", "UBIGINT", "SMALLINT", "TINYINT")
# The file is opened for reading only. A SELECT could still read and write other files, call the network, load
# extensions, and take a variable of this program for a table.
LOCKS = (
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)


def run_query(sql: str, format: Format, out: Path | None) -> None:
    """Writes the rows of one reading statement to ``out`` or stdout."""
    if format is Format.parquet and out is None:
        stop("parquet is a file format: name the file with --out", MISCONFIGURED)
    with clear_errors(), tempfile.TemporaryDirectory() as folder:
        if out is not None:
            _refuse_target(out)
        warehouse = load_settings().warehouse
        with open_warehouse(_source(warehouse, sql), read_only=True) as connection:
            synced = _refuse_empty(connection, warehouse)
            _lock(connection, Path(folder))
            try:
                statement = _one_read(connection, sql)
                if format is Format.table and out is None:
                    _print(connection, statement)
                else:
                    _copy(connection, statement, format if format is not Format.table else Format.csv, Path(folder))
            except duckdb.Error as error:
                stop(explained(connection, sql, error), FAILED)
        if format is not Format.table or out is not None:
            _hand_over(Path(folder, "rows"), out)
        if not synced:
            say(f"note: nothing has been synced into {warehouse} yet: run smsonline sync")


def _refuse_target(out: Path) -> None:
    """A folder cannot hold the answer, and a database is no answer: most likely the option names the wrong file."""
    if not out.name or out.is_dir():
        stop(f"--out names {'a folder' if out.name else 'no file'}: name a file", MISCONFIGURED)
    if out.is_file() and _is_database(out):
        stop(f"{out} is a database: name another file with --out", MISCONFIGURED)


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(16)
    return head[8:12] == b"DUCK" or head.startswith(b"SQLite format 3")


def _source(warehouse: Path, sql: str) -> Path:
    """The analysts' copy, which no sync ever holds; the warehouse itself for what only that has."""
    copy = published_path(warehouse)
    return warehouse if WAREHOUSE_ONLY.search(sql) or not copy.exists() else copy


def _refuse_empty(connection: Connection, warehouse: Path) -> bool:
    """Whether any dataset was ever loaded. Raises ``NotAWarehouse`` for a file that has no tables of ours yet."""
    if not fetch_one(
        connection, "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'ops' AND table_name = 'watermarks'"
    ):
        require_known_version(connection)
        raise NotAWarehouse(f"{warehouse} holds no tables yet: run smsonline sync first")
    if fetch_one(connection, "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'ops' AND table_name = 'migrations'"):
        require_known_version(connection)
    return fetch_one(connection, "SELECT 1 FROM ops.watermarks LIMIT 1") is not None


def _lock(connection: Connection, folder: Path) -> None:
    """From here on nothing is within the connection's reach but its own file, and ``folder`` for the answer."""
    connection.execute(f"SET allowed_directories = [{quote_literal(str(folder))}]")
    for lock in LOCKS:
        connection.execute(lock)


def _one_read(connection: Connection, sql: str) -> str:
    statements = connection.extract_statements(sql)
    if sql.lstrip().upper().startswith("PIVOT") and len(statements) == 2:
        stop("PIVOT has to find its columns out first: name them, as in ON carrier IN ('any', 'verizon')", FAILED)
    if len(statements) != 1:
        stop(f"one statement is expected, {len(statements)} came", FAILED)
    if not _reads(statements[0]):
        stop("query only reads: a SELECT is expected; tables are written by sync alone", FAILED)
    return _without_end(statements[0].query)


def _reads(statement: duckdb.Statement) -> bool:
    try:
        return statement.type in READS
    except ValueError:  # a kind that DuckDB's Python side has no name for
        return False


def _without_end(statement: str) -> str:
    """Without the semicolon and what stands behind it: the statement becomes part of another."""
    text = statement.encode()  # DuckDB counts bytes
    places = [place for place, kind in duckdb.tokenize(statement) if kind != duckdb.token_type.comment]
    while places and text[places[-1] :].startswith(b";"):
        text = text[: places.pop()]
    return text.decode()


def _print(connection: Connection, statement: str) -> None:
    relation = connection.sql(statement)
    columns = list(zip(relation.columns, map(str, relation.types), strict=True))
    # DuckDB spells every value itself: no type passes through Python and loses digits or a zone.
    rows = relation.project("COLUMNS(*)::VARCHAR").fetchall()
    right = [name for name, type_ in columns if type_.startswith(NUMBERS) and not type_.endswith("]")]
    print_table(f"{len(rows)} rows", relation.columns, rows, right=right)


def _copy(connection: Connection, statement: str, format: Format, folder: Path) -> None:
    """Writes the answer to ``rows`` in ``folder``; by way of a relation, as COPY takes no DESCRIBE or SUMMARIZE.

    The relation has no part in the copying itself: DuckDB would be deaf to Ctrl-C until it has ended.
    """
    connection.register("answer", connection.sql(statement))
    connection.execute(f"COPY answer TO {quote_literal(str(folder / 'rows'))} ({COPY_OPTIONS[format]})")


def _hand_over(file: Path, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(file.read_text("utf-8"))
        return
    try:
        shutil.move(file, out)
    except OSError as error:
        stop(f"{out} cannot be written: {error.strerror}", MISCONFIGURED)
