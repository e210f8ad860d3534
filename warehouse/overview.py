"""The state of the warehouse for ``smsonline status``: plain SQL, no pandas."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from warehouse.database.opening import open_warehouse
from warehouse.schema.migrations import require_known_version
from warehouse.sql import render

Row = dict[str, Any]


def overview(path: Path, datasets: Iterable[str]) -> tuple[dict[str, Row], list[Row]]:
    """What is known per dataset (empty for one that was never loaded), and the money of each account.

    Raises ``WarehouseError`` when the file cannot be read.
    """
    with open_warehouse(path, read_only=True) as connection:
        require_known_version(connection)
        loads = {row["dataset"]: row for row in _rows(connection, render("status"))}
        for name in datasets:
            if name in loads:
                loads[name]["rows"] = connection.execute(f'SELECT count(*) FROM sms."{name}"').fetchall()[0][0]
        return loads, _rows(connection, render("money"))


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
