"""A warehouse in memory whose tables a test fills row by row, to work the marts out by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import duckdb

from assets.datasets import DATASETS
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

TABLES = [dataset.table for dataset in DATASETS.values()]
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
KEY = {"country_code": "12", "country": "United States", "carrier": "any", "service_code": "ds", "service": "Discord"}

Rows = list[dict[str, Any]]


def at(hours: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=hours)


class Store:
    """Puts rows where the loader would have put them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def rows(self, query: str, *parameters: Any) -> Rows:
        cursor = self.connection.execute(query, list(parameters))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def only(self, query: str, *parameters: Any) -> dict[str, Any]:
        (row,) = self.rows(query, *parameters)
        return row

    def put(self, table: str, **values: Any) -> None:
        columns, watermarks = ", ".join(f'"{name}"' for name in values), ", ".join("?" for _ in values)
        self.connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({watermarks})", list(values.values()))

    def version(self, dataset: str, valid_from: datetime, valid_to: datetime | None = None, **values: Any) -> None:
        """One version; ``last_seen_at`` of an ended one is its end unless it is given."""
        row = {"valid_from": valid_from, "first_seen_at": valid_from, "part": values.get("account_id", "")} | values
        if valid_to is None:
            self.put(f"store.{dataset}", **row)
        else:
            self.put(f"store.{dataset}_expired", **({"last_seen_at": valid_to} | row), valid_to=valid_to)

    def seen(self, dataset: str, seen_at: datetime, partition: str = "") -> None:
        """The newest accepted answer of a part."""
        self.connection.execute("DELETE FROM ops.watermarks WHERE dataset = ? AND part = ?", [dataset, partition])
        self.put("ops.watermarks", dataset=dataset, part=partition, seen_at=seen_at)

    def claim(self, rate: float | None, attempts: int | None, since: datetime = NOON, **values: Any) -> None:
        """A current row of statistics."""
        self.version("statistics", since, **(KEY | {"success_rate": rate, "attempts": attempts} | values))

    def offer(self, price: int | None, stock: int | None = 5, **values: Any) -> None:
        """A current row of services."""
        row = {name: KEY[name] for name in ("country_code", "carrier", "service_code", "service")}
        self.version("services", NOON, **(row | {"price_cents": price, "stock": stock} | values))

    def order(self, number: object, since: datetime = NOON, valid_to: datetime | None = None, **values: Any) -> None:
        """A version of an own order."""
        row = KEY | {"account_id": "7", "order_id": str(number), "purchase_price_cents": 10, "status": "pending"}
        self.version("inventory", since, valid_to, **(row | {"sms_count": 0, "created_at": since} | values))

    def balance(self, cents: int, since: datetime, valid_to: datetime | None = None, **values: Any) -> None:
        """A version of an account's balance."""
        self.version("balances", since, valid_to, **({"account_id": "7", "balance_cents": cents} | values))


@cache
def _shaped() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("SET GLOBAL TimeZone = 'UTC'; SET GLOBAL threads = 1")
    migrate(connection)
    sync_schema(connection, TABLES)
    return connection


@contextmanager
def stored() -> Iterator[Store]:
    """An empty store; what the body puts into it is taken back."""
    cursor = _shaped().cursor()
    cursor.execute("BEGIN")
    try:
        yield Store(cursor)
    finally:
        cursor.execute("ROLLBACK")
        cursor.close()
