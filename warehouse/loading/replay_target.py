"""The target of a replay: a database beside the warehouse, whose tables replace the warehouse's in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from warehouse.database.opening import open_warehouse
from warehouse.raw.store import read_body
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate
from warehouse.schema.tables import Table
from warehouse.sql import current_database, quote_literal, render, rows, transaction

Connection = duckdb.DuckDBPyConnection

LOGGED_RESPONSES = """
SELECT r.response_id, r.run_id, r.account_id, r.endpoint, r.params, r.requested_at,
       r.body_sha256, r.elapsed_ms, r.server_date, coalesce(r.cache_age_seconds, 0) AS cache_age_seconds,
       l.load_id, l.started_at, l.status,
       coalesce(l.accept_shrink, false) AS accept_shrink
FROM raw.requests r JOIN ops.loads l ON l.run_id = r.run_id AND l.account_id = r.account_id AND l.dataset = ?
WHERE list_contains(?, r.endpoint)
ORDER BY l.finished_at, l.load_id, r.requested_at
"""

# Without a hash and a contract, so that the next response of the partition is always normalised.
INSERT_WATERMARK = """
INSERT INTO ops.watermarks (dataset, part, response_id, seen_at, fetched, rejected, duplicates, body_sha256, contract)
VALUES (?, ?, ?, ?, 0, 0, 0, '', '')
"""


@dataclass(frozen=True)
class LoggedResponse:
    """A raw response and the load that it was part of."""

    response_id: str
    run_id: str
    account_id: str
    endpoint: str
    params: Mapping[str, str]
    requested_at: datetime
    body_sha256: str
    elapsed_ms: int
    server_date: datetime | None
    cache_age_seconds: int
    load_id: str
    started_at: datetime
    status: str
    accept_shrink: bool


class ReplayTarget:
    """The warehouse and a fresh database beside it, which is in use while a dataset is loaded again."""

    def __init__(self, connection: Connection, main: str) -> None:
        self.connection = connection
        self._main = main

    def logged_responses(self, dataset: str, endpoints: Sequence[str]) -> list[LoggedResponse]:
        """The raw responses of every load of ``dataset``, in the order of the loads."""
        self.connection.execute(f'USE "{self._main}"')
        stored = rows(self.connection, LOGGED_RESPONSES, [dataset, list(endpoints)])
        self.connection.execute("USE rebuilt")
        return [LoggedResponse(**(row | {"params": msgspec.json.decode(row["params"])})) for row in stored]

    def read_body(self, body_sha256: str) -> bytes:
        """A stored body. Raises ``KeyError`` when it was pruned."""
        return read_body(self.connection, body_sha256, schema=f'"{self._main}".raw')

    def restore_as_of(self, table: Table, since: datetime, watermarks: Mapping[str, LoggedResponse]) -> None:
        """Fills the rebuilt tables with the versions valid from ``since`` or earlier.

        ``watermarks`` are the responses that each partition's rows were last seen in at that time.
        """
        moment = f"TIMESTAMPTZ '{since.isoformat()}'"
        restore = render("loading/sql/restore_as_of", table=table.name, main=self._main, since=moment)
        with transaction(self.connection):
            self.connection.execute(restore)
            for partition, response in watermarks.items():
                watermark = [table.name, partition, response.response_id, response.requested_at]
                self.connection.execute(INSERT_WATERMARK, watermark)

    def swap_in(self, table: Table, replayed: Sequence[str]) -> None:
        """Replaces the warehouse's tables with the rebuilt ones; ``replayed`` are the responses that went into them."""
        self.connection.execute(f'USE "{self._main}"')
        self.connection.register("replayed", pa.table({"response_id": pa.array(replayed, pa.string())}))
        with transaction(self.connection):
            self.connection.execute(render("loading/sql/swap_in", table=table.name))
        self.connection.unregister("replayed")
        self.connection.execute("USE rebuilt")


@contextmanager
def open_replay_target(path: Path, tables: Sequence[Table]) -> Iterator[ReplayTarget]:
    """Opens the warehouse for a replay; other writers wait. The database beside it is always removed at the end."""
    rebuilt = path.with_name(f"{path.name}.rebuild")
    rebuilt.unlink(missing_ok=True)
    try:
        with open_warehouse(path) as connection:
            migrate(connection)
            sync_schema(connection, tables)
            main = current_database(connection)
            connection.execute(f"ATTACH {quote_literal(str(rebuilt))} AS rebuilt")
            connection.execute("USE rebuilt")
            migrate(connection)
            sync_schema(connection, tables)
            yield ReplayTarget(connection, main)
    finally:
        for leftover in (rebuilt, rebuilt.with_name(f"{rebuilt.name}.wal")):
            leftover.unlink(missing_ok=True)
