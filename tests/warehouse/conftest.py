"""A small table, its warehouse in memory, and a short way to load one snapshot after the other."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from warehouse.loading import load_log
from warehouse.loading.batch import Batch, LoadContext, LoadResult, Partition
from warehouse.loading.merge import load_batch
from warehouse.schema.definitions import ensure_tables
from warehouse.schema.migrations import migrate
from warehouse.schema.tables import Column, Table, view_statements

START = datetime(2026, 3, 4, 12, tzinfo=UTC)
ARROW = {"VARCHAR": pa.string(), "JSON": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}
THINGS = Table(
    "things",
    (
        Column("code", "VARCHAR", "The thing's code."),
        Column("price_cents", "BIGINT", "What it's worth, US cents."),
        Column("extra", "JSON", "The rest."),
    ),
    ("code",),
)

Row = Mapping[str, Any]


def minute(at: float) -> datetime:
    return START + timedelta(minutes=at)


def arrow(table: Table, rows: Sequence[Row], columns: Sequence[str] = ()) -> pa.Table:
    types = {column.name: ARROW[column.type] for column in table.columns} | {"part": pa.string()}
    names = columns or list(types)
    return pa.table({name: pa.array([row.get(name) for row in rows], types[name]) for name in names})


@dataclass
class Warehouse:
    connection: duckdb.DuckDBPyConnection
    table: Table = THINGS

    def shape(self, table: Table) -> None:
        self.table = table
        ensure_tables(self.connection, [table])
        for statement in view_statements(table):
            self.connection.execute(statement)

    def snapshot(self, rows: Mapping[str, Any] | Sequence[Row], at: float, **more: Any) -> LoadResult:
        """Loads one response: ``{code: price}`` or rows."""
        return self.responses({"": rows}, at, **more)

    def responses(
        self,
        partitions: Mapping[str, Mapping[str, Any] | Sequence[Row]],
        at: float,
        *,
        account: str = "7",
        accept_shrink: bool = False,
        changed_partitions: Mapping[str, Mapping[str, Any]] | None = None,
        rejected_keys: Sequence[Row] = (),
        **more: Any,
    ) -> LoadResult:
        """Loads a fan-out; ``changed_partitions`` sets fields of single partitions, ``more`` of the batch."""
        rows = [row | {"part": partition} for partition, given in partitions.items() for row in _rows(given)]
        heads = []
        for partition, given in partitions.items():
            head = Partition(
                partition, uuid.uuid4().hex, minute(at), f"sha {partition} {at}", "c", fetched=len(_rows(given))
            )
            heads.append(replace(head, **(changed_partitions or {}).get(partition, {})))
        batch = Batch(
            table=self.table,
            account_id=account,
            partitions=heads,
            rows=arrow(self.table, rows),
            rejected_keys=arrow(self.table, rejected_keys, self.table.key),
            **more,
        )
        load = LoadContext("run", uuid.uuid4().hex, self.table.name, account, minute(at), accept_shrink)
        outcome = load_batch(self.connection, batch, load)
        counts = outcome.counts
        assert counts.fetched == (
            counts.inserted + counts.changed + counts.unchanged + counts.rejected + counts.duplicates
        )
        assert min(vars(counts).values()) >= 0
        return outcome

    @staticmethod
    def minute(at: float) -> datetime:
        return minute(at)

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, list(parameters)).fetchall()

    def current(self) -> dict[str, Any]:
        return dict(self.sql("SELECT code, price_cents FROM sms.things ORDER BY ALL"))

    def as_of(self, at: float) -> dict[str, Any]:
        return dict(self.sql("SELECT code, price_cents FROM sms.things_as_of(?) ORDER BY ALL", minute(at)))

    def stored(self) -> list[tuple[Any, ...]]:
        """Every byte of the tables and watermarks that a refused load must leave alone."""
        tables = (f'store."{self.table.name}"', f'store."{self.table.name}_expired"', "ops.watermarks")
        return [row for table in tables for row in self.sql(f"SELECT * FROM {table} ORDER BY ALL")]

    def watermarks(self) -> Mapping[str, Any]:
        return load_log.read_watermarks(self.connection, self.table.name)


def _rows(given: Mapping[str, Any] | Sequence[Row]) -> list[dict[str, Any]]:
    if isinstance(given, Mapping):
        return [{"code": code, "price_cents": price} for code, price in given.items()]
    return [dict(row) for row in given]


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 2")
        migrate(connection)
        fresh = Warehouse(connection)
        fresh.shape(THINGS)
        yield fresh
