"""Where raw bodies lie: a table for each day, so that closing the file rewrites one day's bodies, never all."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb

from warehouse.sql_files import sql

PREFIX = "bodies_"
TABLES = """
SELECT table_name FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = 'raw' AND starts_with(table_name, 'bodies_')
ORDER BY table_name
"""


def day_of(instant: datetime) -> date:
    """The UTC day that an answer's body belongs to."""
    return instant.astimezone(UTC).date()


def table_of(day: date) -> str:
    """The table of one day's bodies: ``response_id`` and the packed ``body``."""
    return f"{PREFIX}{day:%Y%m%d}"


def make_tables(connection: duckdb.DuckDBPyConnection, days: set[date]) -> None:
    """Makes the tables of ``days`` that are missing, and the view over all."""
    wanted = {table_of(day) for day in days}
    if wanted and not wanted <= set(_tables(connection)):
        for table in wanted:
            connection.execute(f"CREATE TABLE IF NOT EXISTS raw.{table} (response_id VARCHAR, body BLOB)")
        make_view(connection)


def drop_empty(connection: duckdb.DuckDBPyConnection, days: set[date]) -> None:
    """Drops the tables of ``days`` that hold nothing any more, and makes the view over the others."""
    for table in {table_of(day) for day in days} & set(_tables(connection)):
        if not connection.execute(f"SELECT 1 FROM raw.{table} LIMIT 1").fetchall():
            connection.execute(f"DROP TABLE raw.{table}")
    make_view(connection)


def make_view(connection: duckdb.DuckDBPyConnection) -> None:
    """``raw.responses`` over the tables that there are."""
    parts = [f"SELECT response_id, body FROM raw.{table}" for table in _tables(connection)]
    bodies = " UNION ALL ".join(parts) or "SELECT NULL::VARCHAR AS response_id, NULL::BLOB AS body WHERE false"
    connection.execute(
        "CREATE OR REPLACE VIEW raw.responses AS SELECT r.* EXCLUDE (stores_body), b.body FROM raw.requests r "
        f"LEFT JOIN ({bodies}) b ON r.stores_body AND b.response_id = r.response_id"
    )
    connection.execute(sql("comments_raw"))


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [str(row[0]) for row in connection.execute(TABLES).fetchall()]
