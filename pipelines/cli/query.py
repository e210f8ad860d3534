"""``smsonline query``: one read-only statement, on a connection that can reach nothing but the warehouse."""

import re
import shutil
import sys
import tempfile
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import duckdb

from pipelines.cli.console import FAILED, MISCONFIGURED, exit_on_error, exit_with_error, print_stderr, print_table
from pipelines.settings import load_settings
from warehouse.database.opening import open_warehouse, published_path
from warehouse.errors import NotAWarehouse
from warehouse.schema.migrations import require_known_version
from warehouse.sql import fetch_one, quote_literal

Connection = duckdb.DuckDBPyConnection
Format = Literal["table", "csv", "json", "parquet"]

COPY_OPTIONS = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY", "parquet": "FORMAT parquet"}
WAREHOUSE_ONLY = re.compile(r"\b(raw|ops|store)\b", re.IGNORECASE)
READS = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
NUMBERS = ("BIGINT", "INTEGER", "DOUBLE", "DECIMAL", "HUGEINT", "FLOAT", "UBIGINT", "SMALLINT", "TINYINT")
# The file is opened read-only. Without these locks a SELECT could still read and write other files, call the network,
# load extensions, and read a variable of this program as a table.
LOCKS = (
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)
# Names for readers: not the tables behind the views of `sms` and `raw`.
RELATIONS = """
SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal
UNION SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE schema_name NOT IN ('store', 'raw')
ORDER BY 1
"""
MACROS = "SELECT DISTINCT schema_name || '.' || function_name FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
COLUMNS = """
SELECT column_name, schema_name, table_name FROM duckdb_columns() WHERE NOT internal AND schema_name <> 'store'
ORDER BY schema_name, table_name, column_index
"""
UNKNOWN_RELATION = re.compile(r'Table( Function)? with name "?([^"\s]+)"? does not exist')
UNKNOWN_COLUMN = re.compile(
    r'(?:Referenced column|does not have a column named|Column) "([^"]+)"(?: in | does not exist| not found|\s*$)', re.M
)
CANDIDATES = re.compile(r"Candidate bindings: (.+)")
OUTSIDE = ("disabled by configuration", "automatically install", "installing and loading")


def run_query(sql: str, format: Format, out: Path | None) -> None:
    """Writes the rows of one read-only statement to ``out`` or stdout."""
    if format == "parquet" and out is None:
        exit_with_error("parquet is a file format: name the file with --out", MISCONFIGURED)
    with exit_on_error(), tempfile.TemporaryDirectory() as folder:
        if out is not None:
            _check_target(out)
        warehouse = load_settings().warehouse
        with open_warehouse(_source(warehouse, sql), read_only=True) as connection:
            is_synced = _check_tables(connection, warehouse)
            _lock(connection, Path(folder))
            try:
                statement = _read_only_statement(connection, sql)
                if format == "table" and out is None:
                    _print(connection, statement)
                else:
                    _copy(connection, statement, "csv" if format == "table" else format, Path(folder))
            except duckdb.Error as error:
                exit_with_error(explain_error(connection, sql, error), FAILED)
        if format != "table" or out is not None:
            _deliver(Path(folder, "rows"), out)
        if not is_synced:
            print_stderr(f"note: nothing has been synced into {warehouse} yet: run smsonline sync")


def _check_target(out: Path) -> None:
    """Exits for a folder, and for a database: most likely the option names the wrong file."""
    if not out.name or out.is_dir():
        exit_with_error(f"--out names {'a folder' if out.name else 'no file'}: name a file", MISCONFIGURED)
    if out.is_file() and _is_database(out):
        exit_with_error(f"{out} is a database: name another file with --out", MISCONFIGURED)


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(16)
    return head[8:12] == b"DUCK" or head.startswith(b"SQLite format 3")


def _source(warehouse: Path, sql: str) -> Path:
    """The analysts' copy, which no sync ever locks; the warehouse for schemas that only it has."""
    copy = published_path(warehouse)
    return warehouse if WAREHOUSE_ONLY.search(sql) or not copy.exists() else copy


def _check_tables(connection: Connection, warehouse: Path) -> bool:
    """Whether any dataset was ever loaded. Raises ``NotAWarehouse`` for a file without our tables."""
    if not fetch_one(connection, "SELECT 1 FROM information_schema.tables WHERE table_schema = 'sms'"):
        require_known_version(connection)
        raise NotAWarehouse(f"{warehouse} holds no tables yet: run smsonline sync first")
    if fetch_one(connection, "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'ops' AND table_name = 'migrations'"):
        require_known_version(connection)
    return fetch_one(connection, "SELECT 1 FROM ops.watermarks LIMIT 1") is not None


def _lock(connection: Connection, folder: Path) -> None:
    """Restricts the connection to its own file, and to ``folder`` for the result."""
    connection.execute(f"SET allowed_directories = [{quote_literal(str(folder))}]")
    for lock in LOCKS:
        connection.execute(lock)


def _read_only_statement(connection: Connection, sql: str) -> str:
    statements = connection.extract_statements(sql)
    if sql.lstrip().upper().startswith("PIVOT") and len(statements) == 2:
        exit_with_error(
            "PIVOT has to find its columns out first: name them, as in ON carrier IN ('any', 'verizon')", FAILED
        )
    if len(statements) != 1:
        exit_with_error(f"one statement is expected, {len(statements)} came", FAILED)
    if not _reads(statements[0]):
        exit_with_error("query only reads: a SELECT is expected; tables are written by sync alone", FAILED)
    return _without_semicolon(statements[0].query)


def _reads(statement: duckdb.Statement) -> bool:
    try:
        return statement.type in READS
    except ValueError:  # a statement type unknown to DuckDB's Python API
        return False


def _without_semicolon(statement: str) -> str:
    """Without the final semicolon and comments, so that it can be part of another statement."""
    text = statement.encode()  # DuckDB's offsets are bytes
    offsets = [offset for offset, kind in duckdb.tokenize(statement) if kind != duckdb.token_type.comment]
    while offsets and text[offsets[-1] :].startswith(b";"):
        text = text[: offsets.pop()]
    return text.decode()


def _print(connection: Connection, statement: str) -> None:
    relation = connection.sql(statement)
    columns = list(zip(relation.columns, map(str, relation.types), strict=True))
    # DuckDB formats every value, so that no digit or time zone is lost in Python.
    rows = relation.project("COLUMNS(*)::VARCHAR").fetchall()
    right = [name for name, type_ in columns if type_.startswith(NUMBERS) and not type_.endswith("]")]
    print_table(f"{len(rows)} rows", relation.columns, rows, right=right)


def _copy(connection: Connection, statement: str, format: str, folder: Path) -> None:
    """Writes the result to ``rows`` in ``folder``, through a relation: COPY accepts no DESCRIBE or SUMMARIZE.

    COPY is executed by the connection, not by the relation, which would ignore Ctrl-C.
    """
    connection.register("query_result", connection.sql(statement))
    connection.execute(f"COPY query_result TO {quote_literal(str(folder / 'rows'))} ({COPY_OPTIONS[format]})")


def _deliver(file: Path, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(file.read_text("utf-8"))
        return
    try:
        shutil.move(file, out)
    except OSError as error:
        exit_with_error(f"{out} cannot be written: {error.strerror}", MISCONFIGURED)


def explain_error(connection: Connection, sql: str, error: duckdb.Error) -> str:
    """DuckDB's error in one line; for an unknown relation or column with the nearest name that exists."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    if "read-only mode" in text:
        return "query only reads: tables are written by sync alone"
    if any(phrase in text for phrase in OUTSIDE):
        return f"query reads the warehouse alone, no file, network or extension: {lines[0]}"
    if relation := UNKNOWN_RELATION.search(text):
        hint = _relation_hint(connection, relation[2], is_macro=bool(relation[1]))
    elif column := UNKNOWN_COLUMN.search(text):
        hint = _column_hint(connection, sql, column[1], text)
    else:
        own_hints = [line for line in lines[1:] if line.startswith(("Did you mean", "Candidate")) and line[-1] != ":"]
        return " ".join([lines[0], *own_hints])
    return f"{lines[0].rstrip('.!')}. {hint}"


def _relation_hint(connection: Connection, name: str, *, is_macro: bool) -> str:
    """DuckDB's own hint omits the schema, names tables behind the views, and is missing for a wrong schema."""
    names = [row[0] for row in connection.execute(MACROS if is_macro else RELATIONS).fetchall()]
    by_short_name = {full_name.partition(".")[2]: full_name for full_name in names}
    near = get_close_matches(name.rpartition(".")[2].lower(), by_short_name, 1)
    if near:
        return f"Did you mean {by_short_name[near[0]]}{'(...)' if is_macro else ''}?"
    return f"There are {', '.join(full_name for full_name in names if not full_name.endswith('_history'))}."


def _column_hint(connection: Connection, sql: str, name: str, text: str) -> str:
    """Compares with DuckDB's candidates and with all columns of the relations that the statement names."""
    candidates = CANDIDATES.search(text)
    offered = [quoted.rpartition(".")[2] for quoted in re.findall(r'"([^"]+)"', candidates[1])] if candidates else []
    words = set(re.findall(r"\w+", sql.lower()))
    columns = [
        column
        for column, schema, relation in connection.execute(COLUMNS).fetchall()
        if schema in words and words & {relation, f"{relation}_as_of"}
    ]
    in_scope = list(dict.fromkeys([*offered, *columns]))
    if near := get_close_matches(name.lower(), in_scope, 1):
        return f"Did you mean {near[0]}?"
    if f'"{name}"' in sql:
        return f"Text stands in single quotes: '{name}'."
    return f"There are {', '.join(in_scope)}." if in_scope else "It is not in the select list of what is read."
