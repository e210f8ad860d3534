"""Writes the analysts' copy as parquet files for any tool, with a manifest. Does not open the warehouse.

A table is one file, ``<schema>.<name>.parquet``. A growing table is a folder ``<schema>.<name>`` with a folder
``utc_day=YYYY-MM-DD`` for each day; its files are named by their hash, so that an unchanged day keeps its file, and a
reader that is slower than the next export misses a file instead of reading half of each.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse.database.error_translation import is_damage
from warehouse.database.reading import open_copy
from warehouse.errors import NotAWarehouse, WarehouseError, WarehouseUnwritable
from warehouse.export.atomic_folder import replace_folder, require_own_folder
from warehouse.export.manifest import exported_files, read_manifest, write_manifest
from warehouse.export.tables import list_tables, write_table
from warehouse.schema.migrations import all_migrations
from warehouse.sql import fetch_one, render, rows

Connection = duckdb.DuckDBPyConnection

# A copy by an earlier release has shape instead of schema_fingerprint.
OPS_TABLES = """
SELECT table_name FROM duckdb_tables()
WHERE schema_name = 'ops' AND table_name IN ('watermarks', 'shape', 'schema_fingerprint')
"""


@dataclass(frozen=True)
class ExportResult:
    """The manifest of an export, and how many files it reused of the previous one."""

    folder: Path
    manifest: Mapping[str, Any]
    reused_files: int


def export_parquet(analytics: Path, folder: Path) -> ExportResult:
    """Writes every table of the copy at ``analytics`` into ``folder``, replacing the export that is there.

    Raises ``NotAWarehouse`` when there is nothing to export yet, ``WarehouseUnwritable`` for a folder with other files
    in it and when there is no room, ``WarehouseError`` for a table that cannot be read; the old export then stays.
    """
    if not analytics.exists():
        raise NotAWarehouse(f"{analytics} does not exist yet: run smsonline sync first")
    old = folder.resolve()
    require_own_folder(old)
    with open_copy(analytics) as connection:
        fingerprint_table = _require_data(connection, analytics)
        connection.execute("SET threads = 1")  # one file per day, and a core left for a sync
        connection.execute("BEGIN")  # one now() for all tables
        with replace_folder(folder) as work:
            before, entries = read_manifest(old), []
            for table in list_tables(connection):
                with _named_errors(folder, table.name):
                    entries.append(write_table(connection, table, work, old, before))
            exported_at, source = _source(connection, analytics, fingerprint_table)
            # Times of the oldest and the newest response that the current rows of each dataset are from.
            datasets = {row.pop("dataset"): row for row in rows(connection, render("export/sql/watermarks"))}
            manifest = write_manifest(work, entries, exported_at, source, datasets)
    previous = {file.path for file in exported_files(before) if file.content}
    reused = sum(file.path in previous for entry in entries for file in entry.files)
    return ExportResult(folder, manifest, reused)


def _require_data(connection: Connection, analytics: Path) -> str:
    """The name of the table with the fingerprint of the schema. Raises ``NotAWarehouse`` for a copy without data."""
    tables = {table for (table,) in connection.execute(OPS_TABLES).fetchall()}
    if len(tables) < 2 or not fetch_one(connection, "SELECT 1 FROM ops.watermarks LIMIT 1"):
        raise NotAWarehouse(f"{analytics} holds nothing yet: run smsonline sync first")
    (fingerprint_table,) = tables - {"watermarks"}
    return str(fingerprint_table)


@contextmanager
def _named_errors(folder: Path, table: str) -> Iterator[None]:
    """Errors of DuckDB as errors of the export's folder, or of the table that cannot be read."""
    try:
        yield
    except duckdb.Error as error:
        line = str(error).splitlines()[0]
        if is_damage(error) and "Corrupt" in line:
            raise
        if isinstance(error, duckdb.IOException):
            raise WarehouseUnwritable(f"{folder} cannot be written: {line}") from error
        raise WarehouseError(f"{table} cannot be read, nothing was exported: {line}") from error


def _source(connection: Connection, analytics: Path, fingerprint_table: str) -> tuple[datetime, dict[str, Any]]:
    """The time that ``now()`` was in the marts, and where the rows come from."""
    query = f"SELECT now() AS exported_at, max(fingerprint) AS shape, version() AS duckdb FROM ops.{fingerprint_table}"
    (versions,) = rows(connection, query)
    source = {
        "file": analytics.name,
        "published_at": datetime.fromtimestamp(analytics.stat().st_mtime, UTC).isoformat(),
        "schema_version": all_migrations()[-1][0],
    }
    return versions.pop("exported_at").astimezone(UTC), source | versions
