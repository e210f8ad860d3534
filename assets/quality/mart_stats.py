"""What is known about a mart: plain SQL over an open warehouse, no judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from assets.quality.table_stats import markdown
from warehouse.connection import first_row
from warehouse.mart_views import Mart
from warehouse.tables import names

PREVIEW_ROWS = 5
# Names of a person's account and payments, and texts that may hold them.
PRIVATE = {"account_id", "payment_id", "vendor_payment_id", "last_error"}
FRACTIONS = ("fraction 0..1", "probability 0..1")
# Of a mart by days only the newest are checked: the others were when they were new.
DAYS_CHECKED = 7


@dataclass(frozen=True)
class MartFacts:
    """The state of one mart.

    ``empty_sources`` are the datasets it reads that hold no row. ``repeated_keys`` and ``rates_outside`` (per column
    that is a fraction 0..1) count rows; of a mart by days, those of the last week.
    """

    rows: int
    empty_sources: Sequence[str] = ()
    repeated_keys: int = 0
    rates_outside: Mapping[str, int] = field(default_factory=dict)


def mart_facts(connection: duckdb.DuckDBPyConnection, mart: Mart, sources: Sequence[str]) -> MartFacts:
    """The facts of ``mart``. Raises ``duckdb.Error`` where the file has no such view yet."""
    scope = f"(FROM marts.{mart.name}{_newest(mart)})"
    key = names(mart.key)
    return MartFacts(
        rows=rows_of(connection, mart),
        empty_sources=[name for name in sources if not first_row(connection, f'SELECT 1 FROM sms."{name}" LIMIT 1')],
        repeated_keys=_count(connection, f"(SELECT {key} FROM {scope} GROUP BY ALL HAVING count(*) > 1)"),
        rates_outside={
            column: _count(connection, f'{scope} WHERE NOT ("{column}" BETWEEN 0 AND 1)') for column in fractions(mart)
        },
    )


def fractions(mart: Mart) -> list[str]:
    """Columns that hold a fraction 0..1."""
    return [column for column, meaning in mart.columns.items() if any(each in meaning for each in FRACTIONS)]


def rows_of(connection: duckdb.DuckDBPyConnection, mart: Mart) -> int:
    """How many rows the mart has."""
    return _count(connection, f"marts.{mart.name}")


def mart_preview(connection: duckdb.DuckDBPyConnection, mart: Mart) -> str:
    """A few rows as a Markdown table, the newest days first, nothing personal."""
    shown = [column for column in mart.columns if column not in PRIVATE]
    order = ", ".join(f'"{column}"' + " DESC NULLS LAST" * (column == "day") for column in mart.key)
    sql = f"SELECT {names(shown)} FROM marts.{mart.name}{_newest(mart)} ORDER BY {order} LIMIT {PREVIEW_ROWS}"
    return markdown(shown, connection.sql(sql).project("COLUMNS(*)::VARCHAR").fetchall())


def _newest(mart: Mart) -> str:
    if "day" not in mart.key:
        return ""
    return f" WHERE day IS NULL OR day > (SELECT max(day) FROM marts.{mart.name}) - {DAYS_CHECKED}"


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = first_row(connection, f"SELECT count(*) FROM {relation}")
    return int(row[0]) if row else 0
