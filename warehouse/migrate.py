"""Brings a warehouse file to this program's schema: numbered migrations, then the tables and views of the datasets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources

import duckdb

from warehouse.connection import unoptimised
from warehouse.errors import NotAWarehouse
from warehouse.mart_views import mart_statements
from warehouse.sql_files import first_row, sql, transaction
from warehouse.tables import Table, alter_statements, create_statements, view_statements

TABLES = """
SELECT count(*), count(*) FILTER (schema_name = 'ops' AND table_name = 'migrations')
FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal
"""

STORED = """
SELECT table_name, column_name, replace(data_type, 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ')
FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = 'store'
"""


def migrations() -> list[tuple[int, str]]:
    """Every migration as (version, SQL), in order; the version is the number its file name starts with."""
    files = resources.files("warehouse").joinpath("migrations").iterdir()
    return sorted((int(file.name[:4]), file.read_text("utf-8")) for file in files if file.name.endswith(".sql"))


def schema_version(connection: duckdb.DuckDBPyConnection) -> int:
    """The newest migration applied; 0 for an empty file.

    Raises ``NotAWarehouse`` when the file holds tables but none of ours.
    """
    tables, ours = first_row(connection, TABLES) or (0, 0)
    if ours:
        row = first_row(connection, "SELECT max(version) FROM ops.migrations")
        return int(row[0]) if row else 0
    if tables:
        raise NotAWarehouse("the DuckDB file holds tables of another program: set SMSONLINE_WAREHOUSE to a new file")
    return 0


def refuse_newer(connection: duckdb.DuckDBPyConnection) -> int:
    """The file's schema version. Raises ``NotAWarehouse`` when a newer program has written it."""
    newest, version = migrations()[-1][0], schema_version(connection)
    if version > newest:
        raise NotAWarehouse(f"the warehouse has schema {version} and this program knows up to {newest}: upgrade it")
    return version


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Applies the missing migrations, all in one transaction.

    Raises ``NotAWarehouse`` when the file was written by a newer program.
    """
    known = migrations()
    version = refuse_newer(connection)
    if version == known[-1][0]:
        return
    with unoptimised(connection), transaction(connection):
        for number, statements in known:
            if number > version:
                connection.execute(statements)
                connection.execute("INSERT INTO ops.migrations VALUES (?, now())", [number])
        connection.execute(sql("comments_warehouse"))
        connection.execute(sql("comments_raw"))


def shape(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Makes the tables, views, macros and marts of ``tables``, unless these very statements made them before.

    Raises ``NotAWarehouse`` when a column was declared anew with a type that its values do not fit.
    """
    made = [statement for table in tables for statement in create_statements(table)]
    read = [statement for table in tables for statement in view_statements(table)]
    read += mart_statements(tables)
    fingerprint = hashlib.sha256("\n".join(made + read).encode()).hexdigest()
    if first_row(connection, "SELECT 1 FROM ops.shape WHERE fingerprint = ?", [fingerprint]):
        return
    with unoptimised(connection), transaction(connection):
        make_tables(connection, tables)
        connection.execute(";\n".join(read))
        connection.execute("DELETE FROM ops.shape")
        connection.execute("INSERT INTO ops.shape VALUES (?)", [fingerprint])


def make_tables(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """The physical tables as they are declared now. Raises as ``shape``."""
    connection.execute(";\n".join(statement for table in tables for statement in create_statements(table)))
    stored = {(table, column): type_ for table, column, type_ in connection.execute(STORED).fetchall()}
    for statement in (each for table in tables for each in alter_statements(table, stored)):
        try:
            connection.execute(statement)
        except duckdb.ConversionException as error:
            cause = str(error).splitlines()[0]
            raise NotAWarehouse(f"stored values do not fit the declared type ({cause}): declare the old one") from None
