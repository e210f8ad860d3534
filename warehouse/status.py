"""The state of the warehouse for ``smsonline status``: plain SQL, no pandas."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from warehouse.connection import opened
from warehouse.migrate import refuse_newer
from warehouse.sql_files import sql

Row = dict[str, Any]


def overview(path: Path, datasets: Iterable[str]) -> tuple[dict[str, Row], list[Row]]:
    """What is known per dataset (empty for one that was never loaded), and the money of each account.

    Raises ``WarehouseError`` when the file cannot be read.
    """
    with opened(path, read_only=True) as connection:
        refuse_newer(connection)
        loads = {row["dataset"]: row for row in _rows(connection, sql("status"))}
        for name in datasets:
            if name in loads:
                loads[name]["rows"] = connection.execute(f'SELECT count(*) FROM sms."{name}"').fetchall()[0][0]
        return loads, _rows(connection, sql("money"))


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
