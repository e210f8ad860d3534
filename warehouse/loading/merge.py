"""Merges one normalised snapshot into its table, with history, in one transaction.

``load_batch`` takes six steps: order, stage, diff, guard, write, reconcile. They commit together or not at all. The
guard comes after the diff because it needs the number of missing rows.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import duckdb

from warehouse.errors import LoadMismatch, SnapshotRefused
from warehouse.failpoints import failpoint
from warehouse.loading.batch import MAX_EXAMPLES, Batch, LoadContext, LoadCounts, LoadResult, Partition, Watermarks
from warehouse.loading.guard import Diff, advice, check_recent_size, check_snapshot, implausible_partitions
from warehouse.loading.load_log import log_drift, log_load, log_rejects, read_watermarks
from warehouse.loading.ordering import correct_future_times, order_partitions
from warehouse.loading.staging import Staged, stage
from warehouse.sql import rows, scalar, transaction

Connection = duckdb.DuckDBPyConnection

log = logging.getLogger("smsonline.loading")

ROW_NUMBERS = "SELECT row_number FROM changes WHERE current_rowid IS "
COUNT_CHANGES = "SELECT count(*) - count(current_rowid) AS new, count(current_rowid) AS changed FROM changes"
# Loads that a wrong clock logged in the future.
CORRECT_LOAD_LOG = """
UPDATE ops.loads SET started_at = least(started_at, $now), finished_at = $now
WHERE dataset = $dataset AND finished_at > $now
"""


def load_batch(connection: Connection, batch: Batch, load: LoadContext) -> LoadResult:
    """Merges ``batch`` and returns what became of its records; a refused snapshot changes nothing but the load log.

    The result's status is ``ok``, ``failed`` when responses are missing or the guard held partitions back, or
    ``rejected`` when it refused the whole. A response older than what is loaded is ``ok`` and unchanged. Raises
    ``LoadMismatch`` when the rows disagree with the counts or with what came; nothing is committed then.
    """
    try:
        with transaction(connection):
            result = _load(connection, batch, load)
            log_load(connection, load, result)
            failpoint("before committing a load")
        failpoint("after committing a load")
    except SnapshotRefused as refusal:
        result = log_refusal(connection, batch, load, str(refusal))
    if result.warning:
        log.warning("%s", result.warning)
    return result


def log_refusal(connection: Connection, batch: Batch, load: LoadContext, error: str) -> LoadResult:
    """Logs that ``batch`` is refused as a whole, with examples of its rejected records; no table changes."""
    fetched = sum(partition.fetched for partition in batch.partitions) + batch.refused_records
    response_ids = [partition.response_id for partition in batch.partitions]
    response_id = next(iter(response_ids), batch.error_response_id)
    result = LoadResult("rejected", LoadCounts(fetched=fetched, rejected=fetched), error, response_id)
    with transaction(connection):
        log_load(connection, load, result)
        log_rejects(connection, load, batch.rejects[:MAX_EXAMPLES])
        log_drift(connection, batch, batch.drift)
    return result


def _load(connection: Connection, batch: Batch, load: LoadContext) -> LoadResult:
    watermarks = read_watermarks(connection, batch.table.name)
    order = order_partitions(batch, watermarks)
    warning = None
    if batch.is_clock_confirmed:
        connection.execute(CORRECT_LOAD_LOG, {"dataset": load.dataset, "now": datetime.now(UTC)})
    if order.is_ahead and order.fresh and batch.is_clock_confirmed:
        load_at = min(partition.requested_at for partition in order.fresh)
        warning = correct_future_times(connection, batch, load_at)
        watermarks = read_watermarks(connection, batch.table.name)
    log_drift(connection, batch, order.drift)
    usable = {partition.response_id for partition in batch.partitions}
    log_rejects(connection, load, [reject for reject in batch.rejects if reject.response_id not in usable])
    held_back: dict[str, str] = {}
    counts = LoadCounts()
    if order.fresh or not batch.partitions:  # otherwise every response is older than what is loaded
        counts, held_back = _merge(connection, batch, order.fresh, load, watermarks)
    skipped = order.skipped_records
    refused = batch.refused_records + sum(p.fetched for p in batch.partitions if p.name in held_back)
    counts = replace(
        counts,
        fetched=counts.fetched + skipped + refused,
        unchanged=counts.unchanged + skipped,
        rejected=counts.rejected + refused,
    )
    error = "; ".join(filter(None, (batch.partial_reason, _held_back_line(batch, held_back)))) or None
    held_ids = [partition.response_id for partition in batch.partitions if partition.name in held_back]
    response_id = batch.error_response_id or next(iter(held_ids), None)
    return LoadResult("failed" if error else "ok", counts, error, response_id, warning)


def _merge(
    connection: Connection, batch: Batch, fresh: Sequence[Partition], load: LoadContext, watermarks: Watermarks
) -> tuple[LoadCounts, dict[str, str]]:
    """Merges what is plausible; the counts, and the partitions that the guard holds back with its reasons."""
    with stage(connection, batch, fresh, watermarks, accept_shrink=load.accept_shrink) as staged:
        if staged.is_noop:
            connection.execute(staged.sql["touch_drift"])
            connection.execute(staged.sql["advance_watermarks"])
            return _counts(staged), {}
        diff = _diff(connection, staged)
        held_back = _guard(connection, staged, diff, load, watermarks)
        if not held_back:
            _write(connection, staged, diff, load)
            return _reconcile(connection, staged, diff), {}
    plausible = [partition for partition in fresh if partition.name not in held_back]
    counts, held_back_later = _merge(connection, batch, plausible, load, watermarks)
    return counts, held_back | held_back_later


def _diff(connection: Connection, staged: Staged) -> Diff:
    """Compares with the current rows: fills the temporary tables ``changes`` and ``missing``."""
    (before,) = rows(connection, staged.sql["count_current"])
    connection.execute(staged.sql["changes"])
    (compared,) = rows(connection, COUNT_CHANGES)
    is_any_missing = staged.rows.num_rows - compared["new"] < before["before"]
    connection.execute(staged.sql["missing"] + ("" if is_any_missing else "LIMIT 0"))  # spares the joins
    return Diff(**before, **compared, missing=scalar(connection, "SELECT count(*) FROM missing"))


def _guard(
    connection: Connection, staged: Staged, diff: Diff, load: LoadContext, watermarks: Watermarks
) -> dict[str, str]:
    """The partitions to hold back, with the reasons. Raises ``SnapshotRefused`` for all of them, or none that is valid.

    Records that all break the contract are refused even where shrinkage is accepted.
    """
    batch, partitions = staged.batch, staged.partitions
    fetched = sum(partition.fetched for partition in partitions)
    if fetched and fetched == sum(partition.rejected for partition in partitions):
        reason = batch.rejects[0].reasons[0] if batch.rejects else "see ops.rejects"
        raise SnapshotRefused(
            f"{batch.table.name}: every one of {fetched} records breaks the contract; the first: {reason}"
        )
    if load.accept_shrink:
        return {}
    check_snapshot(batch, partitions, diff)
    held_back = implausible_partitions(connection, batch, partitions, diff, watermarks)
    if held_back and len(held_back) == len(partitions):
        raise SnapshotRefused(_held_back_line(batch, held_back))
    if not held_back:
        check_recent_size(batch, diff, watermarks)
    return held_back


def _held_back_line(batch: Batch, held_back: Mapping[str, str]) -> str:
    if not held_back:
        return ""
    number, first = f"{len(held_back)} of {len(batch.partitions)} responses", next(iter(held_back.values()))
    return f"{batch.table.name}: {number} are held back and their rows stay as they were; {first}. {advice(batch)}"


def _write(connection: Connection, staged: Staged, diff: Diff, load: LoadContext) -> None:
    """Closes and inserts versions, moves the watermarks, and writes rejected records and drift into the load log."""
    if not staged.batch.table.full_snapshot:
        connection.execute(staged.sql["freeze_last_seen"])
    if diff.frozen or not staged.batch.table.full_snapshot:
        connection.execute(staged.sql["clear_last_seen"])
    if diff.changed or (diff.missing and staged.batch.table.full_snapshot):
        connection.execute(staged.sql["close_versions"])
    failpoint("while loading")
    if diff.changed:
        changed = connection.execute(f"{ROW_NUMBERS} NOT NULL").fetchnumpy()["row_number"]
        connection.register("changed_rows", staged.rows.take(changed))
        connection.execute(staged.sql["insert_new_versions"])
    if diff.new:
        is_all = diff.new == staged.rows.num_rows  # the first load: nothing to select
        new = None if is_all else connection.execute(f"{ROW_NUMBERS} NULL").fetchnumpy()["row_number"]
        connection.register("new_rows", staged.rows if new is None else staged.rows.take(new))
        connection.execute(staged.sql["insert_new_keys"])
    connection.execute(staged.sql["advance_watermarks"])
    response_ids = {partition.response_id for partition in staged.partitions}
    rejects = [reject for reject in staged.batch.rejects if reject.response_id in response_ids]
    log_rejects(connection, load, [*rejects, *staged.conflicts])
    log_drift(connection, staged.batch, staged.batch.drift)


def _reconcile(connection: Connection, staged: Staged, diff: Diff) -> LoadCounts:
    """The counts of the load.

    Raises ``LoadMismatch`` when the table does not hold as many rows as they say, or other values than were staged.
    """
    table = staged.batch.table
    closed = diff.missing if table.full_snapshot else 0
    expected = diff.before + diff.new - closed
    actual = scalar(connection, f'SELECT count(*) FROM store."{table.name}"')
    if actual != expected:
        raise LoadMismatch(f"{table.name}: the table holds {actual} rows after the load, the counts say {expected}")
    # Where the snapshot is the whole table, the join that finds the staged keys is spared.
    filter_ = "" if actual == staged.rows.num_rows else staged.sql["with_staged_key"]
    if rows(connection, staged.sql["staged_digest"]) != rows(connection, staged.sql["stored_digest"] + filter_):
        raise LoadMismatch(f"{table.name}: the stored values are not those that came; nothing was loaded, report this")
    counts = _counts(staged)
    unchanged = counts.unchanged + staged.rows.num_rows - diff.new - diff.changed
    return replace(counts, inserted=diff.new, changed=diff.changed, unchanged=unchanged, closed=closed)


def _counts(staged: Staged) -> LoadCounts:
    """The counts that need no comparison of rows."""
    partitions = staged.partitions
    return LoadCounts(
        fetched=sum(partition.fetched for partition in partitions),
        unchanged=sum(p.fetched - p.rejected - p.duplicates for p in partitions if p.unchanged),
        rejected=sum(partition.rejected for partition in partitions),
        duplicates=sum(partition.duplicates for partition in partitions),
    )
