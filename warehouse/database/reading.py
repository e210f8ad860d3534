"""Opens what can be read without waiting: the analysts' copy, or the warehouse unless another process writes it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb

from warehouse.database.error_translation import damaged_copy, is_damage
from warehouse.database.opening import LOCK_WAIT_SECONDS, open_warehouse, published_path
from warehouse.errors import NotAWarehouse, WarehouseLocked, WarehouseUnwritable


class Readable(NamedTuple):
    """A connection that reads ``source``: the warehouse, or its copy and ``why`` in one line."""

    connection: duckdb.DuckDBPyConnection
    source: Path
    why: str = ""


@contextmanager
def open_copy(copy: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The analysts' copy at ``copy``, for reading. Raises ``CopyDamaged`` for a file that cannot be read."""
    if not copy.exists():
        raise NotAWarehouse(f"{copy} does not exist yet: run smsonline sync first")
    with ExitStack() as stack:
        try:
            try:
                connection = stack.enter_context(open_warehouse(copy, read_only=True))
            except (NotAWarehouse, WarehouseUnwritable) as error:
                raise damaged_copy(copy) from error
            yield connection
        except duckdb.Error as error:
            if is_damage(error):
                raise damaged_copy(copy) from error
            raise


@contextmanager
def open_readable(warehouse: Path, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[Readable]:
    """The warehouse for reading; its copy at once when another process writes the warehouse.

    ``wait_seconds`` counts where there is no copy yet. Raises as ``open_warehouse`` and ``open_copy``.
    """
    copy = published_path(warehouse)
    with ExitStack() as stack:
        try:
            wait = 0.0 if copy.exists() else wait_seconds
            source, why = warehouse, ""
            connection = stack.enter_context(open_warehouse(warehouse, read_only=True, wait_seconds=wait))
        except WarehouseLocked as error:
            if not copy.exists():
                raise
            why = str(error).partition(": wait")[0]
            source, connection = copy, stack.enter_context(open_copy(copy))
        yield Readable(connection, source, why)
