"""Copies the payment ledger into the warehouse: ``topups.payments`` and ``topups.events``.

Reads and writes the difference to the last copy only; without a difference the warehouse is not opened for writing.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, select

from topups.ledger import Ledger
from topups.ledger.schema import events, identity, observations, payments
from warehouse.database.opening import open_warehouse
from warehouse.ledger_replica import (
    TABLES,
    LedgerChanges,
    LedgerOffset,
    apply_changes,
    count_rows,
    previews,
    read_offset,
)
from warehouse.publishing.publish import publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate, require_known_version
from warehouse.schema.tables import Table

log = logging.getLogger("smsonline.ledger")

P, E = payments.c, events.c
# Without links, addresses and create responses: everybody who may read the warehouse can read the copy.
PAYMENTS = select(
    *(P[column.name] for column in TABLES["payments"] if column.name in P),
    observations.c.at.label("credited_at"),  # when the balance showed the money
).join_from(payments, observations, observations.c.seq == P.credit, isouter=True)
EVENTS = select(*(E[column.name] for column in TABLES["events"])).order_by(E.seq)
LAST_EVENT = select(E.seq, E.hash).order_by(E.seq.desc()).limit(1)


@dataclass(frozen=True)
class LedgerCopyResult:
    """The state of the copy, per table: ``rows`` in total, ``written`` by this run, and a Markdown preview.

    ``version`` is the hash of the last copied event: the same version means the same content.
    """

    changed: bool
    version: str
    rows: Mapping[str, int]
    written: Mapping[str, int]
    previews: Mapping[str, str]
    seconds: float


def copy_ledger(ledger: Ledger, warehouse: Path, tables: Sequence[Table], *, published: bool) -> LedgerCopyResult:
    """Updates the copy in the warehouse, with ``published`` in the analysts' file too. Raises as ``copy_changes``."""
    began = time.perf_counter()
    changes = copy_changes(ledger, warehouse, tables)
    if changes and published:
        publish(warehouse, tables)
    written = dict.fromkeys(TABLES, 0)
    if changes:
        written = {"payments": len(changes.payments), "events": len(changes.events)}
    version, rows, shown = "", dict.fromkeys(TABLES, 0), dict.fromkeys(TABLES, "")
    if warehouse.exists():
        with open_warehouse(warehouse, read_only=True) as connection:
            version, rows, shown = read_offset(connection).hash, count_rows(connection), previews(connection)
    return LedgerCopyResult(changes is not None, version, rows, written, shown, time.perf_counter() - began)


def copy_changes(ledger: Ledger, warehouse: Path, tables: Sequence[Table]) -> LedgerChanges | None:
    """Writes what changed in the ledger since the last copy and returns it; None when nothing changed.

    ``tables`` are those of all datasets, because the marts join them with the copy. When two processes copy at the
    same time, the first one wins. Raises ``LedgerUnavailable`` and ``WarehouseError``.
    """
    copied = LedgerOffset()
    if warehouse.exists():
        with open_warehouse(warehouse, read_only=True) as connection:
            require_known_version(connection)
            copied = read_offset(connection)
    changes = changes_since(ledger, copied)
    if changes is None:
        return None
    with open_warehouse(warehouse) as connection:
        migrate(connection)
        sync_schema(connection, tables)
        return changes if apply_changes(connection, changes) else None


def changes_since(ledger: Ledger, offset: LedgerOffset) -> LedgerChanges | None:
    """The changes of the ledger after ``offset``; None when there are none.

    The changes are the whole content, to replace the copy, where the copy is of another ledger, or where the ledger's
    event of that number has another hash: then it was restored from a backup.
    """
    with ledger.read_transaction() as connection:
        row = connection.execute(LAST_EVENT).one_or_none()
        ledger_id = connection.execute(select(identity.c.ledger_id)).scalar_one()
        newest = LedgerOffset(row.seq, row.hash, ledger_id) if row else LedgerOffset(ledger_id=ledger_id)
        if newest == offset or (newest.seq == offset.seq == 0 and not offset.ledger_id):
            return None
        is_same_id = offset.ledger_id in ("", ledger_id)
        known_hash = connection.execute(select(E.hash).where(E.seq == offset.seq)).scalar()
        same_ledger = is_same_id and known_hash == offset.hash
        if offset.seq and not same_ledger:
            cause = "another state of the ledger" if is_same_id else f"ledger {offset.ledger_id}"
            log.warning("the copy of the payments was of %s: replaced by that of ledger %s", cause, ledger_id)
        changed = PAYMENTS.where(P.payment_id.in_(select(E.payment_id).where(E.seq > offset.seq)))
        return LedgerChanges(
            offset,
            newest,
            _rows(connection, changed if same_ledger else PAYMENTS),
            _rows(connection, EVENTS.where(E.seq > offset.seq) if same_ledger else EVENTS),
            not same_ledger,
        )


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(query)]
