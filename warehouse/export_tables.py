"""Writes one table of the analysts' copy as parquet, and takes over what an earlier export has written already."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from warehouse.export_manifest import Column, Exported, File, files_of, sha256_of
from warehouse.sql_files import first_row, literal, sql

Connection = duckdb.DuckDBPyConnection

DAY = "utc_day"
NO_DAY = "1970-01-01"  # of rows without an instant, and where there are no rows
# Bounds the memory of writing a long history: each day's file is open until the last row.
DAYS_AT_ONCE = 28
# The instant whose UTC day a growing table is divided by; for every <name>_history it is valid_from.
GROWING = {"ops.loads": "started_at", "marts.success_rates_daily": "day", "topups.events": "at"}
# Other tools take DuckDB's JSON for bytes.
STORED_AS = {"JSON": "VARCHAR"}
TO_PARQUET = "FORMAT parquet, COMPRESSION zstd"


@dataclass(frozen=True)
class Source:
    """A relation of the copy, ``<schema>.<name>``."""

    name: str
    columns: tuple[Column, ...]

    @property
    def instant(self) -> str:
        """The column whose day divides the table; empty for one that is a single file."""
        return "valid_from" if self.name.endswith("_history") else GROWING.get(self.name, "")

    @property
    def select(self) -> str:
        """Its rows in types that every reader knows."""
        parts = [f'"{c.name}"' + (f'::{c.stored_as} AS "{c.name}"' if c.stored_as else "") for c in self.columns]
        schema, name = self.name.split(".")
        return f'SELECT {", ".join(parts)} FROM "{schema}"."{name}"'

    @property
    def by_day(self) -> str:
        """The same with the day as text."""
        day = f"strftime(coalesce(\"{self.instant}\"::DATE, DATE '{NO_DAY}'), '%Y-%m-%d')"
        return f"SELECT *, {day} AS {DAY} FROM ({self.select})"


def sources(connection: Connection) -> list[Source]:
    """Everything that is exported, with its columns."""
    found: dict[str, list[Column]] = {}
    for name, column, type_, comment in connection.execute(sql("export_columns")).fetchall():
        found.setdefault(name, []).append(Column(column, type_, comment or "", STORED_AS.get(type_, "")))
    return [Source(name, tuple(columns)) for name, columns in found.items()]


def write_table(connection: Connection, source: Source, work: Path, old: Path, before: Mapping[str, Any]) -> Exported:
    """Writes ``source`` into ``work``; ``before`` is the manifest of the export in ``old``."""
    if not source.instant:
        path = work / f"{source.name}.parquet"
        _copy(connection, source.select, path)
        return Exported(source.name, source.columns, (_described(connection, work, path),))
    days = _days(connection, source)
    held: dict[str, list[File]] = {}
    for file in files_of(before, source.name):
        held.setdefault(file.content, []).append(file)
    kept = {day for day, content in days.items() if content in held and all(f.intact(old) for f in held[content])}
    files = [file for day in days if day in kept for file in held[days[day]]]
    for file in files:
        _take_over(old / file.path, work / file.path)
    if fresh := {day: content for day, content in days.items() if day not in kept}:
        files += _write_days(connection, source, work, fresh)
    if not days:
        files += _write_none(connection, source, work)
    return Exported(source.name, source.columns, tuple(sorted(files, key=lambda file: file.path)), DAY)


def _days(connection: Connection, source: Source) -> dict[str, str]:
    """What each day holds, in a few words: equal words, equal rows. A table's rows all differ, so none cancel out."""
    shape = repr([(column.name, column.stored_as or column.type) for column in source.columns])
    words = f"concat_ws(' ', {DAY}, count(*), bit_xor(hash(t)), hash(?), version())"
    found = connection.execute(f"SELECT {DAY}, {words} FROM ({source.by_day}) t GROUP BY {DAY} ORDER BY {DAY}", [shape])
    return dict(found.fetchall())


def _write_days(connection: Connection, source: Source, work: Path, days: Mapping[str, str]) -> list[File]:
    """Writes the rows of ``days``, a few weeks at a time."""
    folder, wanted = work / source.name, sorted(days)
    folder.mkdir(exist_ok=True)
    for start in range(0, len(wanted), DAYS_AT_ONCE):
        some = wanted[start : start + DAYS_AT_ONCE]
        # The range spares DuckDB the blocks of other days; a row without an instant is in no range.
        span = f"\"{source.instant}\" >= DATE '{some[0]}' AND \"{source.instant}\" < DATE '{some[-1]}' + 1"
        none = f' OR "{source.instant}" IS NULL' if NO_DAY in some else ""
        listed = ", ".join(f"'{day}'" for day in some)
        rows = f"FROM ({source.by_day}) WHERE ({span}{none}) AND {DAY} IN ({listed})"
        _copy(connection, rows, folder, f", PARTITION_BY ({DAY}), OVERWRITE_OR_IGNORE")
    paths = [(path, days[day]) for day in wanted for path in sorted((folder / f"{DAY}={day}").iterdir())]
    return [_described(connection, work, path, content) for path, content in paths]


def _write_none(connection: Connection, source: Source, work: Path) -> list[File]:
    """A growing table without rows still has a file that tells its columns."""
    path = work / source.name / f"{DAY}={NO_DAY}" / "none.parquet"
    path.parent.mkdir(parents=True)
    _copy(connection, f"{source.select} LIMIT 0", path)
    return [_described(connection, work, path, "")]


def _copy(connection: Connection, select: str, path: Path, options: str = "") -> None:
    connection.execute(f"COPY ({select}) TO {literal(str(path))} ({TO_PARQUET}{options})")


def _take_over(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(old, new)
    except OSError:  # a file system without links
        shutil.copyfile(old, new)


def _described(connection: Connection, work: Path, path: Path, content: str | None = None) -> File:
    """The entry of a file, its rows counted in the file itself; with ``content`` it is named after its hash."""
    counted = first_row(connection, "SELECT num_rows FROM parquet_file_metadata(?)", [str(path)])
    digest = sha256_of(path)
    if content is not None:
        path = path.rename(path.with_name(f"{digest[:16]}.parquet"))
    rows = counted[0] if counted else 0
    return File(path.relative_to(work).as_posix(), rows, path.stat().st_size, digest, content or "")
