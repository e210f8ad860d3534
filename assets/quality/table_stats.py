"""What is known about a dataset's table after a load: plain SQL over an open warehouse, no judgement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import duckdb

from assets.declaration import Dataset
from warehouse.connection import first_row
from warehouse.tables import names

Connection = duckdb.DuckDBPyConnection
Row = Mapping[str, Any]

DAY_SECONDS = 86400
PREVIEW_ROWS = 5
# Texts that belong to the vendor's price list. Any other text may name a person, a number or a payment.
PUBLIC_TEXTS = {"country_code", "country", "carrier", "service_code", "service", "status", "label", "method"}


@dataclass(frozen=True)
class Facts:
    """The state of one dataset.

    ``rows`` and ``repeated_keys`` count in the current view; ``rates_outside`` counts, per rate column, rows that are
    not within 0..1. ``kept_records`` is how many records of the accepted answers should be rows, ``kept_rejects`` how
    many of them were refused. ``last_load`` is empty and ``age_seconds`` (since the last good load) ``None`` before the
    first load. ``drift`` lists (field, kind) seen within a day, or within two cadences where that is longer.
    """

    rows: int = 0
    repeated_keys: int = 0
    rates_outside: Mapping[str, int] = field(default_factory=dict)
    age_seconds: float | None = None
    kept_records: int = 0
    kept_rejects: int = 0
    bytes: int = 0
    last_load: Row = field(default_factory=dict)
    drift: Sequence[tuple[str, str]] = ()


def facts_of(connection: Connection, dataset: Dataset) -> Facts:
    """The facts of ``dataset``. Raises ``duckdb.Error`` where the file has no such table yet."""
    window = max(DAY_SECONDS, 2 * 60 * dataset.cadence_minutes)
    books = _rows(connection, _sql("facts"), dataset=dataset.name)[0]
    drift = _rows(connection, _sql("recent_drift"), dataset=dataset.name, seconds=window)
    last = _rows(connection, _sql("last_load"), dataset=dataset.name)
    return Facts(
        rows=_count(connection, f'SELECT count(*) FROM sms."{dataset.name}"'),
        repeated_keys=_count(connection, _repeated_keys(dataset)),
        rates_outside={column: _count(connection, _outside(dataset, column)) for column in rate_columns(dataset)},
        last_load=last[0] if last else {},
        drift=[(row["field"], row["kind"]) for row in drift],
        **books,
    )


def preview(connection: Connection, dataset: Dataset) -> str:
    """A few rows as a Markdown table: numbers, instants and names from the price list, nothing personal."""
    shown = [c.name for c in dataset.table.columns if c.type not in ("VARCHAR", "JSON") or c.name in PUBLIC_TEXTS]
    sql = f'SELECT {names(shown)} FROM sms."{dataset.name}" ORDER BY {names(dataset.key)} LIMIT {PREVIEW_ROWS}'
    return markdown(shown, connection.sql(sql).project("COLUMNS(*)::VARCHAR").fetchall())


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def last_change(connection: Connection, dataset: str) -> str:
    """The load that last changed the data of ``dataset``; empty before the first."""
    return str(_rows(connection, _sql("last_change"), dataset=dataset)[0]["load_id"])


def rate_columns(dataset: Dataset) -> list[str]:
    """Columns that hold a fraction 0..1."""
    return [each.column for each in dataset.fields if each.kind == "rate"]


def _cell(value: str | None) -> str:
    return "" if value is None else " ".join(value.replace("|", "\\|").split())


def _repeated_keys(dataset: Dataset) -> str:
    key = names(dataset.key)
    return f'SELECT count(*) FROM (SELECT {key} FROM sms."{dataset.name}" GROUP BY ALL HAVING count(*) > 1)'


def _outside(dataset: Dataset, column: str) -> str:
    return f'SELECT count(*) FROM sms."{dataset.name}" WHERE NOT ("{column}" BETWEEN 0 AND 1)'


def _sql(name: str) -> str:
    return resources.files("assets.quality").joinpath("sql", f"{name}.sql").read_text("utf-8")


def _count(connection: Connection, sql: str) -> int:
    row = first_row(connection, sql)
    return int(row[0]) if row else 0


def _rows(connection: Connection, sql: str, **values: Any) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, values)
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
