"""Stores the closed days of ``marts.success_rates_daily``: computing a year of days takes a hundred times as long.

A response older than the newest accepted one is never loaded, so a day that ended before that one can no longer change.
The table holds exactly the days before ``until_day`` in ``ops.materialized_marts``; the view computes the others. A
replay, which replaces the history, removes both, and so does another definition; the next publishing stores them again.
"""

from datetime import date, timedelta

import duckdb

from warehouse.schema.tables import DAILY_MACRO, DAILY_MART
from warehouse.sql import fetch_one, scalar, transaction

Connection = duckdb.DuckDBPyConnection

DATASET = "statistics"
# Bounds the memory of storing a long history.
DAYS_AT_ONCE = 28
FIRST_OPEN_DAY = f"SELECT (min(seen_at) AT TIME ZONE 'UTC')::DATE FROM ops.watermarks WHERE dataset = '{DATASET}'"
UNTIL_DAY = f"SELECT until_day FROM ops.materialized_marts WHERE mart = '{DAILY_MART}'"
OLDEST_DAY = f"SELECT (min(valid_from) AT TIME ZONE 'UTC')::DATE FROM sms.{DATASET}_history"


def materialize_closed_days(connection: Connection) -> int:
    """Stores every day that can no longer change, in one transaction; returns how many were added."""
    open_day: date | None = scalar(connection, FIRST_OPEN_DAY)
    until_day = fetch_one(connection, UNTIL_DAY)
    first: date | None = until_day[0] if until_day else scalar(connection, OLDEST_DAY)
    if open_day is None or first is None or first >= open_day:
        return 0
    from warehouse.schema.mart_views import daily_mart_definition

    with transaction(connection):
        for day in range(0, (open_day - first).days, DAYS_AT_ONCE):
            start = first + timedelta(days=day)
            _store_days(connection, start, min(start + timedelta(days=DAYS_AT_ONCE), open_day))
        connection.execute(f"DELETE FROM ops.materialized_marts WHERE mart = '{DAILY_MART}'")
        row = [DAILY_MART, DATASET, daily_mart_definition(), open_day]
        connection.execute("INSERT INTO ops.materialized_marts VALUES (?, ?, ?, ?)", row)
    return (open_day - first).days


def _store_days(connection: Connection, first: date, end: date) -> None:
    source = f"marts.{DAILY_MACRO}(DATE '{first}', DATE '{end}')"
    connection.execute(
        f"INSERT INTO store.{DAILY_MART} BY NAME FROM {source} ORDER BY day, country_code, carrier, service_code"
    )
