"""The rows of the report, read from the warehouse in one pass; the file is closed before anything is drawn."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from pipelines.topups.state import TopUpState
from warehouse.database.opening import open_warehouse
from warehouse.schema.migrations import require_known_version

Row = Mapping[str, Any]
MAX_NAME_LENGTH = 120
# Sentences may be longer than names.
MAX_LENGTHS = {"last_error": 400, "reason": 400}
# Noncharacters and the controls of text direction.
UNWANTED = frozenset("\ufffe\uffff\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class ReportData:
    """The rows of every query in ``sql``, by its name, as of ``now`` (UTC).

    ``absent`` are the queries whose tables the warehouse does not have yet. ``problem`` explains why there is no data.
    ``topups`` is the state of the top-ups, None where it was not asked for.
    """

    now: datetime
    results: Mapping[str, list[Row]] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    problem: str = ""
    topups: TopUpState | None = None

    def rows(self, query: str) -> list[Row]:
        """The rows of ``query``; none when its table is absent."""
        return self.results.get(query, [])

    def first_row(self, query: str) -> Row:
        """The first row of ``query``, or an empty row."""
        return next(iter(self.rows(query)), {})

    def last_load(self, dataset: str) -> datetime | None:
        """The end of the last successful load of ``dataset``."""
        return next((row["last_at"] for row in self.rows("loads") if row["dataset"] == dataset), None)


def load_report_data(warehouse: Path, now: datetime) -> ReportData:
    """The rows of all queries as of ``now``, which replaces the current time in every mart.

    A missing or empty file is reported in ``problem``. Raises ``WarehouseError`` for a file that cannot be read or was
    written by a newer version.
    """
    if not warehouse.exists():
        return ReportData(now, problem=f"There is no warehouse at {warehouse} yet.")
    with open_warehouse(warehouse, read_only=True) as connection:
        return query_report_data(connection, now)


def query_report_data(connection: duckdb.DuckDBPyConnection, now: datetime) -> ReportData:
    """``load_report_data`` on an open connection, for which ``now()`` is frozen from here on."""
    if require_known_version(connection) == 0:
        return ReportData(now, problem="The warehouse is still empty.")
    _freeze_now(connection, now)
    results: dict[str, list[Row]] = {}
    absent = set()
    for file in resources.files("pipelines.report").joinpath("sql").iterdir():
        query = file.name.removesuffix(".sql")
        try:
            results[query] = _query_rows(connection, file.read_text("utf-8"))
        except (duckdb.CatalogException, duckdb.BinderException):
            absent.add(query)  # created by the next sync with this version
    problem = "" if results.get("loads") else "Nothing has been loaded into the warehouse yet."
    return ReportData(now, results, frozenset(absent), problem)


def _freeze_now(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Shadows ``now()`` with a macro of this connection: the same warehouse and ``now`` give the same page."""
    literal = now.astimezone(UTC).isoformat()
    connection.execute(f"CREATE OR REPLACE TEMP MACRO now() AS TIMESTAMPTZ '{literal}'")


def _query_rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [
        {name: _clean(value, MAX_LENGTHS.get(name, MAX_NAME_LENGTH)) for name, value in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    ]


def _clean(value: Any, max_length: int) -> Any:
    """Vendor texts without the characters that XML forbids and those that change the text direction."""
    if not isinstance(value, str):
        return value
    text = "".join(" " if c in UNWANTED or unicodedata.category(c) in {"Cc", "Cs"} else c for c in value)
    return " ".join(text.split())[:max_length]
