"""Applies the definitions of tables, views, macros, marts and comments to a file, when they have changed."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources

import duckdb

from warehouse.database.opening import optimizer_disabled
from warehouse.errors import NotAWarehouse
from warehouse.schema.tables import Table, alter_statements, create_statements, view_statements
from warehouse.sql import fetch_one, transaction

Connection = duckdb.DuckDBPyConnection

LINEAGE_COLUMNS = {
    "response_id": "The response that this version is from, as in raw.responses.",
    "first_seen_at": "First response that ever listed the row, UTC.",
    "last_seen_at": "Newest response that listed the row, UTC.",
}
HISTORY_COLUMNS = {
    **LINEAGE_COLUMNS,
    "last_seen_at": "Newest response that listed the row as this version, UTC.",
    "valid_from": "Time of the response that this version is from, UTC.",
    "valid_to": "Time of the response that changed the row or no longer listed it, UTC; null for the current version.",
}
STORED_COLUMNS = """
SELECT table_name, column_name, replace(data_type, 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ')
FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = 'store'
"""


def sync_schema(connection: Connection, tables: Sequence[Table], *, with_comments: bool = False) -> None:
    """Makes the tables, views, macros and marts of ``tables``, unless these definitions made them before.

    Comments are for readers: ``with_comments`` is for the analysts' copy, where they are added to definitions that came
    with the file. Raises ``NotAWarehouse`` when a column has a new type that its values do not fit.
    """
    fingerprint = hashlib.sha256(f"{_source_fingerprint()} {list(tables)!r}".encode()).hexdigest()
    if not _is_applied(connection, fingerprint):
        _create_all(connection, tables, fingerprint)
    commented = f"{fingerprint} with comments"
    if with_comments and not _is_applied(connection, commented):
        with transaction(connection):
            connection.execute(";\n".join(_comments(tables)))
            connection.execute("INSERT INTO ops.schema_fingerprint VALUES (?)", [commented])


def _is_applied(connection: Connection, fingerprint: str) -> bool:
    return bool(fetch_one(connection, "SELECT 1 FROM ops.schema_fingerprint WHERE fingerprint = ?", [fingerprint]))


def _create_all(connection: Connection, tables: Sequence[Table], fingerprint: str) -> None:
    from warehouse.schema.mart_views import mart_statements  # spares reading the marts when nothing has changed

    with optimizer_disabled(connection), transaction(connection):
        ensure_tables(connection, tables)
        statements = [statement for table in tables for statement in view_statements(table)]
        statements += [*mart_statements(tables), "DELETE FROM ops.schema_fingerprint"]
        connection.execute(";\n".join(statements))
        connection.execute("INSERT INTO ops.schema_fingerprint VALUES (?)", [fingerprint])


def ensure_tables(connection: Connection, tables: Sequence[Table]) -> None:
    """The physical tables as they are declared now. Raises as ``sync_schema``."""
    connection.execute(";\n".join(statement for table in tables for statement in create_statements(table)))
    stored = {(table, column): type_ for table, column, type_ in connection.execute(STORED_COLUMNS).fetchall()}
    for statement in (statement for table in tables for statement in alter_statements(table, stored)):
        try:
            connection.execute(statement)
        except duckdb.ConversionException as error:
            cause = str(error).splitlines()[0]
            raise NotAWarehouse(f"stored values do not fit the declared type ({cause}): declare the old one") from None


def _comments(tables: Sequence[Table]) -> list[str]:
    """``COMMENT ON`` for everything that is published."""
    from warehouse.schema.mart_views import mart_comments
    from warehouse.schema.system_tables import SYSTEM_TABLES, comment_statements

    statements = [text for table in SYSTEM_TABLES.values() if table.is_published for text in table.comment_statements()]
    statements += mart_comments()
    for table in tables:
        columns = {column.name: column.comment for column in table.columns}
        statements += comment_statements(f'sms."{table.name}"', columns | LINEAGE_COLUMNS)
        statements += comment_statements(f'sms."{table.name}_history"', columns | HISTORY_COLUMNS)
    return statements


@cache
def _source_fingerprint() -> str:
    """Hash of the files that the definitions are made from, so that nothing is rendered only to see a change."""
    package = resources.files("warehouse")
    files = [file for folder in ("schema", "marts") for file in package.joinpath(folder).iterdir() if file.is_file()]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files, key=lambda f: f.name))).hexdigest()
