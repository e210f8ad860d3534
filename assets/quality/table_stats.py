"""Statistics of a dataset's table or of a mart: what asset metadata show and quality checks evaluate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

from assets.datasets import Dataset
from warehouse.schema.mart_views import Mart
from warehouse.schema.tables import column_list
from warehouse.sql import render

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

DAY_SECONDS = 86400
PREVIEW_ROWS = 5
# Texts of the vendor's price list. Any other text of a dataset may name a person, a number or a payment.
PUBLIC_TEXT_COLUMNS = {"country_code", "country", "carrier", "service_code", "service", "status", "label", "method"}
PRIVATE_MART_COLUMNS = {"account_id", "payment_id", "vendor_payment_id", "last_error"}
FRACTION_UNITS = ("fraction 0..1", "probability 0..1")
# A mart with one row per day is checked for its newest days only: the others were checked when they were new.
DAYS_CHECKED = 7
OF_ACCOUNT = "WHERE dataset = $dataset AND account_id IS NOT DISTINCT FROM $account_id"


@dataclass(frozen=True)
class TableStats:
    """State of one table.

    ``duplicate_keys`` counts key values that occur more than once, ``rates_out_of_range`` rows per rate column that are
    outside 0..1. ``empty_sources`` are the datasets that a mart reads and that hold no row. The rest is of datasets
    only: ``expected_rows`` and ``expected_rejects`` count records of the newest accepted responses, ``bytes`` is their
    size at rest, ``last_load`` the newest row of ``ops.loads`` (empty before the first load), ``first_reject`` why the
    first of its rejected records was (without values of the record), ``volume`` its number of records against earlier
    loads (empty before the sixth), ``drift`` the pairs (field, kind) of the last day, or of two cadences where that is
    longer.
    """

    rows: int = 0
    duplicate_keys: int = 0
    rates_out_of_range: Mapping[str, int] = field(default_factory=dict)
    empty_sources: Sequence[str] = ()
    expected_rows: int = 0
    expected_rejects: int = 0
    bytes: int = 0
    last_load: Mapping[str, Any] = field(default_factory=dict)
    first_reject: str = ""
    volume: Mapping[str, Any] = field(default_factory=dict)
    drift: Sequence[tuple[str, str]] = ()


def collect_dataset_stats(connection: Connection, dataset: Dataset) -> TableStats:
    """Statistics of ``sms.<dataset>``. Raises ``duckdb.Error`` when the file has no such table yet."""
    drift_seconds = max(DAY_SECONDS, 2 * 60 * dataset.cadence_minutes)
    drift = _query(connection, "recent_drift", dataset=dataset.name, seconds=drift_seconds)
    last_load = next(iter(_query(connection, "last_load", dataset=dataset.name)), {})
    loads = {"dataset": dataset.name, "account_id": last_load.get("account_id")}
    volume = connection.execute(f"SELECT volume FROM ({render('status_volume')}) {OF_ACCOUNT}", loads).fetchone()
    (load_stats,) = _query(connection, "load_stats", dataset=dataset.name)
    return TableStats(
        **_content_stats(connection, f'sms."{dataset.name}"', dataset.key, rate_columns(dataset)),
        last_load=last_load,
        first_reject=_first_reject(connection, dataset, last_load) if last_load.get("rejected") else "",
        volume=volume[0] if volume else {},
        drift=[(row["field"], row["kind"]) for row in drift],
        **load_stats,
    )


def collect_mart_stats(connection: Connection, mart: Mart, sources: Sequence[str]) -> TableStats:
    """Statistics of ``mart``, which reads the datasets ``sources``. Raises ``duckdb.Error`` as above."""
    checked = f"(FROM marts.{mart.name}{_newest_days(mart)})"
    content = _content_stats(connection, checked, mart.key, rate_columns(mart))
    content["rows"] = _scalar(connection, f"SELECT count(*) FROM marts.{mart.name}")
    is_empty = "SELECT NOT EXISTS (FROM sms.{})".format
    return TableStats(**content, empty_sources=[name for name in sources if _scalar(connection, is_empty(name))])


def rate_columns(table: Dataset | Mart) -> list[str]:
    """Columns that hold a fraction 0..1."""
    if isinstance(table, Dataset):
        return [field.column for field in table.fields if field.kind == "rate"]
    return [column for column, comment in table.columns.items() if any(unit in comment for unit in FRACTION_UNITS)]


def last_changed_load(connection: Connection, dataset: str) -> str:
    """Id of the load that last changed the rows of ``dataset``; empty before the first."""
    return str(_query(connection, "last_changed_load", dataset=dataset)[0]["load_id"])


def dataset_preview(connection: Connection, dataset: Dataset) -> str:
    """A few rows as a Markdown table, without texts that may be personal."""
    columns = [c for c in dataset.table.columns if c.type not in ("VARCHAR", "JSON") or c.name in PUBLIC_TEXT_COLUMNS]
    shown = [column.name for column in columns]
    return _preview(connection, shown, f'sms."{dataset.name}" ORDER BY {column_list(dataset.key)}')


def mart_preview(connection: Connection, mart: Mart) -> str:
    """A few rows as a Markdown table, the newest days first, without columns that may be personal."""
    shown = [column for column in mart.columns if column not in PRIVATE_MART_COLUMNS]
    order = ", ".join(f'"{column}"' + " DESC NULLS LAST" * (column == "day") for column in mart.key)
    return _preview(connection, shown, f"marts.{mart.name}{_newest_days(mart)} ORDER BY {order}")


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    """A Markdown table."""
    cells = (["" if value is None else " ".join(value.replace("|", "\\|").split()) for value in row] for row in rows)
    lines = [columns, ["---"] * len(columns), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _content_stats(connection: Connection, relation: str, key: Sequence[str], rates: Sequence[str]) -> dict[str, Any]:
    duplicates = f"SELECT 1 FROM {relation} GROUP BY {column_list(key)} HAVING count(*) > 1"
    outside = {c: f'SELECT count(*) FROM {relation} WHERE NOT ("{c}" BETWEEN 0 AND 1)' for c in rates}
    return {
        "rows": _scalar(connection, f"SELECT count(*) FROM {relation}"),
        "duplicate_keys": _scalar(connection, f"SELECT count(*) FROM ({duplicates})"),
        "rates_out_of_range": {column: _scalar(connection, sql) for column, sql in outside.items()},
    }


def _first_reject(connection: Connection, dataset: Dataset, load: Mapping[str, Any]) -> str:
    refused = load["load_id"] if load["status"] == "rejected" else None
    reasons = _query(connection, "first_reject", dataset=dataset.name, refused_load=refused)
    return reasons[0]["reason"] if reasons else ""


def _newest_days(mart: Mart) -> str:
    if "day" not in mart.key:
        return ""
    return f" WHERE day IS NULL OR day > (SELECT max(day) FROM marts.{mart.name}) - {DAYS_CHECKED}"


def _preview(connection: Connection, columns: Sequence[str], source: str) -> str:
    rows = connection.sql(f"SELECT {column_list(columns)} FROM {source} LIMIT {PREVIEW_ROWS}").project(
        "COLUMNS(*)::VARCHAR"
    )
    return markdown_table(columns, rows.fetchall())


def _scalar(connection: Connection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _query(connection: Connection, name: str, **values: Any) -> list[dict[str, Any]]:
    sql = resources.files("assets.quality").joinpath("sql", f"{name}.sql").read_text("utf-8")
    cursor = connection.execute(sql, values)
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
