"""Brings the warehouse's mirror of the ledger up to date: ``topups.payments`` and ``topups.events``.

Only what changed is read and written, and without a change the warehouse is not even opened for writing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, select

from topups.ledger import Ledger
from topups.ledger.schema import events, observations, payments
from warehouse.connection import opened
from warehouse.migrate import migrate, refuse_newer, shape
from warehouse.mirror import TABLES, Delta, Mark, count, mark_of, previews, write
from warehouse.publish import publish
from warehouse.tables import Table

P, E = payments.c, events.c
# No link, no address, no claim: the mirror is for everybody who may read the warehouse.
PAYMENTS = select(
    *(P[column.name] for column in TABLES["payments"] if column.name in P),
    observations.c.at.label("credited_at"),  # the balance that showed the money
).join_from(payments, observations, observations.c.seq == P.credit, isouter=True)
EVENTS = select(*(E[column.name] for column in TABLES["events"])).order_by(E.seq)
LAST = select(E.seq, E.hash).order_by(E.seq.desc()).limit(1)


@dataclass(frozen=True)
class Mirrored:
    """The mirror after a pass, per table: how many rows it has, how many of them were written, and the last few.

    ``version`` names the last event that it holds: the same version is the same mirror.
    """

    version: str
    rows: Mapping[str, int]
    written: Mapping[str, int]
    previews: Mapping[str, str]
    seconds: float


def mirrored(ledger: Ledger, warehouse: Path, tables: Sequence[Table]) -> Mirrored:
    """Brings mirror and analysts' copy up to date. Raises as ``refresh_mirror``."""
    began = time.perf_counter()
    delta = refresh_mirror(ledger, warehouse, tables)
    if delta:
        publish(warehouse, tables)
    written = {"payments": len(delta.payments), "events": len(delta.events)} if delta else dict.fromkeys(TABLES, 0)
    if not warehouse.exists():
        return Mirrored("", dict.fromkeys(TABLES, 0), written, dict.fromkeys(TABLES, ""), time.perf_counter() - began)
    with opened(warehouse, read_only=True) as connection:
        version = mark_of(connection).hash
        return Mirrored(version, count(connection), written, previews(connection), time.perf_counter() - began)


def refresh_mirror(ledger: Ledger, warehouse: Path, tables: Sequence[Table]) -> Delta | None:
    """Writes what changed in the ledger since the last time; what was written, or None when nothing had changed.

    ``tables`` are those of all datasets: the marts join them with the mirror. Raises ``LedgerUnavailable`` and
    ``WarehouseError``. When another program mirrors at the same time, its work stands.
    """
    delta = changes_since(ledger, _mark(warehouse))
    if delta is None:
        return None
    with opened(warehouse) as connection:
        migrate(connection)
        shape(connection, tables)
        return delta if write(connection, delta) else None


def changes_since(ledger: Ledger, mark: Mark) -> Delta | None:
    """What a mirror with that mark lacks; None when it lacks nothing.

    A ledger whose event of that number has another hash is not the one that was mirrored: a backup came back, or a new
    one was begun. The mirror then begins anew.
    """
    with ledger.read_transaction() as connection:
        found = connection.execute(LAST).one_or_none()
        last = Mark(*found) if found else Mark()
        if last == mark:
            return None
        known = connection.execute(select(E.hash).where(E.seq == mark.seq)).scalar() == mark.hash
        changed = PAYMENTS.where(P.payment_id.in_(select(E.payment_id).where(E.seq > mark.seq)))
        return Delta(
            mark,
            last,
            payments=_rows(connection, changed if known else PAYMENTS),
            events=_rows(connection, EVENTS.where(E.seq > mark.seq) if known else EVENTS),
            anew=not known,
        )


def _mark(warehouse: Path) -> Mark:
    if not warehouse.exists():
        return Mark()
    with opened(warehouse, read_only=True) as connection:
        refuse_newer(connection)
        return mark_of(connection)


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(query)]
