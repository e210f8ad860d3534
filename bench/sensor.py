"""Time of one evaluation of the sensor ``low_balance`` with 10,000 payments in the ledger: ``python -m bench.sensor``.

Evaluates the sensor as the daemon and the UI preview do: settings, its own connection, the decision. The payments are
spread over ten years, as the limit of three a day allows, and then over the last month, where every one is read: an
impossible ledger that shows how the time grows.
"""

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

from bench.targets import TargetResult
from pipelines.defs.topup_sensors import low_balance
from topups.gateway import Balance, uuid7
from topups.ledger import Ledger, open_ledger
from topups.ledger.models import NewPayment, new_payment
from topups.ledger.schema import events, observations, payments
from topups.payment_states import State

PAYMENTS = 10_000
RUNS = 21_600
EVALUATIONS = 50
LIMIT_SECONDS = 0.1
ACCOUNT = "bench"
LIFE = (State.PLANNED, State.RESERVED, State.SENDING, State.OPEN, State.PAID, State.CREDITED)
POLICY = {
    **{"MODE": "auto", "THRESHOLD_CENTS": "10000", "TARGET_CENTS": "20000", "AMOUNT_MIN_CENTS": "500"},
    **{"AMOUNT_MAX_CENTS": "40000", "CAP_DAY_CENTS": "40000", "CAP_WEEK_CENTS": "80000", "CAP_MONTH_CENTS": "99000"},
}


@dataclass(frozen=True)
class SensorTiming:
    """Seconds per evaluation: the first in the process; median and maximum of the following."""

    spread_days: int
    payments: int
    ledger_mb: float
    message: str
    first_seconds: float
    median_seconds: float
    longest_seconds: float


def main() -> None:
    """Prints a JSON array, one object per spread of the payments over time."""
    sys.stdout.write(json.dumps([asdict(measure(days)) for days in (3650, 30)]))


def sensor_targets(timings: Sequence[SensorTiming]) -> list[TargetResult]:
    """The target, for the ledger that three payments a day produce."""
    seconds = timings[0].median_seconds
    figure = f"low_balance: one evaluation with {PAYMENTS:,} payments in the ledger"
    return [
        TargetResult(figure, f"< {LIMIT_SECONDS * 1000:.0f} ms", f"{seconds * 1000:.0f} ms", seconds < LIMIT_SECONDS)
    ]


def measure(spread_days: int) -> SensorTiming:
    """Fills a ledger with credited payments, the newest an hour old, and measures the sensor."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, dg.DagsterInstance.local_temp(folder) as instance:
        path = Path(folder, "ledger.db")
        with open_ledger(f"sqlite:///{path}") as ledger:
            fill(ledger, timedelta(days=spread_days))
        topup = {f"SMSONLINE_TOPUP_{name}": value for name, value in POLICY.items()}
        account = {"SMSONLINE_USER_ID": ACCOUNT, "SMSONLINE_API_KEY": "none", "SMSONLINE_LEDGER": f"sqlite:///{path}"}
        os.environ |= topup | account
        context = dg.build_sensor_context(instance)
        seconds, message = [], ""
        for _ in range(EVALUATIONS + 1):
            began = time.perf_counter()
            tick = low_balance.evaluate_tick(context)
            seconds.append(time.perf_counter() - began)
            message = tick.skip_message or "requests a run"
        size = path.stat().st_size / 1e6
    rest = seconds[1:]
    return SensorTiming(spread_days, PAYMENTS, size, message, seconds[0], statistics.median(rest), max(rest))


def fill(ledger: Ledger, spread: timedelta) -> None:
    """Inserts payments and events directly into the tables; through the workflow it would take minutes."""
    now = datetime.now(UTC)
    with ledger.write_transaction(now) as writer:
        rows = list(_payments(now, spread))
        writer.connection.execute(payments.insert(), rows)
        writer.connection.execute(events.insert(), list(_events(rows)))
        writer.connection.execute(observations.insert(), list(_observations(now)))
    ledger.record_balance(ACCOUNT, Balance(500, now), now)


def _payments(now: datetime, spread: timedelta) -> Iterator[dict[str, object]]:
    for number in range(PAYMENTS):
        at = now - timedelta(hours=1) - spread * (1 - number / PAYMENTS)
        draft = NewPayment(
            uuid7(at, number), ACCOUNT, f"decision {number}", "v3_invoice", 9_000, why="the balance was low"
        )
        columns = {"state": State.CREDITED, "vendor_payment_id": f"v{number}", "slot_freed_at": at, "ends_at": at}
        yield dict(new_payment(draft, at, **columns).__dict__)


def _events(rows: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    common = {"changes": {}, "previous_hash": "", "hash": "", "kind": "moved"}
    seq = 0
    for row in rows:
        for before, after in zip((None, *LIFE), LIFE, strict=False):
            seq += 1
            owner = {"account_id": ACCOUNT, "payment_id": row["payment_id"], "at": row["created_at"]}
            yield {**common, **owner, "seq": seq, "from_state": before, "to_state": str(after)}


def _observations(now: datetime) -> Iterator[dict[str, object]]:
    """A month of runs, one every two minutes, with everything that each of them records."""
    for number in range(RUNS):
        at = now - timedelta(minutes=2 * (RUNS - number))
        for offset, kind in enumerate(("balance", "payments", "decision")):
            observation = {"seq": 3 * number + offset + 1, "account_id": ACCOUNT, "kind": kind, "at": at, "payload": {}}
            yield {**observation, "complete": True, "figure": 500}


if __name__ == "__main__":
    main()
