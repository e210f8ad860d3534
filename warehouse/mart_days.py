"""Keeps the finished days of ``marts.success_rates_daily``: working out a year anew takes a hundred times as long.

An answer older than the newest accepted one is never loaded, so a day that ended before that one can no longer change.
The table holds exactly the days before the mark in ``ops.settled``; the view works out the others. What replaces the
history (a replay) removes both, and so does another definition; the next publishing settles all days again.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import duckdb

from warehouse.sql_files import first_row, sql, transaction

Connection = duckdb.DuckDBPyConnection

MART, DATASET = "success_rates_daily", "statistics"
# Bounds the memory of settling a long history.
DAYS_AT_ONCE = 28
DEFINITION = hashlib.sha256(sql("mart_days").encode()).hexdigest()[:16]

STORED_DAYS = f"""
CREATE TABLE IF NOT EXISTS ops.settled (mart VARCHAR, dataset VARCHAR, definition VARCHAR, until_day DATE);
DELETE FROM ops.settled WHERE mart = '{MART}' AND definition <> '{DEFINITION}';
CREATE TABLE IF NOT EXISTS store.{MART} (
    day DATE, country_code VARCHAR, country VARCHAR, carrier VARCHAR, service_code VARCHAR, service VARCHAR,
    success_rate DOUBLE, lowest_rate DOUBLE, highest_rate DOUBLE, last_rate DOUBLE, attempts BIGINT,
    in_force_seconds DOUBLE, versions BIGINT
);
DELETE FROM store.{MART} WHERE NOT EXISTS (SELECT 1 FROM ops.settled WHERE mart = '{MART}')
"""
# The first day that may still change, and the first that is not kept yet; without any kept, the first there is.
OPEN = f"SELECT (min(seen_at) AT TIME ZONE 'UTC')::DATE FROM ops.watermarks WHERE dataset = '{DATASET}'"
KEPT = f"SELECT until_day FROM ops.settled WHERE mart = '{MART}'"
OLDEST = f"SELECT (min(valid_from) AT TIME ZONE 'UTC')::DATE FROM sms.{DATASET}_history"


def settle(connection: Connection) -> int:
    """Keeps every day that can no longer change, in one transaction; returns how many were added."""
    (open_day,) = first_row(connection, OPEN) or (None,)
    (first,) = first_row(connection, KEPT) or first_row(connection, OLDEST) or (None,)
    if open_day is None or first is None or first >= open_day:
        return 0
    with transaction(connection):
        day = first
        while day < open_day:
            day = _keep(connection, day, min(day + timedelta(days=DAYS_AT_ONCE), open_day))
        connection.execute(f"DELETE FROM ops.settled WHERE mart = '{MART}'")
        connection.execute("INSERT INTO ops.settled VALUES (?, ?, ?, ?)", [MART, DATASET, DEFINITION, open_day])
    return int((open_day - first).days)


def _keep(connection: Connection, first: date, end: date) -> date:
    source = f"marts.success_rates_by_day(DATE '{first}', DATE '{end}')"
    connection.execute(
        f"INSERT INTO store.{MART} BY NAME FROM {source} ORDER BY day, country_code, carrier, service_code"
    )
    return end
