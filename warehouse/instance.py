"""How DuckDB opens a file: to read it, or to write it in an instance that may run for a whole pass."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

import duckdb

from warehouse.sql_files import literal

# What a file is called while it is attached to an instance.
ALIAS = "warehouse"


class Opener(Protocol):
    """Opens files and lets go of them."""

    def open(self, path: Path) -> duckdb.DuckDBPyConnection:
        """A connection whose database in use is the file at ``path``. Raises ``duckdb.Error``."""

    def close(self, connection: duckdb.DuckDBPyConnection, *, stop: bool) -> None:
        """Lets go of the file. With ``stop`` nothing that belongs to it runs on."""


class Reader:
    """Opens files for reading, which several processes may do at the same time."""

    def open(self, path: Path) -> duckdb.DuckDBPyConnection:
        """As ``Opener``."""
        connection = duckdb.connect(str(path), read_only=True)
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def close(self, connection: duckdb.DuckDBPyConnection, *, stop: bool) -> None:  # noqa: ARG002
        """As ``Opener``."""
        _close(connection)


class Instance:
    """Opens files for writing, one at a time: starting DuckDB takes longer than attaching a file to what runs.

    Starts with the first file, and anew after a ``stop``. Not thread safe.
    """

    def __init__(self) -> None:
        self._running: duckdb.DuckDBPyConnection | None = None

    def open(self, path: Path) -> duckdb.DuckDBPyConnection:
        """As ``Opener``."""
        running = self._running or self._start(path)
        running.execute(f"ATTACH {literal(str(path))} AS {ALIAS}")
        connection = running.cursor()
        connection.execute(f"USE {ALIAS}")
        return connection

    def close(self, connection: duckdb.DuckDBPyConnection, *, stop: bool) -> None:
        """As ``Opener``."""
        _close(connection)
        if stop:
            self.stop()
        elif self._running:
            try:
                self._running.execute(f"DETACH {ALIAS}")
            except duckdb.Error:
                self.stop()

    def stop(self) -> None:
        """Ends what runs."""
        running, self._running = self._running, None
        if running:
            _close(running)

    def _start(self, path: Path) -> duckdb.DuckDBPyConnection:
        # Loads are small and serial: handing pieces to other threads costs more than it saves (measured).
        self._running = duckdb.connect(config={"threads": 1})
        self._running.execute("SET GLOBAL TimeZone = 'UTC'")
        self._running.execute("PRAGMA disable_checkpoint_on_shutdown")
        # Without a file of its own it would spill into the working folder.
        self._running.execute(f"SET temp_directory = {literal(f'{path}.tmp')}")
        return self._running


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # the error that brought us here is the one to report
        connection.close()
