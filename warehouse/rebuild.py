"""Rebuilds a dataset beside the warehouse and puts it in place in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from warehouse.connection import opened
from warehouse.landing import stored_body
from warehouse.migrate import migrate
from warehouse.schema.definitions import sync_schema
from warehouse.sql_files import current_database, literal, rows, sql, transaction
from warehouse.tables import Table

Connection = duckdb.DuckDBPyConnection

KEPT = """
SELECT r.response_id, r.run_id, r.account_id, r.endpoint, r.params, r.requested_at,
       r.body_sha256, l.load_id, l.started_at, l.status,
       coalesce(l.accept_shrink, false) AS accept_shrink
FROM raw.requests r JOIN ops.loads l ON l.run_id = r.run_id AND l.account_id = r.account_id AND l.dataset = ?
WHERE list_contains(?, r.endpoint)
ORDER BY l.finished_at, l.load_id, r.requested_at
"""

# Without a hash and a contract: the first answer after the rewind is normalised whatever it is.
MARK = """
INSERT INTO ops.watermarks (dataset, part, response_id, seen_at, fetched, rejected, duplicates, body_sha256, contract)
VALUES (?, ?, ?, ?, 0, 0, 0, '', '')
"""


@dataclass(frozen=True)
class Kept:
    """A raw response and the load that it was part of."""

    response_id: str
    run_id: str
    account_id: str
    endpoint: str
    params: Mapping[str, str]
    requested_at: datetime
    body_sha256: str
    load_id: str
    started_at: datetime
    status: str
    accept_shrink: bool


class Rebuild:
    """The warehouse and a fresh database beside it, which is in use while a dataset is loaded anew."""

    def __init__(self, connection: Connection, main: str) -> None:
        self.connection = connection
        self._main = main

    def kept(self, dataset: str, endpoints: Sequence[str]) -> list[Kept]:
        """The raw responses of every load of ``dataset``, in the order of the loads."""
        self.connection.execute(f'USE "{self._main}"')
        stored = rows(self.connection, KEPT, [dataset, list(endpoints)])
        self.connection.execute("USE rebuilt")
        return [Kept(**(row | {"params": msgspec.json.decode(row["params"])})) for row in stored]

    def body(self, body_sha256: str) -> bytes:
        """A kept body. Raises ``KeyError`` when it was pruned."""
        return stored_body(self.connection, body_sha256, schema=f'"{self._main}".raw')

    def rewind(self, table: Table, since: datetime, marks: Mapping[str, Kept]) -> None:
        """Fills the rebuilt tables with the versions that began by ``since``; ``marks`` was each part's answer then."""
        with transaction(self.connection):
            self.connection.execute(sql("rewind", table=table.name, main=self._main, since=_literal(since)))
            for part, kept in marks.items():
                self.connection.execute(MARK, [table.name, part, kept.response_id, kept.requested_at])

    def swap(self, table: Table, replayed: Sequence[str]) -> None:
        """Replaces the warehouse's tables with the rebuilt ones; ``replayed`` are the responses that went into them."""
        self.connection.execute(f'USE "{self._main}"')
        self.connection.register("replayed", pa.table({"response_id": pa.array(replayed, pa.string())}))
        with transaction(self.connection):
            self.connection.execute(sql("swap", table=table.name))
        self.connection.unregister("replayed")
        self.connection.execute("USE rebuilt")


@contextmanager
def rebuilding(path: Path, tables: Sequence[Table]) -> Iterator[Rebuild]:
    """Opens the warehouse for a rebuild; other writers wait as long. The database beside it goes on every way out."""
    beside = path.with_name(f"{path.name}.rebuild")
    beside.unlink(missing_ok=True)
    try:
        with opened(path) as connection:
            migrate(connection)
            sync_schema(connection, tables)
            main = current_database(connection)
            connection.execute(f"ATTACH {literal(str(beside))} AS rebuilt")
            connection.execute("USE rebuilt")
            migrate(connection)
            sync_schema(connection, tables)
            yield Rebuild(connection, main)
    finally:
        for leftover in (beside, beside.with_name(f"{beside.name}.wal")):
            leftover.unlink(missing_ok=True)


def _literal(instant: datetime) -> str:
    return f"TIMESTAMPTZ '{instant.isoformat()}'"
