"""Figures of ``smsonline status``: plain SQL, no pandas."""

from collections.abc import Iterable
from pathlib import Path

from warehouse.database.opening import open_warehouse, published_path
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


def read_loaded_datasets(warehouse: Path, account_id: str) -> tuple[str | None, set[str]]:
    """The warehouse's id, and the datasets that were loaded into it for the account, from the published copy.

    None and no dataset when nothing was published yet. Raises ``WarehouseError`` when the copy cannot be read.
    """
    copy = published_path(warehouse)
    if not (warehouse.exists() and copy.exists()):
        return None, set()
    with open_warehouse(copy, read_only=True) as connection:
        loaded = rows(
            connection, "SELECT DISTINCT dataset FROM ops.loads WHERE status = 'ok' AND account_id = ?", [account_id]
        )
        warehouse_id = str(scalar(connection, "SELECT max(warehouse_id) FROM ops.warehouse"))
        return warehouse_id, {row["dataset"] for row in loaded}
