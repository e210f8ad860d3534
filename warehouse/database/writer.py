"""The process's DuckDB for writing: starting DuckDB takes longer than attaching a file to one that runs."""

from contextlib import suppress
from pathlib import Path

import duckdb

from warehouse.sql import quote_literal

# The name of the file's database while it is attached.
ALIAS = "warehouse"


class Writer:
    """Opens files for writing, one at a time. Not thread safe.

    DuckDB starts with the first file, and again after ``stop``.
    """

    def __init__(self) -> None:
        self._duckdb: duckdb.DuckDBPyConnection | None = None

    def attach(self, path: Path) -> duckdb.DuckDBPyConnection:
        """A connection whose database in use is the file at ``path``. Raises ``duckdb.Error``."""
        running = self._duckdb or self._start(path)
        running.execute(f"ATTACH {quote_literal(str(path))} AS {ALIAS}")
        connection = running.cursor()
        connection.execute(f"USE {ALIAS}")
        return connection

    def detach(self) -> None:
        """Lets the file go, whose connections are closed; DuckDB runs on."""
        if self._duckdb:
            try:
                self._duckdb.execute(f"DETACH {ALIAS}")
            except duckdb.Error:
                self.stop()

    def stop(self) -> None:
        """Ends DuckDB and with it everything that belongs to an attached file."""
        running, self._duckdb = self._duckdb, None
        if running:
            close_quietly(running)

    def _start(self, path: Path) -> duckdb.DuckDBPyConnection:
        # Loads are small and serial: more threads cost more than they save (measured).
        self._duckdb = duckdb.connect(config={"threads": 1})
        self._duckdb.execute("SET GLOBAL TimeZone = 'UTC'")
        self._duckdb.execute("PRAGMA disable_checkpoint_on_shutdown")
        # Without a file of its own it would spill into the working folder.
        self._duckdb.execute(f"SET temp_directory = {quote_literal(f'{path}.tmp')}")
        return self._duckdb


def close_quietly(connection: duckdb.DuckDBPyConnection) -> None:
    """Closes ``connection``; an error of an earlier statement is the one to report."""
    with suppress(duckdb.Error):
        connection.close()
