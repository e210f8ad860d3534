"""``smsonline query``: one read-only statement, on a connection that can reach nothing but the warehouse."""

import json
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import duckdb

from pipelines.cli.console import (
    FAILED,
    exit_on_error,
    exit_with_error,
    load_command_settings,
    print_json,
    print_stderr,
    print_table,
)
from pipelines.settings import SettingsError, expand_home
from warehouse.database.error_translation import is_damage
from warehouse.database.opening import open_warehouse, published_path
from warehouse.database.reading import open_copy
from warehouse.errors import NotAWarehouse
from warehouse.schema.migrations import require_known_version
from warehouse.sql import fetch_one, quote_literal

Connection = duckdb.DuckDBPyConnection
Format = Literal["table", "csv", "tsv", "json", "ndjson", "parquet"]

COPY_OPTIONS = {
    "csv": "FORMAT csv, HEADER",
    "tsv": "FORMAT csv, HEADER, DELIMITER '\t'",
    "json": "FORMAT json, ARRAY",
    "ndjson": "FORMAT json",
    "parquet": "FORMAT parquet",
}
FORMATS_BY_ENDING: dict[str, Format] = {
    **{".txt": "table", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".json": "json"},
    **{".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet", ".pq": "parquet"},
}
INTERRUPT_AGAIN_SECONDS = 0.1
NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
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


class NotAQuery(Exception):
    """The text is not one statement that reads."""


class QueryTimedOut(Exception):
    """The statement took longer than the settings allow."""


def run_query(sql: str, format: Format | None, out: Path | None, *, as_json: bool) -> None:
    """Writes the rows of one read-only statement to ``out`` or stdout.

    With ``as_json`` stdout gets one JSON document: the rows, or for ``out`` the file's name, format and rows.
    """
    with exit_on_error(as_json=as_json, failures=(NotAQuery, QueryTimedOut)), tempfile.TemporaryDirectory() as folder:
        if out is not None:
            out = expand_home(out)
            _check_target(out)
        format = _output_format(format, out, as_json=as_json)
        is_table, result = format == "table" and out is None, Path(folder, "rows")
        settings = load_command_settings()
        with _open_source(settings.warehouse, sql) as connection:
            is_synced = _check_tables(connection, settings.warehouse)
            # Its own file alone, and the folder for the result.
            connection.execute(f"SET allowed_directories = [{quote_literal(folder)}]")
            for lock in LOCKS:
                connection.execute(lock)
            try:
                statement = _read_only_statement(connection, sql)
                with _time_limit(connection, settings.query_timeout_seconds):
                    if is_table:
                        _print(connection.sql(statement))
                    else:
                        count = _write(connection, statement, format, result)
            except duckdb.Error as error:
                if is_damage(error):
                    raise
                exit_with_error(explain_error(connection, sql, error), FAILED, as_json=as_json)
        if not is_table:
            _deliver(result, out, format)
            if as_json and out:
                print_json({"out": str(out), "format": format, "rows": count})
        if not is_synced:
            print_stderr(f"note: nothing has been synced into {settings.warehouse} yet: run smsonline sync")


def _output_format(format: Format | None, out: Path | None, *, as_json: bool) -> Format:
    """What ``--format`` says, otherwise the ending of ``out``. Raises ``SettingsError`` where neither is clear."""
    if out is None:
        if as_json and format not in (None, "json"):
            raise SettingsError(f"--json prints JSON, --format says {format}: choose one, or name a file with --out")
        if format == "parquet":
            raise SettingsError("parquet is a file format: name the file with --out")
        return format or ("json" if as_json else "table")
    by_ending = FORMATS_BY_ENDING.get(out.suffix.lower())
    if format is None and by_ending is None:
        endings = ", ".join(FORMATS_BY_ENDING)
        raise SettingsError(f"--out {out}: the ending decides the format: {endings}; or add --format")
    if format and by_ending and format != by_ending:
        print_stderr(f"note: {out} is written as {format}, as --format says")
    return format or by_ending or "table"


@contextmanager
def _time_limit(connection: Connection, seconds: int) -> Iterator[None]:
    """Interrupts what runs on the connection after ``seconds``; 0: never. Raises ``QueryTimedOut``."""
    ended, timed_out = threading.Event(), threading.Event()

    def interrupt() -> None:
        if not ended.wait(seconds):
            timed_out.set()
        while not ended.wait(INTERRUPT_AGAIN_SECONDS):  # one interrupt is lost between two statements
            connection.interrupt()

    watch = threading.Thread(target=interrupt, daemon=True)
    try:
        if seconds:
            watch.start()
        yield
    except duckdb.Error:
        if not timed_out.is_set():
            raise
        hint = "narrow it, or raise SMSONLINE_QUERY_TIMEOUT_SECONDS (0: no limit)"
        raise QueryTimedOut(f"the query took longer than {seconds} s: {hint}") from None
    finally:
        ended.set()
        if seconds:
            watch.join()  # before the connection is closed


def _check_target(out: Path) -> None:
    """Raises ``SettingsError`` for a folder, and for a database: most likely the option names the wrong file."""
    if not out.name or out.is_dir():
        raise SettingsError(f"--out names {'a folder' if out.name else 'no file'}: name a file")
    if out.is_file():
        with out.open("rb") as file:
            head = file.read(16)
        if head[8:12] == b"DUCK" or head.startswith(b"SQLite format 3"):
            raise SettingsError(f"{out} is a database: name another file with --out")


def _open_source(warehouse: Path, sql: str) -> AbstractContextManager[Connection]:
    """The analysts' copy, which no sync ever locks; the warehouse for schemas that only it has."""
    copy = published_path(warehouse)
    if WAREHOUSE_ONLY.search(sql) or not copy.exists():
        return open_warehouse(warehouse, read_only=True)
    return open_copy(copy)


def _check_tables(connection: Connection, warehouse: Path) -> bool:
    """Whether any dataset was ever loaded. Raises ``NotAWarehouse`` for a file without our tables."""
    if not fetch_one(connection, "SELECT 1 FROM information_schema.tables WHERE table_schema = 'sms'"):
        require_known_version(connection)
        raise NotAWarehouse(f"{warehouse} holds no tables yet: run smsonline sync first")
    if fetch_one(connection, "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'ops' AND table_name = 'migrations'"):
        require_known_version(connection)
    return fetch_one(connection, "SELECT 1 FROM ops.watermarks LIMIT 1") is not None


def _read_only_statement(connection: Connection, sql: str) -> str:
    """The only statement in ``sql``. Raises ``NotAQuery`` for none, several, or one that writes."""
    try:
        statements = connection.extract_statements(sql)
    except (UnicodeEncodeError, TypeError):  # by the release of DuckDB
        raise NotAQuery("the statement is not UTF-8 text") from None
    if sql.lstrip().upper().startswith("PIVOT") and len(statements) == 2:
        raise NotAQuery("PIVOT has to find its columns out first: name them, as in ON carrier IN ('any', 'verizon')")
    if len(statements) != 1:
        raise NotAQuery(f"one statement is expected, {len(statements)} came")
    if not _reads(statements[0]):
        raise NotAQuery("query only reads: a SELECT is expected; tables are written by sync alone")
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


def _print(relation: duckdb.DuckDBPyRelation) -> int:
    columns = list(zip(relation.columns, map(str, relation.types), strict=True))
    # DuckDB formats every value, so that no digit or time zone is lost in Python.
    rows = relation.project("COLUMNS(*)::VARCHAR").fetchall()
    right = [name for name, type_ in columns if type_.startswith(NUMBERS) and not type_.endswith("]")]
    print_table(f"{len(rows)} rows", relation.columns, rows, right=right)
    return len(rows)


def _write(connection: Connection, statement: str, format: Format, file: Path) -> int:
    """Writes the result to ``file`` in UTF-8, through a relation: COPY accepts no DESCRIBE or SUMMARIZE.

    COPY is executed by the connection, not by the relation, which would ignore Ctrl-C. Returns the number of rows.
    """
    relation = connection.sql(statement)
    if format == "table":
        with file.open("w", encoding="utf-8") as text, redirect_stdout(text):
            return _print(relation)
    connection.register("query_result", relation)
    copied = fetch_one(connection, f"COPY query_result TO {quote_literal(str(file))} ({COPY_OPTIONS[format]})")
    return int(copied[0]) if copied else 0


def _deliver(file: Path, out: Path | None, format: Format) -> None:
    """Moves the result to ``out``, or copies it to stdout; JSON loses nothing where stdout's encoding is not UTF-8."""
    if out is None:
        text = file.read_bytes().decode()
        if "json" in format and "utf" not in (sys.stdout.encoding or "").lower():
            text = NOT_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)
        sys.stdout.write(text)
        return
    try:
        if out.exists() and not out.is_file():  # a device or a pipe
            out.write_bytes(file.read_bytes())
        else:
            shutil.move(file, out)
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error.strerror}") from None


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
    terms = set(re.findall(r"\w+", sql.lower()))
    columns = [
        column
        for column, schema, relation in connection.execute(COLUMNS).fetchall()
        if schema in terms and terms & {relation, f"{relation}_as_of"}
    ]
    in_scope = list(dict.fromkeys([*offered, *columns]))
    if near := get_close_matches(name.lower(), in_scope, 1):
        return f"Did you mean {near[0]}?"
    if f'"{name}"' in sql:
        return f"Text stands in single quotes: '{name}'."
    return f"There are {', '.join(in_scope)}." if in_scope else "It is not in the select list of what is read."
