"""Figures of ``smsonline status``: plain SQL, no pandas.

Values are part of the SQL text: to bind one, DuckDB imports pandas.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.database.opening import published_path
from warehouse.database.reading import Readable, open_copy, open_readable
from warehouse.schema.migrations import require_known_version
from warehouse.schema.tables import Table
from warehouse.sql import Row, quote_literal, render, rows, scalar

Connection = duckdb.DuckDBPyConnection

# A clock may be set back so far without being wrong. As in the macro marts.age_seconds.
MAX_NEGATIVE_AGE_SECONDS = 5
AGES = ("age_seconds", "last_error_age_seconds", "cached_response_age_seconds")
NOW = "SELECT now() AS instant"
# Ages in a copy count to the time it was made, as in marts.freshness.
PUBLISHED = """
SELECT coalesce(max(published_at), now()) AS instant
FROM ops.publication WHERE published_at BETWEEN now() - INTERVAL 2 HOUR AND now()
"""
TABLES = """
SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = current_database()
UNION ALL
SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal
"""


@dataclass(frozen=True)
class WarehouseStatus:
    """What a warehouse tells about its loads and accounts.

    ``loads`` are the newest loads, see ``read_loads``. Burn rate and runway in ``accounts`` are those of
    ``marts.balance_runway``: None while they are not known yet. ``notice`` says in one line why the figures are those
    of the copy, or why some are missing; mostly empty.
    """

    loads: list[Row]
    accounts: list[Row]
    notice: str = ""


def read_status(warehouse: Path, tables: Mapping[str, Table]) -> WarehouseStatus:
    """The status of ``tables``, by their names; of the copy where the warehouse is missing or in use.

    Raises ``WarehouseError`` when the file cannot be read.
    """
    with _open_any(warehouse) as (connection, source, why):
        notice = f"{why}: these are the figures of its copy {source.name}" if why else ""
        loads = read_loads(connection, tables)
        try:
            return WarehouseStatus(loads, rows(connection, render("status_accounts")), notice)
        except duckdb.CatalogException:  # an empty file, or one of an earlier release
            missing = f"{warehouse} has no figures of accounts yet: run smsonline sync" if loads else ""
            return WarehouseStatus(loads, [], notice or missing)


def read_loads(connection: Connection, tables: Mapping[str, Table]) -> list[Row]:
    """One row per dataset that was ever loaded, and account where rows belong to one.

    ``age_seconds`` is that of the newest good load, None when there is none or it lies in the future; ``last_error`` is
    why the newest load failed, with its time, age and response. ``rejected`` of ``fetched`` records broke the contract,
    ``first_reject`` is the first reason, None in a copy. ``volume`` compares the number of records with earlier loads,
    None before the sixth. Raises ``NotAWarehouse`` for a file of another program or a newer release.
    """
    present = {name for (name,) in connection.execute(TABLES).fetchall()}
    if "ops.migrations" in present or "ops.loads" not in present:  # the copy has no migrations
        require_known_version(connection)
    if "ops.loads" not in present:
        return []
    per_account = ", ".join(quote_literal(name) for name, table in tables.items() if table.per_account) or "NULL"
    moment = PUBLISHED if "ops.publication" in present else NOW
    text = render("status_datasets", moment=moment, per_account=per_account, volume=render("status_volume"))
    loads = rows(connection, text)
    rejects: list[Row] = []
    if "ops.rejects" in present and any(load["rejected"] for load in loads):
        rejects = rows(connection, render("status_rejects", per_account=per_account))
    for load in loads:
        name, account = load["dataset"], load["account_id"]
        load |= {age: _known_age(load[age]) for age in AGES}
        load["first_reject"] = _first_reject(load, rejects) if load["rejected"] else None
        if f"sms.{name}" in present:
            of_account = f" WHERE account_id = {quote_literal(account)}" if account is not None else ""
            load["rows"] = scalar(connection, f'SELECT count(*) FROM sms."{name}"{of_account}')
    return loads


def read_loaded_datasets(warehouse: Path, account_id: str) -> tuple[str | None, set[str]]:
    """The warehouse's id, and the datasets that were loaded into it for the account, from the published copy.

    None and no dataset when nothing was published yet. Raises ``WarehouseError`` when the copy cannot be read.
    """
    copy = published_path(warehouse)
    if not (warehouse.exists() and copy.exists()):
        return None, set()
    with open_copy(copy) as connection:
        warehouse_id = scalar(connection, "SELECT max(warehouse_id) FROM ops.warehouse")
        account = quote_literal(account_id)
        text = f"SELECT DISTINCT dataset FROM ops.loads WHERE status = 'ok' AND account_id = {account}"
        return warehouse_id, {row["dataset"] for row in rows(connection, text)}


def _first_reject(load: Row, rejects: list[Row]) -> str | None:
    """The first reason among the rejected records: of a load that was refused as a whole its own."""
    refused = load["load_id"] if load["last_status"] == "rejected" else None
    for reject in rejects:
        # A replay logs its rejects under no load, so without an account.
        is_owner = reject["dataset"] == load["dataset"] and reject["owner"] in (load["account_id"], None)
        if is_owner and (reject["load_id"] == refused if refused else not reject["is_refused"]):
            return str(reject["first_reject"])
    return None


def _known_age(seconds: float | None) -> float | None:
    """None for a time in the future; otherwise no age is negative."""
    return None if seconds is None or seconds < -MAX_NEGATIVE_AGE_SECONDS else max(0.0, seconds)


@contextmanager
def _open_any(warehouse: Path) -> Iterator[Readable]:
    """The warehouse; its copy while another program has it open, or when it is missing."""
    copy = published_path(warehouse)
    if warehouse.exists() or not copy.exists():
        with open_readable(warehouse) as readable:
            yield readable
    else:
        with open_copy(copy) as connection:
            yield Readable(connection, copy, f"{warehouse} is missing")
