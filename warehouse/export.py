"""Writes the analysts' copy as parquet files that any tool opens, with a manifest. Never touches the warehouse itself.

A table is one file, ``<schema>.<name>.parquet``. One that grows is a folder of that name without the ending, with a
folder ``utc_day=YYYY-MM-DD`` for each day; its files are named after their content, so that a day that has not changed
keeps its file, and a reader that is overtaken by the next export misses a file rather than reading half of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse.connection import opened
from warehouse.errors import NotAWarehouse, WarehouseError, WarehouseUnwritable
from warehouse.export_folder import refuse_foreign, replaced
from warehouse.export_manifest import files_of, read_manifest, write_manifest
from warehouse.export_tables import sources, write_table
from warehouse.migrate import migrations
from warehouse.sql_files import first_row, rows, sql

Connection = duckdb.DuckDBPyConnection

# The second was the name of the third up to schema 2.
OPS_TABLES = """
SELECT table_name FROM duckdb_tables()
WHERE schema_name = 'ops' AND table_name IN ('watermarks', 'shape', 'schema_fingerprint')
"""


@dataclass(frozen=True)
class Export:
    """What an export wrote: its manifest, and how many files it took over from the one before."""

    folder: Path
    manifest: Mapping[str, Any]
    kept: int


def export(analytics: Path, folder: Path) -> Export:
    """Writes every table of the copy at ``analytics`` into ``folder``, in place of the export that is there.

    Raises ``NotAWarehouse`` when there is nothing to export yet, ``WarehouseUnwritable`` for a folder with other files
    in it and when there is no room, ``WarehouseError`` for a table that cannot be read; the old export then stays.
    """
    if not analytics.exists():
        raise NotAWarehouse(f"{analytics} does not exist yet: run smsonline sync first")
    old = folder.resolve()
    refuse_foreign(old)
    with opened(analytics, read_only=True) as connection:
        fingerprint_table = _require_data(connection, analytics)
        connection.execute("SET threads = 1")  # one file per day, and a core left for a sync
        connection.execute("BEGIN")  # one now() for all tables
        with replaced(folder) as work:
            before, tables = read_manifest(old), []
            for table in sources(connection):
                with _clear_errors(folder, table.name):
                    tables.append(write_table(connection, table, work, old, before))
            source, exported_at = _source(connection, analytics, fingerprint_table)
            manifest = write_manifest(work, tables, exported_at, source, _watermarks(connection))
    known = {file.path for file in files_of(before) if file.content}
    return Export(folder, manifest, sum(file.path in known for table in tables for file in table.files))


def _require_data(connection: Connection, analytics: Path) -> str:
    """The name of the table with the fingerprint of the schema. Raises ``NotAWarehouse`` for a copy without data."""
    tables = {table for (table,) in connection.execute(OPS_TABLES).fetchall()}
    if len(tables) < 2 or not first_row(connection, "SELECT 1 FROM ops.watermarks LIMIT 1"):
        raise NotAWarehouse(f"{analytics} holds nothing yet: run smsonline sync first")
    (fingerprint_table,) = tables - {"watermarks"}
    return str(fingerprint_table)


@contextmanager
def _clear_errors(folder: Path, table: str) -> Iterator[None]:
    """DuckDB's complaint about a file of the export names the export, any other the table that cannot be read."""
    try:
        yield
    except duckdb.Error as error:
        line = str(error).splitlines()[0]
        if isinstance(error, duckdb.IOException):
            raise WarehouseUnwritable(f"{folder} cannot be written: {line}") from error
        raise WarehouseError(f"{table} cannot be read, nothing was exported: {line}") from error


def _source(connection: Connection, analytics: Path, fingerprint_table: str) -> tuple[dict[str, Any], datetime]:
    """Where the rows come from, and the time that ``now()`` was in the marts."""
    query = f"SELECT max(fingerprint) AS shape, now() AS exported_at, version() AS duckdb FROM ops.{fingerprint_table}"
    (facts,) = rows(connection, query)
    source = {
        "file": analytics.name,
        "published_at": datetime.fromtimestamp(analytics.stat().st_mtime, UTC).isoformat(),
        "schema_version": migrations()[-1][0],
        "shape": facts["shape"],
        "duckdb": facts["duckdb"],
    }
    return source, facts["exported_at"].astimezone(UTC)


def _watermarks(connection: Connection) -> dict[str, dict[str, str]]:
    """Per dataset the instants of the oldest and the newest answer that its current rows rest on."""
    rows = connection.execute(sql("export_watermarks")).fetchall()
    return {dataset: {"oldest_answer_at": oldest, "newest_answer_at": newest} for dataset, oldest, newest in rows}
