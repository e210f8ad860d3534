"""Fills the SQL files in ``warehouse/sql`` with one table's names."""

from __future__ import annotations

import duckdb

from warehouse.batch import Batch
from warehouse.sql_files import literal, sql
from warehouse.tables import Table, equal_keys, names


def run(connection: duckdb.DuckDBPyConnection, name: str, table: Table, batch: Batch) -> None:
    """Executes ``sql/<name>.sql`` for ``table``; ``batch`` says whose rows are in scope and which parts exist now."""
    connection.execute(sql(name, **_placeholders(table, batch)))


def _placeholders(table: Table, batch: Batch) -> dict[str, str]:
    account = f"s.account_id = {literal(batch.account_id)}" if table.per_account else "true"
    return {
        "table": table.name,
        "complete": "true" if table.complete else "false",
        "key": names(table.key),
        "business_i": names(table.business, "i"),
        "business_d": names(table.business, "d"),
        "same_key": equal_keys(table, "i", "s"),
        "same_key_c": equal_keys(table, "c", "d"),
        "differs": " OR ".join(f'i."{name}" IS DISTINCT FROM s."{name}"' for name in table.values) or "false",
        "asked_at": f"TIMESTAMPTZ '{batch.asked_at.isoformat()}'" if batch.asked_at else "NULL::TIMESTAMPTZ",
        "scope": account,
        "gone_part": _outside("s.part", batch.requested),
        "gone_watermark": _outside("w.part", batch.requested),
    }


def _outside(column: str, parts: frozenset[str] | None) -> str:
    if parts is None:
        return "false"
    return f"NOT list_contains([{', '.join(literal(part) for part in sorted(parts))}]::VARCHAR[], {column})"
