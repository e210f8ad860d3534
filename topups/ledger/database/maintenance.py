"""Daily upkeep of a ledger: old observations are thinned, and its file is looked through for damage once a day."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, time, timedelta

from sqlalchemy import Connection, Engine, delete, func, select, update

from topups.decision.records import decided
from topups.ledger import schema
from topups.ledger.ledger import Ledger
from topups.ledger.models import Observation
from topups.ledger.queries import LedgerUnavailable, map_database_errors
from topups.policy import DAY

# Until then a decision can be replayed with everything that was read.
THINNED_AFTER = timedelta(days=60)
WORTH_VACUUM_BYTES = 10_000_000
OBSERVATIONS, IDENTITY, PAYMENTS = schema.observations, schema.identity, schema.payments
SEEN = OBSERVATIONS.c


def thin_observations(ledger: Ledger, now: datetime) -> int:
    """Thins the observations that became 60 days old, one day of one account per transaction; returns how many went.

    ``identity.thinned_at`` is the time at which everything before was 60 days old. Not after a gap of a day: the clock
    may be wrong. Raises ``LedgerUnavailable``.
    """
    day = _first_day(ledger, now)
    if day is None:
        return 0
    accounts, referenced, removed = _accounts(ledger), _referenced(ledger), 0
    while day + DAY <= now - THINNED_AFTER:
        for account_id in accounts:
            superfluous = superfluous_observations(*_observations_of_day(ledger, account_id, day), referenced)
            with ledger.write_transaction(now) as unit:
                unit.connection.execute(delete(OBSERVATIONS).where(SEEN.seq.in_(superfluous)))
                unit.connection.execute(update(IDENTITY).values(thinned_at=day + DAY + THINNED_AFTER))
            removed += len(superfluous)
        day += DAY
    with ledger.write_transaction(now) as unit:  # looked at again a day later
        unit.connection.execute(update(IDENTITY).values(thinned_at=min(day + THINNED_AFTER, now)))
    if removed:
        with suppress(LedgerUnavailable):  # it only makes the file smaller
            _return_free_space(ledger.engine)
    return removed


def superfluous_observations(
    observations: Iterable[Observation], decided_before: Observation | None, referenced: frozenset[int]
) -> list[int]:
    """Numbers of what an old day does not need (oldest first). ``referenced`` are the balances that payments name.

    It needs the last balance of each hour, the last complete list of the day, and each decision that differs from the
    one before it.
    """
    needed: dict[tuple[str, datetime | None], int] = {}
    changed: list[int] = []
    everything, previous = [], decided_before and decided(decided_before.payload)
    for seen in observations:
        everything.append(seen.seq)
        hour = seen.at.replace(minute=0, second=0, microsecond=0)
        if seen.kind == "decision":
            if previous != (previous := decided(seen.payload)):
                changed.append(seen.seq)
        elif seen.kind == "balance":
            needed["balance", hour] = seen.seq
        elif seen.complete or ("payments", None) not in needed:
            needed["payments", None] = seen.seq
    return sorted(set(everything) - set(needed.values()) - set(changed) - referenced)


def integrity_check_due(connection: Connection, now: datetime) -> bool:
    """Whether the file was not looked through in the last day."""
    checked_at = connection.execute(select(IDENTITY.c.checked_at)).scalar()
    return checked_at is None or not now - DAY < checked_at <= now


def record_integrity_check(connection: Connection, now: datetime) -> None:
    """Remembers that the file was looked through."""
    connection.execute(update(IDENTITY).values(checked_at=now))


def _first_day(ledger: Ledger, now: datetime) -> datetime | None:
    """The first day to thin; None if nothing is due."""
    with ledger.read_transaction() as connection:
        thinned_at = connection.execute(select(IDENTITY.c.thinned_at)).scalar()
        if thinned_at is not None and now < thinned_at + DAY:
            return None
        # Not decisions: a pass that doubts its clock writes another time for them.
        newest = connection.execute(
            select(SEEN.at).where(SEEN.kind != "decision").order_by(SEEN.seq.desc()).limit(1)
        ).scalar()
        if newest is None or now - newest > DAY:
            return None
        oldest = thinned_at - THINNED_AFTER if thinned_at else connection.execute(select(func.min(SEEN.at))).scalar()
        return datetime.combine(oldest.date(), time(), oldest.tzinfo) if oldest else None


def _accounts(ledger: Ledger) -> list[str]:
    with ledger.read_transaction() as connection:
        return list(connection.execute(select(SEEN.account_id).distinct().order_by(SEEN.account_id)).scalars())


def _referenced(ledger: Ledger) -> frozenset[int]:
    """Numbers of the balances that payments name."""
    numbers = select(PAYMENTS.c.baseline).union(select(PAYMENTS.c.credit))
    with ledger.read_transaction() as connection:
        return frozenset(connection.execute(numbers).scalars()) - {None}


def _observations_of_day(
    ledger: Ledger, account_id: str, day: datetime
) -> tuple[list[Observation], Observation | None]:
    """The observations of a day, oldest first, and the decision before them."""
    of_account = select(OBSERVATIONS).where(SEEN.account_id == account_id)
    of_day = of_account.where(SEEN.at >= day, SEEN.at < day + DAY).order_by(SEEN.seq)
    with ledger.read_transaction() as connection:
        observations = [Observation(*row) for row in connection.execute(of_day)]
        if not observations:
            return [], None
        earlier = of_account.where(SEEN.kind == "decision", SEEN.seq < observations[0].seq)
        before = connection.execute(earlier.order_by(SEEN.seq.desc()).limit(1)).one_or_none()
        return observations, Observation(*before) if before else None


def _return_free_space(engine: Engine) -> None:
    """Makes a SQLite file smaller where most of it is empty: after the first thinning."""
    if engine.dialect.name != "sqlite":
        return
    with map_database_errors(), engine.connect() as connection:
        size, pages, free = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
            for name in ("page_size", "page_count", "freelist_count")
        )
        if free * 2 > pages and free * size > WORTH_VACUUM_BYTES:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
