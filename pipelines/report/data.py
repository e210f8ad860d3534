"""What the page tells, read from the warehouse in one go; the file is closed again before anything is drawn."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from warehouse.connection import opened
from warehouse.migrate import refuse_newer

Row = Mapping[str, Any]
LONGEST_NAME = 120
# Noncharacters, and the controls of writing direction.
UNWANTED = frozenset("\ufffe\uffff\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class ReportData:
    """The rows of every query in ``sql``, by its name, as they are at ``now`` (UTC).

    ``absent`` has the queries whose tables this file does not have yet. ``problem`` says why there is no row at all.
    """

    now: datetime
    results: Mapping[str, list[Row]] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    problem: str = ""

    def rows(self, name: str) -> list[Row]:
        """The rows of a query; none when its table is absent."""
        return self.results.get(name, [])

    def first_row(self, name: str) -> Row:
        """The first row of a query, or an empty one."""
        return next(iter(self.rows(name)), {})

    def last_load(self, dataset: str) -> datetime | None:
        """When ``dataset`` was last loaded well."""
        return next((row["last_at"] for row in self.rows("loads") if row["dataset"] == dataset), None)


def load_report_data(warehouse: Path, now: datetime) -> ReportData:
    """Reads everything at the instant ``now``, which stands for the clock in every mart.

    A file that is missing or empty is a problem that the page tells of. Raises ``WarehouseError`` for a file that
    cannot be read, or was written by a newer program.
    """
    if not warehouse.exists():
        return ReportData(now, problem=f"There is no warehouse at {warehouse} yet.")
    with opened(warehouse, read_only=True) as connection:
        return query_report_data(connection, now)


def query_report_data(connection: duckdb.DuckDBPyConnection, now: datetime) -> ReportData:
    """``load_report_data`` over a connection that is open already; from here on it takes ``now`` for the clock."""
    if refuse_newer(connection) == 0:
        return ReportData(now, problem="The warehouse is still empty.")
    _freeze_now(connection, now)
    rows, absent = _all_rows(connection)
    return ReportData(now, rows, absent, "" if rows.get("loads") else "Nothing has been loaded into the warehouse yet.")


def _all_rows(connection: duckdb.DuckDBPyConnection) -> tuple[dict[str, list[Row]], frozenset[str]]:
    rows: dict[str, list[Row]] = {}
    absent = set()
    for name, sql in _queries().items():
        try:
            rows[name] = _rows(connection, sql)
        except (duckdb.CatalogException, duckdb.BinderException):
            absent.add(name)  # made by a sync of this version
    return rows, frozenset(absent)


def _queries() -> dict[str, str]:
    files = resources.files("pipelines.report").joinpath("sql").iterdir()
    return {file.name[:-4]: file.read_text("utf-8") for file in sorted(files, key=lambda file: file.name)}


def _freeze_now(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """The same warehouse and the same ``now`` give the same page: a macro of this connection shadows the clock."""
    instant = now.astimezone(UTC).isoformat()
    connection.execute(f"CREATE OR REPLACE TEMP MACRO now() AS TIMESTAMPTZ '{instant}'")


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, map(_clean, row), strict=True)) for row in cursor.fetchall()]


def _clean(value: Any) -> Any:
    """Names are the vendor's: without what no XML may hold and without marks that turn the text around."""
    if not isinstance(value, str):
        return value
    kept = "".join(" " if c in UNWANTED or unicodedata.category(c) in {"Cc", "Cs"} else c for c in value)
    return " ".join(kept.split())[:LONGEST_NAME]
