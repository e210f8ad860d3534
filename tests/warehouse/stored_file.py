"""A small warehouse file with one complete and one cut list, loaded by numbered minutes."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from assets.datasets import DATASETS
from tests.warehouse.conftest import minute
from warehouse.database.opening import open_warehouse
from warehouse.loading.batch import Batch, LoadContext, Partition
from warehouse.loading.merge import load_batch
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate
from warehouse.schema.tables import Column, Table

COLUMNS = (Column("code", "VARCHAR"), Column("price_cents", "BIGINT"), Column("extra", "JSON"))
WHOLE = Table("whole", COLUMNS, ("code",))
CUT = Table("cut", COLUMNS, ("code",), full_snapshot=False)
LOADED = [WHOLE, CUT]
# The marts read the real datasets' tables.
TABLES = [*LOADED, *(dataset.table for dataset in DATASETS.values())]


class StoredFile:
    """A warehouse whose snapshots are numbered minutes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.minute = 0
        with open_warehouse(path) as connection:
            migrate(connection)
            sync_schema(connection, TABLES)

    def load(self, table: Table, prices: dict[str, int]) -> None:
        self.minute += 1
        rows = pa.table(
            {
                "code": pa.array(prices, pa.string()),
                "price_cents": pa.array(prices.values(), pa.int64()),
                "extra": pa.nulls(len(prices), pa.string()),
                "part": pa.array([""] * len(prices), pa.string()),
            }
        )
        partition = Partition("", f"r{self.minute}", minute(self.minute), f"{self.minute}", "c", fetched=len(prices))
        batch = Batch(table, "7", [partition], rows, rows.select(["code"]).slice(0, 0))
        with open_warehouse(self.path) as connection:
            load = LoadContext(
                "run", f"{table.name} {self.minute}", table.name, "7", minute(self.minute), accept_shrink=True
            )
            load_batch(connection, batch, load)

    def state(self, file: Path | None = None) -> dict[str, list[tuple[Any, ...]]]:
        with duckdb.connect(str(file or self.path), read_only=True) as connection:
            return {
                name: connection.execute(f"SELECT * FROM sms.{name} ORDER BY ALL").fetchall()
                for name in ("whole", "whole_history", "cut", "cut_history")
            }
