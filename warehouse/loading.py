"""Merges one normalised answer into its table, with history, in one transaction.

Stage, compare by key, end and begin versions, move the watermark, write the books, recount: all or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from warehouse import books, guard, statements
from warehouse.batch import Batch, Counts, Load, Outcome, Part
from warehouse.connection import first_row, transaction
from warehouse.crashpoints import reach
from warehouse.errors import LoadMismatch, SnapshotRefused
from warehouse.tables import Table, names

Connection = duckdb.DuckDBPyConnection
# Of a refused answer, which is in raw as a whole and may come again every few minutes, so many rejects are kept.
EXAMPLES = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load_batch(connection: Connection, batch: Batch, load: Load) -> Outcome:
    """Merges ``batch`` and returns what became of its records; a refused snapshot changes nothing but the books.

    The outcome's status is ``ok``, ``failed`` when a part of the answer is missing, or ``rejected`` when the guard
    refused. An answer that a newer one has overtaken is ``ok`` and unchanged: what is loaded is at least as new.
    Raises ``LoadMismatch`` when the recount inside the transaction disagrees; nothing is committed then.
    """
    try:
        with transaction(connection):
            counts = _merge(connection, batch, load)
            outcome = Outcome("failed" if batch.incomplete else "ok", counts, batch.incomplete)
            books.record(connection, load, outcome)
            reach("before committing a load")
        reach("after committing a load")
        return outcome
    except SnapshotRefused as refusal:
        fetched = sum(part.fetched for part in batch.parts)
        outcome = Outcome("rejected", Counts(fetched=fetched, rejected=fetched), str(refusal))
        with transaction(connection):
            books.record(connection, load, outcome)
            books.rejects(connection, load, batch, batch.parts, at_most=EXAMPLES)
            books.drift(connection, batch)
        return outcome


def _merge(connection: Connection, batch: Batch, load: Load) -> Counts:
    table = batch.table
    parts, overtaken = _by_age(connection, batch)
    if overtaken and not parts:
        return Counts(fetched=overtaken, unchanged=overtaken)
    if _is_quiet(connection, batch, parts):
        with _registered(connection, parts=_parts_table(parts)):
            if first_row(connection, "SELECT 1 FROM ops.drift WHERE dataset = ? LIMIT 1", [table.name]):
                statements.run(connection, "drift_again", table, batch)
            _mark(connection, batch)
        counts = _without_change(parts)
        return replace(counts, fetched=counts.fetched + overtaken, unchanged=counts.unchanged + overtaken)
    rows = _of_parts(batch.rows, parts)
    with _registered(connection, incoming=rows, protected=batch.protected, parts=_parts_table(parts)):
        rows, parts = _without_duplicates(connection, table, rows, parts)
    with _registered(connection, incoming=rows, protected=batch.protected, parts=_parts_table(parts)):
        before = _size(connection, table)
        statements.run(connection, "delta" if before else "delta_all", table, batch)
        known = rows.num_rows - _row(connection, "SELECT count(*) FILTER (old_row IS NULL) FROM delta")[0]
        # Where every current row was in the answer, there is none to look for.
        statements.run(connection, "absent" if known < before else "absent_none", table, batch)
        guard.check_contract(batch, parts)
        if not load.accept_shrink:
            guard.check_loss(connection, batch, parts)
        counts = _apply(connection, batch, parts, rows.num_rows)
        _recount(connection, table, before + counts.inserted - counts.closed)
        books.rejects(connection, load, batch, parts)
        books.drift(connection, batch)
    return replace(counts, fetched=counts.fetched + overtaken, unchanged=counts.unchanged + overtaken)


def _apply(connection: Connection, batch: Batch, parts: Sequence[Part], kept: int) -> Counts:
    table = batch.table
    new, changed = _row(connection, "SELECT count(*) FILTER (old_row IS NULL), count(old_row) FROM delta")
    closed = _row(connection, "SELECT count(*) FROM absent")[0] if table.complete else 0
    if not table.complete:
        statements.run(connection, "mark_absent", table, batch)
    if _row(connection, f'SELECT count(last_seen_at) FROM store."{table.name}"')[0]:
        statements.run(connection, "mark_present", table, batch)
    if changed or closed:
        statements.run(connection, "end_versions", table, batch)
    reach("while loading")
    if changed:
        statements.run(connection, "begin_versions", table, batch)
    if new:
        statements.run(connection, "begin_keys", table, batch)
    _mark(connection, batch)
    counts = _without_change(parts)
    return replace(
        counts, inserted=new, changed=changed, unchanged=counts.unchanged + kept - new - changed, closed=closed
    )


def _mark(connection: Connection, batch: Batch) -> None:
    if batch.requested is not None:
        statements.run(connection, "watermarks_gone", batch.table, batch)
    statements.run(connection, "watermarks", batch.table, batch)


def _without_change(parts: Sequence[Part]) -> Counts:
    """The counts of ``parts`` as far as no row has to be looked at."""
    return Counts(
        fetched=sum(part.fetched for part in parts),
        unchanged=sum(part.fetched - part.rejected - part.duplicates for part in parts if part.unchanged),
        rejected=sum(part.rejected for part in parts),
        duplicates=sum(part.duplicates for part in parts),
    )


def _is_quiet(connection: Connection, batch: Batch, parts: Sequence[Part]) -> bool:
    """Whether every answer is the one that was loaded last, and no part has gone."""
    if not all(part.unchanged for part in parts) or not parts:
        return False
    if batch.requested is None:
        return True
    known = connection.execute(f'SELECT DISTINCT part FROM store."{batch.table.name}"').fetchall()
    return {row[0] for row in known} <= batch.requested


def _by_age(connection: Connection, batch: Batch) -> tuple[list[Part], int]:
    """The parts that are not older than what is loaded, and how many records the others brought.

    Raises ``SnapshotRefused`` when what is loaded is from the future: then a clock is wrong, not the answer late.
    """
    seen = dict(
        connection.execute(
            "SELECT part, epoch_us(seen_at) FROM ops.watermarks WHERE dataset = ?", [batch.table.name]
        ).fetchall()
    )
    fresh = [part for part in batch.parts if _microseconds(part.requested_at) >= seen.get(part.name, 0)]
    late = [part for part in batch.parts if _microseconds(part.requested_at) < seen.get(part.name, 0)]
    if any(seen[part.name] > _microseconds(datetime.now(UTC)) for part in late):
        raise SnapshotRefused(f"{batch.table.name}: what is loaded is from the future; set this machine's clock right")
    return fresh, sum(part.fetched for part in late)


def _microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


def _of_parts(rows: pa.Table, parts: Sequence[Part]) -> pa.Table:
    wanted = {part.name for part in parts if not part.unchanged}
    if set(rows["part"].unique().to_pylist()) <= wanted:
        return rows
    return rows.filter(pc.is_in(rows["part"], pa.array(wanted, pa.string())))


def _without_duplicates(
    connection: Connection, table: Table, rows: pa.Table, parts: Sequence[Part]
) -> tuple[pa.Table, list[Part]]:
    """Of rows with one key the last one stays, as in a replacement; the others are counted, not lost track of."""
    distinct = _row(connection, f"SELECT count(*) FROM (SELECT DISTINCT {names(table.key)} FROM incoming)")[0]
    if distinct == rows.num_rows:
        return rows, list(parts)
    numbered = rows.append_column("row_no", pa.array(range(rows.num_rows), pa.int64()))
    with _registered(connection, numbered=numbered):
        kept = connection.execute(f"SELECT max(row_no) FROM numbered GROUP BY {names(table.key)}").fetchall()
    kept_rows = rows.take(pa.array(sorted(row[0] for row in kept)))
    had, has = _per_part(rows), _per_part(kept_rows)
    counted = [replace(p, duplicates=had.get(p.name, 0) - has.get(p.name, 0)) if not p.unchanged else p for p in parts]
    return kept_rows, counted


def _per_part(rows: pa.Table) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in rows["part"].value_counts().to_pylist()}


def _parts_table(parts: Sequence[Part]) -> pa.Table:
    """The parts as SQL sees them; ``closes`` says that a row absent from the answer has vanished."""
    columns = [("part", pa.string()), ("response_id", pa.string()), ("requested_at", pa.timestamp("us", "UTC"))]
    columns += [("body_sha256", pa.string()), ("contract", pa.string()), ("closes", pa.bool_())]
    columns += [(name, pa.int64()) for name in ("fetched", "rejected", "duplicates")]
    rows = [vars(part) | {"part": part.name, "closes": part.readable_keys and not part.unchanged} for part in parts]
    return pa.Table.from_pylist(rows, pa.schema(columns))


def _recount(connection: Connection, table: Table, expected: int) -> None:
    found = _size(connection, table)
    if found != expected:
        raise LoadMismatch(f"{table.name}: the table holds {found} rows after the load, the counts say {expected}")


def _size(connection: Connection, table: Table) -> int:
    return _row(connection, f'SELECT count(*) FROM store."{table.name}"')[0]


def _row(connection: Connection, sql: str) -> tuple[int, ...]:
    row = first_row(connection, sql)
    return tuple(int(value) for value in row) if row else ()


@contextmanager
def _registered(connection: Connection, **relations: pa.Table) -> Iterator[None]:
    """Arrow tables under names that SQL can use, for as long as the body runs."""
    for name, relation in relations.items():
        connection.register(name, relation)
    try:
        yield
    finally:
        for name in relations:
            connection.unregister(name)
