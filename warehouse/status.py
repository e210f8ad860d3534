"""Figures of ``smsonline status``: plain SQL, no pandas."""

from collections.abc import Iterable
from pathlib import Path

from warehouse.database.opening import open_warehouse
from warehouse.schema.migrations import require_known_version
from warehouse.sql import Row, render, rows, scalar


def read_status(warehouse: Path, datasets: Iterable[str]) -> tuple[dict[str, Row], list[Row]]:
    """Newest loads by dataset, without those that were never loaded, and the figures of each account.

    Burn rate and runway of an account are those of ``marts.balance_runway``: None while they are not known yet. Raises
    ``WarehouseError`` when the file cannot be read.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        require_known_version(connection)
        loads = {row["dataset"]: row for row in rows(connection, render("status_datasets"))}
        for name in datasets:
            if name in loads:
                loads[name]["rows"] = scalar(connection, f'SELECT count(*) FROM sms."{name}"')
        return loads, rows(connection, render("status_accounts"))
