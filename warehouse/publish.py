"""The analysts' copy: ``analytics.duckdb`` beside the warehouse, always complete, never in a writer's way.

A new file is made from the last one plus what changed since, and takes its place in one step: a reader that has the old
one open keeps it for as long as it likes. The warehouse notes what the copy holds, so one that a crash prevented is
made up for by the next.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from warehouse.comments import describe
from warehouse.connection import opened
from warehouse.crashpoints import reach
from warehouse.errors import WarehouseUnwritable
from warehouse.instance import Instance
from warehouse.mart_days import DATASET as DAYS_OF
from warehouse.mart_days import settle
from warehouse.migrate import shape
from warehouse.sql_files import current_database, literal, sql, transaction
from warehouse.tables import Table, equal_keys

Connection = duckdb.DuckDBPyConnection

NAME = "analytics.duckdb"
BOOKS = ("watermarks", "drift", "loads", "shape")
SHAPED = ("datasets", "copied", "settled")  # the books that ``shape`` makes
OTHER_BOOKS = f"""
SELECT table_name FROM duckdb_tables()
WHERE database_name = 'copy' AND schema_name = 'ops' AND table_name NOT IN {BOOKS + SHAPED}
"""
# Above it, taking the raw answers out again costs more than making the tables and copying the rows.
LARGEST_TO_CLONE_BYTES = 64 * 2**20
COPIED_AT_ONCE_BYTES = 2**20
# So that the copy's marts.freshness tells a quiet time from one without a sync.
LONGEST_QUIET_SECONDS = 3600
MIRROR = "topups"  # no dataset: the mirror of the ledger
# The newest load of each dataset that changed its tables: loads are only ever appended. And what the mirror holds.
NEWEST = f"""
SELECT dataset, arg_max(load_id, rowid) FROM ops.loads WHERE inserted + changed + closed > 0 GROUP BY dataset
UNION ALL SELECT '{MIRROR}', hash FROM ops.mirrored
"""


def published_path(warehouse: Path) -> Path:
    """Where the copy of ``warehouse`` lies."""
    return warehouse.with_name(NAME)


def publish(warehouse: Path, tables: Sequence[Table], instance: Instance | None = None) -> bool:
    """Brings the copy up to date; returns whether there was anything to bring, or the copy was an hour old.

    Days of the marts that can no longer change are settled first. Raises ``WarehouseUnwritable`` when there is no room;
    the old copy stays as it was.
    """
    path = published_path(warehouse)
    with ExitStack() as afterwards, opened(warehouse, instance=instance) as connection:
        newest, held = _newest(connection), _held(connection)
        if newest == held and not _is_due(path):
            return False
        settle(connection)
        with _successor(path) as successor:
            cloned = _cloned(connection, warehouse, successor, afterwards)
            known = _attached(connection, successor)
            if cloned:
                _strip(connection)
            _fill(connection, tables, newest, newest if cloned else held if known else {})
            connection.execute("CHECKPOINT copy")
            connection.execute("DETACH copy")
            reach("before publishing")
        with transaction(connection):
            connection.execute("DELETE FROM ops.published")
            connection.execute("INSERT INTO ops.published SELECT * FROM (" + NEWEST + ")")
            reach("after publishing")
    return True


def is_published(connection: Connection, warehouse: Path) -> bool:
    """Whether the copy of ``warehouse``, which ``connection`` reads, has everything and is no hour old."""
    return _newest(connection) == _held(connection) and not _is_due(published_path(warehouse))


def _newest(connection: Connection) -> dict[str, str]:
    return dict(connection.execute(NEWEST).fetchall())


def _held(connection: Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT * FROM ops.published").fetchall())


def _is_due(path: Path) -> bool:
    """Whether the copy is missing, or so old that its books must be renewed."""
    return not path.exists() or time.time() - path.stat().st_mtime > LONGEST_QUIET_SECONDS


@contextmanager
def _successor(path: Path) -> Iterator[Path]:
    """A copy of the copy to change; takes its place when the body ends well, is removed when it does not."""
    successor = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        if path.exists():
            shutil.copyfile(path, successor)
        yield successor
        successor.replace(path)
    except OSError as error:
        raise WarehouseUnwritable(f"{path} cannot be written: {error.strerror}") from error
    finally:
        for leftover in (successor, successor.with_name(f"{successor.name}.wal")):
            leftover.unlink(missing_ok=True)


def _cloned(connection: Connection, warehouse: Path, successor: Path, afterwards: ExitStack) -> bool:
    """Where there is no copy yet and the warehouse is small, begins with all of it: nothing has to be written anew.

    The file is closed ``afterwards``: closing any handle of it would end the lock that DuckDB holds on it.
    """
    if successor.exists() or warehouse.stat().st_size > LARGEST_TO_CLONE_BYTES:
        return False
    connection.execute("CHECKPOINT")
    source = afterwards.enter_context(warehouse.open("rb"))
    with successor.open("wb") as target:
        shutil.copyfileobj(source, target, COPIED_AT_ONCE_BYTES)
    return True


def _strip(connection: Connection) -> None:
    """Removes from the copy what is not for analysts: raw answers, and the books of refused records and of loading."""
    connection.execute("DROP SCHEMA copy.raw CASCADE")
    for (name,) in connection.execute(OTHER_BOOKS).fetchall():
        connection.execute(f"DROP TABLE copy.ops.{name}")


def _attached(connection: Connection, successor: Path) -> bool:
    """Attaches the file as ``copy``; false when it had to be made from nothing."""
    attach = f"ATTACH {literal(str(successor))} AS copy"
    existed = successor.exists()
    try:
        connection.execute(attach)
    except duckdb.IOException:
        if not existed:
            raise
        successor.unlink()
        connection.execute(attach)
        return False
    return existed


def _fill(connection: Connection, tables: Sequence[Table], newest: Mapping[str, str], held: Mapping[str, str]) -> None:
    main = current_database(connection)
    connection.execute("USE copy")
    try:
        _make_books(connection, main)
        shape(connection, tables)
        describe(connection, tables)
        with transaction(connection):
            for table in tables:
                # Absent rows of a list cut by a limit are rewritten in place, which no load counts as a change.
                if newest.get(table.name) != held.get(table.name) or not table.complete:
                    _bring(connection, table, main, known=bool(held.get(table.name)))
            if newest.get(MIRROR) != held.get(MIRROR):
                connection.execute(sql("publish_topups", main=main))
            if not held.get(DAYS_OF):
                connection.execute("DELETE FROM ops.settled")
            connection.execute(sql("publish_days", main=main))
            connection.execute(sql("publish_books", main=main))
    finally:
        connection.execute(f'USE "{main}"')


def _bring(connection: Connection, table: Table, main: str, *, known: bool) -> None:
    """Brings one dataset; ``known`` says that the copy holds an earlier state of the same versions."""
    if not known:
        connection.execute(f'DELETE FROM store."{table.name}_closed"')
    name = "publish_changes" if known and table.complete else "publish_table"
    connection.execute(sql(name, table=table.name, main=main, same_key=equal_keys(table, "i", "s")))


def _make_books(connection: Connection, main: str) -> None:
    for schema in ("ops", "store", "sms", "marts", "topups"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for name in ("payments", "events"):
        connection.execute(f'CREATE TABLE IF NOT EXISTS topups.{name} AS FROM "{main}".topups.{name} LIMIT 0')
    for name in BOOKS:
        connection.execute(f'CREATE TABLE IF NOT EXISTS ops.{name} AS FROM "{main}".ops.{name} LIMIT 0')
