"""How long one look of the sensor ``low_balance`` takes with 10,000 payments in the ledger: ``python -m bench.sensor``.

The sensor itself is evaluated, as the daemon and the preview in the UI do: settings, a connection of its own, the
decision. The payments lie once in ten years, as the limit of three a day allows, and once all in the last month, where
every one of them is read: nobody can have that, it shows how the time grows.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from bench.targets import Line
from pipelines.topup.sensor import low_balance
from topups.clock import uuid7
from topups.gateway import Balance
from topups.ledger import Ledger, open_ledger
from topups.ledger.models import NewPayment
from topups.ledger.queries import new_payment
from topups.ledger.schema import events, observations, payments
from topups.payment_states import State

PAYMENTS = 10_000
PASSES = 21_600
LOOKS = 50
LIMIT_SECONDS = 0.1
ACCOUNT = "bench"
LIFE = (State.PLANNED, State.RESERVED, State.SENDING, State.OPEN, State.PAID, State.CREDITED)
POLICY = {
    **{"MODE": "auto", "THRESHOLD_CENTS": "10000", "TARGET_CENTS": "20000", "AMOUNT_MIN_CENTS": "500"},
    **{"AMOUNT_MAX_CENTS": "40000", "CAP_DAY_CENTS": "40000", "CAP_WEEK_CENTS": "80000", "CAP_MONTH_CENTS": "99000"},
}


@dataclass(frozen=True)
class Looks:
    """Seconds per look: the first one of the process, and of the following the median and the longest."""

    spread_days: int
    payments: int
    ledger_mb: float
    said: str
    first_seconds: float
    median_seconds: float
    longest_seconds: float


def main() -> None:
    """Prints a JSON array, one object per spread of the payments over time."""
    sys.stdout.write(json.dumps([asdict(measure(days)) for days in (3650, 30)]))


def lines(found: Sequence[Looks]) -> list[Line]:
    """The promise for a ledger that the limit of three payments a day allows."""
    seconds = found[0].median_seconds
    figure = f"low_balance: one look with {PAYMENTS:,} payments in the ledger"
    return [Line(figure, f"< {LIMIT_SECONDS * 1000:.0f} ms", f"{seconds * 1000:.0f} ms", seconds < LIMIT_SECONDS)]


def measure(spread_days: int) -> Looks:
    """Fills a ledger with payments that all arrived, the newest an hour ago, and looks at it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, dg.DagsterInstance.local_temp(folder) as instance:
        path = Path(folder, "ledger.db")
        with open_ledger(f"sqlite:///{path}") as ledger:
            fill(ledger, timedelta(days=spread_days))
        own = {f"SMSONLINE_TOPUP_{name}": value for name, value in POLICY.items()}
        account = {"SMSONLINE_USER_ID": ACCOUNT, "SMSONLINE_API_KEY": "none", "SMSONLINE_LEDGER": f"sqlite:///{path}"}
        os.environ |= own | account
        context = dg.build_sensor_context(instance)
        seconds, said = [], ""
        for _ in range(LOOKS + 1):
            began = time.perf_counter()
            tick = low_balance.evaluate_tick(context)
            seconds.append(time.perf_counter() - began)
            said = tick.skip_message or "asks for a run"
        size = path.stat().st_size / 1e6
    rest = seconds[1:]
    return Looks(spread_days, PAYMENTS, size, said, seconds[0], statistics.median(rest), max(rest))


def fill(ledger: Ledger, spread: timedelta) -> None:
    """Payments and their events straight into the tables: through the protocol that would take minutes."""
    now = datetime.now(UTC)
    with ledger.write_transaction(now) as writer:
        rows = list(_payments(now, spread))
        writer.connection.execute(payments.insert(), rows)
        writer.connection.execute(events.insert(), list(_events(rows)))
        writer.connection.execute(observations.insert(), list(_looks(now)))
    ledger.record_balance(ACCOUNT, Balance(500, now), now)


def _payments(now: datetime, spread: timedelta) -> Iterator[dict[str, object]]:
    for number in range(PAYMENTS):
        at = now - timedelta(hours=1) - spread * (1 - number / PAYMENTS)
        draft = NewPayment(
            uuid7(at, number), ACCOUNT, f"decision {number}", "v3_invoice", 9_000, why="the balance was low"
        )
        arrived = {"state": State.CREDITED, "vendor_payment_id": f"v{number}", "slot_freed_at": at, "ends_at": at}
        yield dict(new_payment(draft, at, **arrived).__dict__)


def _events(rows: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    nothing = {"changes": {}, "previous_hash": "", "hash": "", "kind": "moved"}
    seq = 0
    for row in rows:
        for before, after in zip((None, *LIFE), LIFE, strict=False):
            seq += 1
            whose = {"account_id": ACCOUNT, "payment_id": row["payment_id"], "at": row["created_at"]}
            yield {**nothing, **whose, "seq": seq, "from_state": before, "to_state": str(after)}


def _looks(now: datetime) -> Iterator[dict[str, object]]:
    """A month of passes, each two minutes after the one before, with all that each of them writes down."""
    for number in range(PASSES):
        at = now - timedelta(minutes=2 * (PASSES - number))
        for place, kind in enumerate(("balance", "payments", "decision")):
            seen = {"seq": 3 * number + place + 1, "account_id": ACCOUNT, "kind": kind, "at": at, "facts": {}}
            yield {**seen, "complete": True, "figure": 500}


if __name__ == "__main__":
    main()
