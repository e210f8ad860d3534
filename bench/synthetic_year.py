"""A year of warehouse history, inserted directly into the tables: seconds instead of half an hour through the loader.

The statistics are the versions that ``bench.history_growth`` loads one by one: 10,000 keys, 1 % changed every 15
minutes. Around them is the history of an account with 100 orders a day: hourly prices, orders, balances, invoices,
loads.
"""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from assets.datasets import DATASETS
from bench.history_growth import CHANGED, KEYS, PER_DAY, START
from warehouse.database.opening import open_warehouse
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

TABLES = [dataset.table for dataset in DATASETS.values()]
ORDERS_PER_DAY = 100
SNAPSHOT = timedelta(minutes=15)
KEY = """
(key // 100)::VARCHAR AS country_code, 'Country ' || (key // 100) AS country, 'any' AS carrier,
's' || (key % 100) AS service_code, 'Service ' || (key % 100) AS service
"""
OFFER = KEY.replace("'Country ' || (key // 100) AS country, ", "")
RATES = """
success / total AS success_rate, total AS attempts, success AS successes, seconds AS average_seconds, '' AS part
"""
# Orders end twenty minutes after they were created, two of three with a message.
ORDERS = f"""
CREATE OR REPLACE TEMP TABLE orders AS
SELECT n::VARCHAR AS order_id, $start + to_minutes(n * 1440 // {ORDERS_PER_DAY}) AS created_at,
       created_at + INTERVAL 20 MINUTE AS expires_at, (n % 3)::BOOLEAN AS received,
       5 + n % 40 AS purchase_price_cents, n * 37 % {KEYS} AS key
FROM range($days * {ORDERS_PER_DAY}) t(n);
"""
INVENTORY = f"""
INSERT INTO store.inventory_expired BY NAME
SELECT {KEY}, '7' AS account_id, '7' AS part, order_id, 'pending' AS status, purchase_price_cents, created_at,
       expires_at, 0 AS sms_count, created_at AS valid_from, created_at AS first_seen_at, expires_at AS valid_to,
       expires_at AS last_seen_at FROM orders;
INSERT INTO store.inventory BY NAME
SELECT {KEY}, '7' AS account_id, '7' AS part, order_id, if(received, 'complete', 'refunded') AS status,
       purchase_price_cents, created_at, expires_at, received::BIGINT AS sms_count, expires_at AS valid_from,
       created_at AS first_seen_at, $start + to_days($days) AS last_seen_at FROM orders;
"""
MONEY = """
CREATE OR REPLACE TEMP TABLE balance_changes AS
SELECT created_at AS moved_at, -purchase_price_cents AS cents, 0 AS charges FROM orders
UNION ALL SELECT expires_at, purchase_price_cents, 0 FROM orders WHERE NOT received
UNION ALL SELECT $start + to_days(n * 7::INTEGER), 11000, 11000 FROM range($days // 7 + 1) t(n);
CREATE OR REPLACE TEMP TABLE steps AS
SELECT moved_at AS valid_from, lead(moved_at) OVER (ORDER BY moved_at) AS valid_to,
       (sum(cents) OVER (ORDER BY moved_at))::BIGINT AS balance_cents,
       (sum(charges) OVER (ORDER BY moved_at))::BIGINT AS total_charges_cents
FROM (SELECT moved_at, sum(cents) AS cents, sum(charges) AS charges FROM balance_changes GROUP BY moved_at);
INSERT INTO store.balances_expired BY NAME
SELECT '7' AS account_id, '7' AS part, *, valid_to AS last_seen_at FROM steps WHERE valid_to IS NOT NULL ORDER BY ALL;
INSERT INTO store.balances BY NAME
SELECT '7' AS account_id, '7' AS part, * EXCLUDE (valid_to) FROM steps WHERE valid_to IS NULL;
INSERT INTO store.invoices BY NAME
SELECT '7' AS account_id, '7' AS part, n::VARCHAR AS payment_id, 11000 AS amount_cents, 'paid' AS status,
       valid_from AS created_at, valid_from, valid_from AS first_seen_at, 'cryptomus' AS method
FROM (SELECT $start + to_days(n * 7::INTEGER) AS valid_from, n FROM range($days // 7 + 1) t(n));
"""
# A hundred prices change each hour, so each price is valid for a hundred hours.
PRICES = f"""
CREATE OR REPLACE TEMP TABLE prices AS
SELECT {OFFER}, 10 + n % 50 AS price_cents, n % 7 AS stock, '0/any' AS part, $start AS first_seen_at,
       $start + to_hours(n // 100) AS valid_from, lead(valid_from) OVER (PARTITION BY key ORDER BY n) AS valid_to
FROM (SELECT n, n % {KEYS} AS key FROM range(greatest($days * 24 * 100, {KEYS})) t(n));
INSERT INTO store.services BY NAME SELECT * EXCLUDE (valid_to) FROM prices WHERE valid_to IS NULL;
INSERT INTO store.services_expired BY NAME
SELECT *, valid_to AS last_seen_at FROM prices WHERE valid_to IS NOT NULL ORDER BY valid_to;
"""
OPS = """
INSERT INTO ops.watermarks BY NAME
SELECT unnest(['inventory', 'balances', 'invoices']) AS dataset, '7' AS part, $start + to_days($days) AS seen_at;
INSERT INTO ops.loads BY NAME
SELECT d.dataset, '7' AS account_id, 'ok' AS status, uuid()::VARCHAR AS load_id, uuid()::VARCHAR AS run_id,
       $start + to_seconds(n * cadence_seconds) AS started_at, started_at AS finished_at, 1000 AS fetched,
       10 AS inserted, 0 AS changed, 990 AS unchanged, 0 AS closed, 0 AS rejected, 0 AS duplicates
FROM ops.datasets d, range($days * 86400 // cadence_seconds) t(n) ORDER BY finished_at;
INSERT INTO topups.payments BY NAME
SELECT 'p' || payment_id AS payment_id, account_id, payment_id AS vendor_payment_id, 'CREDITED' AS state, created_at,
       amount_cents, created_at + INTERVAL 9 MINUTE AS credited_at, 'v3_invoice' AS rail
FROM sms.invoices WHERE payment_id::BIGINT % 2 = 0;
"""


def fill(file: Path, snapshots: int) -> None:
    """Creates the warehouse at ``file`` with that many snapshots of statistics and the history of the same days."""
    days = max(1, snapshots // PER_DAY)
    versions = _rate_versions(snapshots)
    with open_warehouse(file) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
        connection.register("rate_versions", versions)
        _statistics(connection, snapshots)
        for script in (ORDERS, INVENTORY, MONEY, PRICES, OPS):
            text = script.replace("$start", f"TIMESTAMPTZ '{START.isoformat()}'").replace("$days", f"{days}::INTEGER")
            connection.execute(text)
        connection.execute("CHECKPOINT")


def last_snapshot(snapshots: int) -> datetime:
    """Time of the newest snapshot, UTC."""
    return START + SNAPSHOT * (snapshots - 1)


def _statistics(connection: duckdb.DuckDBPyConnection, snapshots: int) -> None:
    head = f"SELECT {KEY}, {RATES}, valid_from, TIMESTAMPTZ '{START.isoformat()}' AS first_seen_at"
    head += ", 'response ' || epoch(valid_from)::BIGINT AS response_id"
    connection.execute(
        f"INSERT INTO store.statistics BY NAME {head} FROM rate_versions WHERE valid_to IS NULL "
        "ORDER BY valid_from, key;"
        f"INSERT INTO store.statistics_expired BY NAME {head}, valid_to - INTERVAL 15 MINUTE AS last_seen_at, valid_to "
        "FROM rate_versions WHERE valid_to IS NOT NULL ORDER BY valid_to, key"
    )
    connection.execute(
        "INSERT INTO ops.watermarks (dataset, part, seen_at) VALUES ('statistics', '', ?)", [last_snapshot(snapshots)]
    )


def _rate_versions(snapshots: int) -> pa.Table:
    """Every version: key, orders, and the time it began and ended."""
    rng = np.random.default_rng(1)
    initial = rng.integers(1, 5_000, KEYS)
    success = (initial * rng.random(KEYS)).astype("int64")
    picks = [rng.choice(KEYS, CHANGED, replace=False, shuffle=False) for _ in range(1, snapshots)]
    key = np.concatenate([np.arange(KEYS), *picks])
    snapshot = np.concatenate([np.zeros(KEYS, "int64"), np.repeat(np.arange(1, snapshots), CHANGED)])
    orders = np.concatenate([initial, rng.integers(1, 50, len(key) - KEYS)])
    order = np.lexsort((snapshot, key))
    key, snapshot, orders = key[order], snapshot[order], orders[order]
    total = np.cumsum(orders)
    total -= np.concatenate([[0], total])[np.searchsorted(key, np.arange(KEYS))][key]
    newest = np.append(key[1:] != key[:-1], True)
    return pa.table(
        {
            "key": key,
            "total": total,
            "success": success[key],
            "seconds": (rng.integers(0, 3_000, KEYS) / 10)[key],
            "valid_from": _timestamps(snapshot),
            "valid_to": _timestamps(np.append(snapshot[1:], 0), newest),
        }
    )


def _timestamps(snapshot: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    microseconds = int(START.timestamp()) * 1_000_000 + snapshot * 900_000_000
    return pa.array(microseconds, mask=missing).cast(pa.timestamp("us", "UTC"))
