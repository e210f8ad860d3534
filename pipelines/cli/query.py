"""``smsonline query``."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

from pipelines.cli.choices import Format
from pipelines.cli.console import FAILED, MISCONFIGURED, clear_errors, print_table, stop
from pipelines.settings import load_settings
from warehouse.connection import opened
from warehouse.migrate import refuse_newer
from warehouse.publish import published_path

COPY_OPTIONS = {Format.csv: "FORMAT csv, HEADER", Format.json: "FORMAT json, ARRAY", Format.parquet: "FORMAT parquet"}
WAREHOUSE_ONLY = re.compile(r"\b(raw|ops|store)\b", re.IGNORECASE)
READS = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


def run_query(sql: str, format: Format, out: Path | None) -> None:
    """Writes the rows of one reading statement to ``out`` or stdout."""
    if format is Format.parquet and out is None:
        stop("parquet is a file format: name the file with --out", MISCONFIGURED)
    with clear_errors():
        try:
            warehouse = load_settings().warehouse
            source = _source(warehouse, sql)
            with opened(source, read_only=True) as connection:
                if source == warehouse:
                    refuse_newer(connection)
                statement = _one_read(connection, sql)
                if format is Format.table and out is None:
                    _print(connection, statement)
                else:
                    _copy(connection, statement, format if format is not Format.table else Format.csv, out)
        except duckdb.Error as error:
            stop(first_line(error), FAILED)
        except OSError as error:
            stop(f"{out} cannot be written: {error.strerror}", MISCONFIGURED)


def _source(warehouse: Path, sql: str) -> Path:
    """The analysts' copy, which no sync ever holds; the warehouse itself for what only that has."""
    copy = published_path(warehouse)
    return warehouse if WAREHOUSE_ONLY.search(sql) or not copy.exists() else copy


def first_line(error: duckdb.Error) -> str:
    """DuckDB's message in one line, with its hint at the nearest name where it has one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    hints = [line for line in lines[1:] if line.startswith(("Did you mean", "Candidate bindings"))]
    return " ".join([lines[0], *hints])


def _one_read(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        stop(f"one statement is expected, {len(statements)} came", FAILED)
    if statements[0].type not in READS:
        stop("query only reads: a SELECT is expected; tables are written by sync alone", FAILED)
    return statements[0].query.strip().rstrip(";")


def _print(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    relation = connection.sql(statement)
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    # DuckDB spells every value itself: no type passes through Python and loses digits or a zone.
    rows = relation.project("COLUMNS(*)::VARCHAR").fetchall()
    right = [
        name for name, type_ in types.items() if type_.startswith(("BIGINT", "INTEGER", "DOUBLE", "DECIMAL", "HUGEINT"))
    ]
    print_table(f"{len(rows)} rows", relation.columns, rows, right=right)


def _copy(connection: duckdb.DuckDBPyConnection, statement: str, format: Format, out: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rows")
        connection.execute(f"COPY ({statement}) TO '{file}' ({COPY_OPTIONS[format]})")
        if out is None:
            sys.stdout.write(file.read_text("utf-8"))
        else:
            shutil.move(file, out)
