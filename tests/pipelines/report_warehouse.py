"""A warehouse whose marts are tables of generated rows, for the tests of the report."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from warehouse.schema.migrations import migrate

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
COUNTRIES = ["United States", "Poland", "Netherlands", "France", "Germany", "Brazil", "India", "Canada", "Sweden"]
SERVICES = ["Discord", "Telegram", "WhatsApp", "TikTok", "Microsoft", "Uber", "X", "Instagram"]
KEY = "country_code VARCHAR, country VARCHAR, carrier VARCHAR, service_code VARCHAR, service VARCHAR"
MARTS = {
    "success_rates": f"{KEY}, success_rate DOUBLE, attempts BIGINT, price_cents BIGINT, stock BIGINT, observed_rate "
    "DOUBLE, observed_low DOUBLE, observed_high DOUBLE, observed_orders BIGINT, expected_cents_per_success DOUBLE",
    "success_rates_daily": f"day DATE, {KEY}, success_rate DOUBLE, lowest_rate DOUBLE, highest_rate DOUBLE, last_rate "
    "DOUBLE, attempts BIGINT, in_force_seconds DOUBLE, versions BIGINT",
    "success_rate_movers": f"{KEY}, rate_before DOUBLE, rate_after DOUBLE, change DOUBLE, attempts_before BIGINT, "
    "attempts_after BIGINT, p_value DOUBLE, significant BOOLEAN, price_before_cents BIGINT, price_after_cents BIGINT",
    "best_value": "service_code VARCHAR, service VARCHAR, rank BIGINT, country_code VARCHAR, country VARCHAR, carrier "
    "VARCHAR, success_rate DOUBLE, rate_low DOUBLE, attempts BIGINT, price_cents BIGINT, stock BIGINT, "
    "expected_cents_per_success DOUBLE, cautious_cents_per_success DOUBLE",
    "vendor_vs_observed": f"{KEY}, success_rate DOUBLE, attempts BIGINT, observed_rate DOUBLE, observed_low DOUBLE, "
    "observed_high DOUBLE, observed_orders BIGINT, difference DOUBLE, p_value DOUBLE, verdict VARCHAR",
    "spend_daily": "day DATE, account_id VARCHAR, orders BIGINT, spend_cents BIGINT, refunded_cents BIGINT",
    "balance_runway": "account_id VARCHAR, as_of TIMESTAMPTZ, balance_cents BIGINT, burn_cents_per_hour DOUBLE, "
    "hours_to_empty DOUBLE, unexplained_cents BIGINT",
    "topups": "account_id VARCHAR, payment_id VARCHAR, vendor_payment_id VARCHAR, created_at TIMESTAMPTZ, "
    "amount_cents BIGINT, rail VARCHAR, currency VARCHAR, network VARCHAR, state VARCHAR, exception VARCHAR, "
    "credited_at TIMESTAMPTZ, minutes_to_credit DOUBLE, source VARCHAR",
    "freshness": "dataset VARCHAR, account_id VARCHAR, cadence_seconds BIGINT, last_ok_at TIMESTAMPTZ, "
    "age_seconds DOUBLE, stale BOOLEAN, rows BIGINT, last_status VARCHAR, last_error VARCHAR, "
    "last_error_at TIMESTAMPTZ, rejected BIGINT",
}
INTERVAL_MACROS = """
CREATE OR REPLACE MACRO marts.wilson_low(rate, n) AS greatest(0, rate - 1 / sqrt(n));
CREATE OR REPLACE MACRO marts.wilson_high(rate, n) AS least(1, rate + 1 / sqrt(n));
"""
BALANCES = "account_id VARCHAR, balance_cents BIGINT, valid_from TIMESTAMPTZ, valid_to TIMESTAMPTZ"
COMPARISONS = ("agrees", "claims too much", "too few orders", "claims too little")
STATES = (("CREDITED", "none"), ("OPEN", "none"), ("EXPIRED", "none"), ("paid_over", "paid_over"), ("cancel", "none"))
Rows = Sequence[Sequence[Any]]
LOADED = ("statistics", "services", "inventory", "invoices", "balances", "countries")


def keys() -> Iterable[tuple[int, tuple[str, ...]]]:
    """A number, and country_code, country, carrier, service_code, service."""
    number = 0
    for c, country in enumerate(COUNTRIES):
        for s, service in enumerate(SERVICES):
            for carrier in ("any", "o2")[: 1 + s % 2]:
                yield number, (str(c), country, carrier, f"s{s}", service)
                number += 1


def mart_rows() -> dict[str, Rows]:
    """The rows of every mart, the same in every run."""
    rates, daily, movers, best, claims = [], [], [], [], []
    for n, key in keys():
        rate, attempts, price = 0.35 + (n * 37 % 60) / 100, 50 + n * n % 4000, 5 + n * 7 % 60
        observed, orders = max(0.0, rate - 0.08 + n % 5 / 25), 3 + n % 23
        interval = max(0.0, observed - 0.15), min(1.0, observed + 0.15)
        expected = price / rate
        rates.append((*key, rate, attempts, price, n % 50, observed, *interval, orders, expected))
        claims.append(
            (*key, rate, attempts, observed, *interval, orders, observed - rate, 0.01 * (n % 40), COMPARISONS[n % 4])
        )
        change = ((n * 13) % 21 - 10) / 100
        movers.append(
            (*key, rate - change, rate, change, attempts - 9, attempts, 0.0004 * n, n % 3 != 0, price, price + 1)
        )
        rank = 1 + sum(row[0] == key[3] for row in best)
        best.append((*key[3:], rank, *key[:3], rate, rate * 0.9, attempts, price, 7, expected, expected / 0.9))
        for back in range(12):
            moved = rate + ((n + back) % 7 - 3) / 100
            day = (NOW - timedelta(days=back)).date()
            daily.append((day, *key, moved, moved - 0.02, moved + 0.02, moved, attempts - back, 86400, 3))
    return {
        "success_rates": rates,
        "success_rates_daily": daily,
        "success_rate_movers": movers,
        "best_value": best,
        "vendor_vs_observed": claims,
        **account_rows(["7001"]),
        "freshness": [
            (
                name,
                None,
                900,
                NOW - timedelta(minutes=7 + 20 * n),
                420.0 + 1200 * n,
                n > 1,
                1234 * n,
                "ok",
                None,
                None,
                0,
            )
            for n, name in enumerate(("statistics", "services", "inventory", "invoices", "balances"))
        ],
    }


def account_rows(accounts: Sequence[str]) -> dict[str, Rows]:
    """Runway, spending and top-ups of each account."""
    runway, spend, topups = [], [], []
    for n, account in enumerate(accounts):
        runway.append((account, NOW, 4321 + 100 * n, 37.5, 115.2 + n, -12))
        spend += [((NOW - timedelta(days=b)).date(), account, 24 - b, 300 + 17 * b, 90 + 5 * b) for b in range(20)]
        for p, (state, exception) in enumerate(STATES):
            at = NOW - timedelta(days=4 * p, hours=3)
            credited = at + timedelta(minutes=12) if state == "CREDITED" else None
            by = "vendor" if state.islower() else "automation"
            paid = (f"p{p}", f"v{p}", at, 2000 + 500 * p, "v3_invoice", "USDT", "TRON", state, exception, credited)
            topups.append((account, *paid, 12.0 if credited else None, by))
    return {"balance_runway": runway, "spend_daily": spend, "topups": topups}


def balance_rows(accounts: Sequence[str]) -> Rows:
    return [
        (account, 9000 - 400 * (step % 20), NOW - timedelta(hours=12 * step + 12), NOW - timedelta(hours=12 * step))
        for account in accounts
        for step in range(40)
    ]


def fill(connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: Rows) -> None:
    connection.execute(f"CREATE TABLE {table} ({columns})")
    # DuckDB needs a millisecond per statement: insert many rows with each.
    for first in range(0, len(rows), 500):
        batch = rows[first : first + 500]
        line = f"({', '.join('?' * len(batch[0]))})"
        connection.execute(
            f"INSERT INTO {table} VALUES {', '.join([line] * len(batch))}", [value for row in batch for value in row]
        )


def make_warehouse(
    path: Path, changed: Mapping[str, Rows | None] | None = None, *, accounts: Sequence[str] = ("7001",), loads: int = 6
) -> Path:
    """A warehouse at ``path`` whose first ``loads`` datasets were loaded seven minutes before ``NOW``.

    ``changed`` replaces the rows of marts; a mart with ``None`` is left out.
    """
    path.parent.mkdir(exist_ok=True)
    marts = {**mart_rows(), **account_rows(accounts), **(changed or {})}
    with duckdb.connect(str(path)) as connection:
        migrate(connection)
        connection.execute(INTERVAL_MACROS)
        for name, rows in marts.items():
            if rows is not None:
                fill(connection, f"marts.{name}", MARTS[name], rows)
        fill(connection, "sms.balances_history", BALANCES, balance_rows(accounts))
        rows = [(dataset, "7001", "ok", NOW - timedelta(minutes=7)) for dataset in LOADED[:loads]]
        if rows:
            sql = "INSERT INTO ops.loads (dataset, account_id, status, finished_at) VALUES (?, ?, ?, ?)"
            connection.executemany(sql, rows)
    return path


def without_marts(*present: str) -> dict[str, Rows | None]:
    """``changed`` that leaves out every mart but those in ``present``: for a quick page."""
    return {name: None for name in MARTS if name not in present}
