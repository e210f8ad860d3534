"""The target of a replay: a database beside the warehouse, whose tables replace the warehouse's in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from warehouse.database.leftovers import rebuild_path
from warehouse.database.opening import open_warehouse, real_path
from warehouse.database.write_ahead_log import log_path
from warehouse.loading.guard import RECENT_RESPONSES
from warehouse.raw.store import read_body
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate
from warehouse.schema.tables import Table
from warehouse.sql import current_database, quote_literal, render, rows, scalar, transaction

Connection = duckdb.DuckDBPyConnection

# Without a hash and a contract, so that the next response of the partition is always normalised.
INSERT_WATERMARK = """
INSERT INTO ops.watermarks (dataset, part, response_id, seen_at, server_date, recent_rows,
    fetched, rejected, duplicates, body_sha256, contract)
VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, '', '')
"""
COUNT_ROWS_AT = """
SELECT count(*) FROM (FROM store."{table}" UNION ALL BY NAME FROM store."{table}_expired")
WHERE part = ? AND valid_from <= ? AND (valid_to IS NULL OR valid_to > ?)
"""


@dataclass(frozen=True)
class LoggedResponse:
    """A raw response and the load that it was part of; ``error_response_id`` is what the load's error is about."""

    response_id: str
    run_id: str
    account_id: str
    endpoint: str
    params: Mapping[str, str]
    requested_at: datetime
    elapsed_ms: int
    body_sha256: str
    server_date: datetime | None
    cache_age_seconds: int
    load_id: str
    started_at: datetime
    status: str
    accept_shrink: bool
    error_response_id: str | None

    @property
    def generated_at(self) -> datetime | None:
        """When the vendor generated it, by the vendor's clock."""
        return self.server_date


class ReplayTarget:
    """The warehouse and a fresh database beside it, which is in use while a dataset is loaded again."""

    def __init__(self, connection: Connection, main: str) -> None:
        self.connection = connection
        self._main = main

    def logged_responses(self, dataset: str, endpoints: Sequence[str]) -> list[LoggedResponse]:
        """The usable raw responses of every load of ``dataset``, in the order in which the loads were logged."""
        self.connection.execute(f'USE "{self._main}"')
        parameters = {"dataset": dataset, "endpoints": list(endpoints)}
        stored = rows(self.connection, render("loading/sql/logged_responses"), parameters)
        self.connection.execute("USE rebuilt")
        return [LoggedResponse(**(row | {"params": msgspec.json.decode(row["params"])})) for row in stored]

    def read_body(self, body_sha256: str) -> bytes:
        """A stored body. Raises ``KeyError`` when it was pruned."""
        return read_body(self.connection, body_sha256, schema=f'"{self._main}".raw')

    def restore_as_of(
        self, table: Table, since: datetime, accepted: Mapping[str, Sequence[LoggedResponse]], replayed: Sequence[str]
    ) -> None:
        """Fills the rebuilt tables with the versions valid from ``since`` or earlier.

        ``accepted`` are the responses of each partition until that time, oldest first: its rows were last seen in the
        last one. ``replayed`` are those that are loaded again after it.
        """
        moment = f"TIMESTAMPTZ '{since.isoformat()}'"
        restore = render("loading/sql/restore_as_of", table=table.name, main=self._main, since=moment)
        with self._registered(replayed), transaction(self.connection):
            self.connection.execute(restore)
            count_rows_at = COUNT_ROWS_AT.format(table=table.name)
            for partition, responses in accepted.items():
                recent = [response.requested_at for response in responses[: -RECENT_RESPONSES - 1 : -1]]
                recent_rows = [scalar(self.connection, count_rows_at, [partition, at, at]) for at in recent]
                last = responses[-1]
                watermark = [last.response_id, last.requested_at, last.server_date, recent_rows]
                self.connection.execute(INSERT_WATERMARK, [table.name, partition, *watermark])

    def swap_in(self, table: Table, replayed: Sequence[str]) -> None:
        """Replaces the warehouse's tables with the rebuilt ones; ``replayed`` are the responses that went into them."""
        self.connection.execute(f'USE "{self._main}"')
        with self._registered(replayed), transaction(self.connection):
            self.connection.execute(render("loading/sql/swap_in", table=table.name))
        self.connection.execute("USE rebuilt")

    @contextmanager
    def _registered(self, replayed: Sequence[str]) -> Iterator[None]:
        """Makes the ids of the replayed responses readable for SQL under the name ``replayed``."""
        self.connection.register("replayed", pa.table({"response_id": pa.array(replayed, pa.string())}))
        yield
        self.connection.unregister("replayed")


@contextmanager
def open_replay_target(path: Path, tables: Sequence[Table]) -> Iterator[ReplayTarget]:
    """Opens the warehouse for a replay; other writers wait. The database beside it is always removed at the end."""
    with open_warehouse(path) as connection:
        rebuilt = rebuild_path(real_path(path))
        migrate(connection)
        sync_schema(connection, tables)
        main = current_database(connection)
        connection.execute(f"ATTACH {quote_literal(str(rebuilt))} AS rebuilt")
        try:
            connection.execute("USE rebuilt")
            migrate(connection)
            sync_schema(connection, tables)
            yield ReplayTarget(connection, main)
        finally:  # while the lock is held: afterwards another replay may have one of that name
            with suppress(duckdb.Error):
                connection.execute(f'USE "{main}"; DETACH rebuilt')
            for leftover in (rebuilt, log_path(rebuilt)):
                leftover.unlink(missing_ok=True)
