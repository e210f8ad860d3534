"""Ties the write-ahead log beside a warehouse file to the state of the file that it continues.

DuckDB replays whatever log it finds beside a file. An older file beside a newer log, as a partial restore leaves them,
then opens without an error and holds a mixture of both. So each checkpoint gives the file a new ``checkpoint_id``, and
the log begins with the ``log_base`` that it continues. Either that is replayed, and the two differ; or it does not fit
the file, and DuckDB drops the log from there on, as it does with the torn end of one: the file then counts alone.
"""

from pathlib import Path

import duckdb

from warehouse.errors import MixedRestore
from warehouse.sql import fetch_one

Connection = duckdb.DuckDBPyConnection

# About twenty loads that changed nothing: their rows in the load log stay in the write-ahead log.
MAX_WAL_BYTES = 16_384
CHECKPOINT = "SELECT checkpoint_id, log_base FROM ops.warehouse"
# DuckDB's errors for a file without that table, or without those columns.
NO_IDENTITY = (duckdb.CatalogException, duckdb.BinderException)
RECORD_BASE = "UPDATE ops.warehouse SET log_base = checkpoint_id"


def log_path(path: Path) -> Path:
    """The write-ahead log of the database file at ``path``."""
    return path.with_name(f"{path.name}.wal")


def mixed_restore(path: Path) -> MixedRestore:
    """The error for a log that continues another state of the file."""
    log = log_path(path).name
    return MixedRestore(
        f"{path} and {log} are from different times: put back both from one backup, or move {log} away to go on with "
        "the file alone"
    )


def require_own_log(connection: Connection, path: Path) -> None:
    """Raises ``MixedRestore`` when the log that was replayed belongs to another state of the file."""
    if log_path(path).exists():
        checkpoint_id, log_base = _checkpoint(connection)
        if log_base not in (None, checkpoint_id):
            raise mixed_restore(path)


def finish_log(connection: Connection, path: Path, database: str, *, is_new: bool) -> None:
    """Ends a write session on ``database``: writes a long log into the file, and ties a short one to the file.

    A short log is left as it is: rewriting tables costs more than reading it again. ``is_new`` says that there was none
    before the session.
    """
    log = log_path(path)
    if not log.exists():
        return
    connection.execute(f"USE {database}")
    checkpoint_id, log_base = _checkpoint(connection)
    # A file that says what a log continues, without a log: another program wrote it into the file.
    if log.stat().st_size > MAX_WAL_BYTES or (is_new and log_base is not None):
        write_checkpoint(connection)
    elif log_base is None and checkpoint_id is not None:
        connection.execute(RECORD_BASE)


def write_checkpoint(connection: Connection) -> None:
    """Writes the log into the file of the database in use, and begins the next log."""
    if not has_identity(connection):
        connection.execute("CHECKPOINT")
        return
    connection.execute("UPDATE ops.warehouse SET checkpoint_id = uuid(), log_base = NULL")
    connection.execute("CHECKPOINT")
    connection.execute(RECORD_BASE)


def _checkpoint(connection: Connection) -> tuple[str | None, str | None]:
    """The file's checkpoint and the one its log continues."""
    try:
        checkpoint_id, log_base = fetch_one(connection, CHECKPOINT) or (None, None)
    except NO_IDENTITY:
        return None, None
    return checkpoint_id, log_base


def has_identity(connection: Connection) -> bool:
    """Whether the file is a warehouse of schema 4 or later: any other has no such column."""
    try:
        connection.execute("SELECT log_base FROM ops.warehouse LIMIT 0")
    except NO_IDENTITY:
        return False
    return True
