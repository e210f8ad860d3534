"""Brings a warehouse file to this program's schema: numbered migrations, then the system tables."""

from importlib import resources

import duckdb

from warehouse.database.opening import optimizer_disabled
from warehouse.errors import NotAWarehouse
from warehouse.sql import fetch_one, transaction

Connection = duckdb.DuckDBPyConnection

TABLES = """
SELECT count(*), count(*) FILTER (schema_name = 'ops' AND table_name = 'migrations')
FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal
"""
EXPIRED_TABLES = """
SELECT table_name FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = 'store' AND ends_with(table_name, '_closed')
"""
NEW_IDENTITY = """
INSERT INTO ops.warehouse (warehouse_id, created_at, checkpoint_id)
SELECT uuid(), now(), uuid() WHERE NOT EXISTS (FROM ops.warehouse)
"""


def all_migrations() -> list[tuple[int, str]]:
    """Every migration as (version, SQL), in order; the version is the number its file name starts with."""
    files = resources.files("warehouse").joinpath("schema", "sql").iterdir()
    return sorted((int(file.name[:4]), file.read_text("utf-8")) for file in files if file.name.endswith(".sql"))


def schema_version(connection: Connection) -> int:
    """The newest migration applied; 0 for an empty file.

    Raises ``NotAWarehouse`` when the file holds tables but none of ours.
    """
    tables, ours = fetch_one(connection, TABLES) or (0, 0)
    if ours:
        row = fetch_one(connection, "SELECT max(version) FROM ops.migrations")
        return int(row[0]) if row else 0
    if tables:
        raise NotAWarehouse("the DuckDB file holds tables of another program: set SMSONLINE_WAREHOUSE to a new file")
    return 0


def require_known_version(connection: Connection) -> int:
    """The file's schema version. Raises ``NotAWarehouse`` when a newer program has written it."""
    newest, version = all_migrations()[-1][0], schema_version(connection)
    if version > newest:
        raise NotAWarehouse(f"the warehouse has schema {version} and this program knows up to {newest}: upgrade it")
    return version


def migrate(connection: Connection) -> None:
    """Applies the missing migrations and creates the missing system tables, all in one transaction.

    Raises ``NotAWarehouse`` when the file was written by a newer program.
    """
    version = require_known_version(connection)
    missing = [(number, statements) for number, statements in all_migrations() if number > version]
    if not missing:
        return
    from warehouse.raw.store import create_responses_view
    from warehouse.schema.system_tables import SYSTEM_TABLES, create_statements

    with optimizer_disabled(connection), transaction(connection):
        for _, statements in missing:
            connection.execute(statements)
        for (table,) in connection.execute(EXPIRED_TABLES).fetchall():
            expired = table.removesuffix("_closed") + "_expired"
            connection.execute(f'ALTER TABLE store."{table}" RENAME TO "{expired}"')
        comments = [statement for table in SYSTEM_TABLES.values() for statement in table.comment_statements()]
        connection.execute(";\n".join([*create_statements(), NEW_IDENTITY, *comments]))
        create_responses_view(connection)
        connection.executemany("INSERT INTO ops.migrations VALUES (?, now())", [[number] for number, _ in missing])
