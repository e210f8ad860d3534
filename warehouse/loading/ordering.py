"""Which responses of a batch are newer than what is loaded, told by two clocks: ours and the vendor's.

A partition's watermark has both times of its newest accepted response: when it was requested (our clock) and when it
was generated (the vendor's, ``Date`` less ``Age``). A response is

* late, when it was requested before the watermark: two syncs at once. It changes nothing;
* stale, when the vendor generated it before the watermark: a cache sent it. It changes nothing and is drift;
* fresh otherwise, and is merged.

A watermark later than the present was stamped by a wrong clock. Where the vendor's clock confirms ours it gives way:
everything of the dataset that is stamped later than the present begins, ends or was seen with this load instead, and
versions that began and ended there are deleted. So the versions of a key stay ordered and disjoint, and the present
response has the last word. The load log's times are corrected likewise. Without the vendor's confirmation the load is
refused.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from warehouse.errors import SnapshotRefused
from warehouse.loading.batch import Batch, Partition, SchemaDrift, Watermark, Watermarks
from warehouse.schema.tables import DAILY_MART
from warehouse.sql import fetch_one, render

Connection = duckdb.DuckDBPyConnection

# The clocks of two of the vendor's servers may differ by this much.
VENDOR_CLOCK_TOLERANCE = timedelta(seconds=60)
HAS_DAILY_MART = f"""
SELECT 1 FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = 'store' AND table_name = '{DAILY_MART}'
"""


@dataclass(frozen=True)
class Order:
    """The ``fresh`` partitions, the number of records in the others, and the stale ones as drift.

    ``is_ahead`` says that something loaded is stamped later than the present.
    """

    fresh: list[Partition]
    skipped_records: int
    drift: list[SchemaDrift]
    is_ahead: bool


def order_partitions(batch: Batch, watermarks: Watermarks) -> Order:
    """Compares every partition with its watermark.

    Raises ``SnapshotRefused`` when a watermark is later than the present and the vendor's clock does not confirm ours.
    """
    fresh: list[Partition] = []
    drift: list[SchemaDrift] = []
    for partition in batch.partitions:
        last = watermarks.get(partition.name)
        if last and _is_ahead(batch, last) and not batch.is_clock_confirmed:
            raise SnapshotRefused(
                f"{batch.table.name}: what is loaded is from the future, and the response has no time of the vendor's "
                "to compare with; set this machine's clock right"
            )
        is_late = last and last.seen_at and partition.requested_at < last.seen_at and not _is_ahead(batch, last)
        if is_late:
            continue
        if last and was_generated_before(partition.server_date, partition.cache_age_seconds, last.server_date):
            drift = [SchemaDrift("Age", "stale", _stale_example(partition))]
            continue
        fresh.append(partition)
    skipped = {partition.name for partition in batch.partitions} - {partition.name for partition in fresh}
    skipped_records = sum(partition.fetched for partition in batch.partitions if partition.name in skipped)
    is_ahead = any(_is_ahead(batch, watermark) for watermark in watermarks.values())
    return Order(fresh, skipped_records, drift, is_ahead)


def was_generated_before(server_date: datetime | None, cache_age_seconds: int, loaded: datetime | None) -> bool:
    """Whether the vendor generated a response before ``loaded``; false where either time is unknown.

    Without an ``Age`` the two may come from two of the vendor's servers, whose clocks differ a little.
    """
    if server_date is None or loaded is None:
        return False
    return server_date < (loaded if cache_age_seconds else loaded - VENDOR_CLOCK_TOLERANCE)


def correct_future_times(connection: Connection, batch: Batch, load_at: datetime) -> str:
    """Moves everything of the dataset that is stamped later than the present to ``load_at``; one line for the log."""
    assert batch.now
    moments = {"now": f"TIMESTAMPTZ '{batch.now.isoformat()}'", "load_at": f"TIMESTAMPTZ '{load_at.isoformat()}'"}
    connection.execute(render("loading/sql/correct_future_times", table=batch.table.name, **moments))
    if fetch_one(connection, HAS_DAILY_MART):
        connection.execute(f"DELETE FROM store.{DAILY_MART} WHERE NOT EXISTS (SELECT 1 FROM ops.materialized_marts)")
    return (
        f"{batch.table.name}: earlier loads were stamped in the future by a wrong clock; the vendor's clock confirms "
        "this machine's, so they count as made now"
    )


def _is_ahead(batch: Batch, watermark: Watermark) -> bool:
    return bool(batch.now and watermark.seen_at and watermark.seen_at > batch.now)


def _stale_example(partition: Partition) -> str:
    generated_at = partition.server_date.strftime("%Y-%m-%dT%H:%M:%SZ") if partition.server_date else "unknown"
    return f"generated {generated_at}, {partition.cache_age_seconds} s in caches"
