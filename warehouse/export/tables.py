"""Writes one table of the analysts' copy as parquet, and reuses the files of days that have not changed."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from warehouse.export.manifest import ExportColumn, ExportedFile, TableEntry, exported_files, sha256_of
from warehouse.sql import quote_literal, render, scalar

Connection = duckdb.DuckDBPyConnection

DAY_COLUMN = "utc_day"
NO_DAY = "1970-01-01"  # of rows without a time, and of a table without rows
# Bounds the memory of writing a long history: each day's file is open until the last row.
DAYS_AT_ONCE = 28
# The column whose UTC day partitions a growing table; of every <name>_history it is valid_from.
PARTITIONED_BY = {"ops.loads": "started_at", "marts.success_rates_daily": "day", "topups.events": "at"}
# Other tools read DuckDB's JSON as bytes.
STORED_AS = {"JSON": "VARCHAR"}
TO_PARQUET = "FORMAT parquet, COMPRESSION zstd"


@dataclass(frozen=True)
class ExportTable:
    """A relation of the copy, ``<schema>.<name>``."""

    name: str
    columns: tuple[ExportColumn, ...]

    @property
    def partition_column(self) -> str:
        """The column whose day partitions the table; empty for a table that is a single file."""
        return "valid_from" if self.name.endswith("_history") else PARTITIONED_BY.get(self.name, "")

    @property
    def select(self) -> str:
        """Its rows in types that every reader knows."""
        columns = [f'"{c.name}"' + (f'::{c.stored_as} AS "{c.name}"' if c.stored_as else "") for c in self.columns]
        schema, name = self.name.split(".")
        return f'SELECT {", ".join(columns)} FROM "{schema}"."{name}"'

    @property
    def select_with_day(self) -> str:
        """The same with the day as text."""
        day = f"strftime(coalesce(\"{self.partition_column}\"::DATE, DATE '{NO_DAY}'), '%Y-%m-%d')"
        return f"SELECT *, {day} AS {DAY_COLUMN} FROM ({self.select})"


def list_tables(connection: Connection) -> list[ExportTable]:
    """Everything that is exported, with its columns."""
    columns: dict[str, list[ExportColumn]] = {}
    for name, column, type_, comment in connection.execute(render("export/sql/columns")).fetchall():
        columns.setdefault(name, []).append(ExportColumn(column, type_, comment or "", STORED_AS.get(type_, "")))
    return [ExportTable(name, tuple(of_table)) for name, of_table in columns.items()]


def write_table(
    connection: Connection, table: ExportTable, work: Path, previous: Path, manifest: Mapping[str, Any]
) -> TableEntry:
    """Writes ``table`` into ``work``; ``manifest`` describes the previous export, in the folder ``previous``."""
    if not table.partition_column:
        path = work / f"{table.name}.parquet"
        _copy(connection, table.select, path)
        return TableEntry(table.name, table.columns, (_file_entry(connection, work, path),))
    fingerprints = _day_fingerprints(connection, table)
    previous_files: dict[str, list[ExportedFile]] = {}
    for file in exported_files(manifest, table.name):
        previous_files.setdefault(file.content, []).append(file)
    files: list[ExportedFile] = []
    changed: dict[str, str] = {}
    for day, fingerprint in fingerprints.items():
        candidates = previous_files.get(fingerprint, [])
        if candidates and all(file.is_unchanged(previous) for file in candidates):
            for file in candidates:
                path = work / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    os.link(previous / file.path, path)
                except OSError:  # a file system without links
                    shutil.copyfile(previous / file.path, path)
            files += candidates
        else:
            changed[day] = fingerprint
    if changed:
        files += _write_days(connection, table, work, changed)
    if not fingerprints:
        files.append(_write_empty(connection, table, work))
    return TableEntry(table.name, table.columns, tuple(sorted(files, key=lambda file: file.path)), DAY_COLUMN)


def _day_fingerprints(connection: Connection, table: ExportTable) -> dict[str, str]:
    """A fingerprint of the rows of each day. The rows of a table are all different, so none cancel out."""
    types = repr([(column.name, column.stored_as or column.type) for column in table.columns])
    fingerprint = f"concat_ws(' ', {DAY_COLUMN}, count(*), bit_xor(hash(t)), hash(?), version())"
    query = f"SELECT {DAY_COLUMN}, {fingerprint} FROM ({table.select_with_day}) t GROUP BY 1 ORDER BY 1"
    return dict(connection.execute(query, [types]).fetchall())


def _write_days(
    connection: Connection, table: ExportTable, work: Path, fingerprints: Mapping[str, str]
) -> list[ExportedFile]:
    """Writes the rows of the days in ``fingerprints``, a few weeks at a time."""
    folder, days = work / table.name, sorted(fingerprints)
    folder.mkdir(exist_ok=True)
    column = f'"{table.partition_column}"'
    for start in range(0, len(days), DAYS_AT_ONCE):
        chunk = days[start : start + DAYS_AT_ONCE]
        # The range lets DuckDB skip the blocks of other days; a row without a time is in no range.
        in_range = f"{column} >= DATE '{chunk[0]}' AND {column} < DATE '{chunk[-1]}' + 1"
        without_time = f" OR {column} IS NULL" if NO_DAY in chunk else ""
        listed = ", ".join(f"'{day}'" for day in chunk)
        rows = f"FROM ({table.select_with_day}) WHERE ({in_range}{without_time}) AND {DAY_COLUMN} IN ({listed})"
        _copy(connection, rows, folder, f", PARTITION_BY ({DAY_COLUMN}), OVERWRITE_OR_IGNORE")
    return [
        _file_entry(connection, work, path, fingerprints[day])
        for day in days
        for path in sorted((folder / f"{DAY_COLUMN}={day}").iterdir())
    ]


def _write_empty(connection: Connection, table: ExportTable, work: Path) -> ExportedFile:
    """A growing table without rows has one file, so that readers know its columns."""
    path = work / table.name / f"{DAY_COLUMN}={NO_DAY}" / "none.parquet"
    path.parent.mkdir(parents=True)
    _copy(connection, f"{table.select} LIMIT 0", path)
    return _file_entry(connection, work, path, "")


def _copy(connection: Connection, select: str, path: Path, options: str = "") -> None:
    connection.execute(f"COPY ({select}) TO {quote_literal(str(path))} ({TO_PARQUET}{options})")


def _file_entry(connection: Connection, work: Path, path: Path, fingerprint: str | None = None) -> ExportedFile:
    """The manifest's entry of a file, with the rows counted in it; one with ``fingerprint`` is named by its hash."""
    rows = int(scalar(connection, "SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]))
    digest = sha256_of(path)
    if fingerprint is not None:
        path = path.rename(path.with_name(f"{digest[:16]}.parquet"))
    return ExportedFile(path.relative_to(work).as_posix(), rows, path.stat().st_size, digest, fingerprint or "")
