"""A ledger after a year of passes, one every two minutes: ``python -m bench.ledger_year``.

Prints the size of the file before and after the first thinning, and the seconds of the first pass, of the following
ones, and of the sensor's decision. What a year records is inserted directly: through the workflow it would take hours.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.sensor import ACCOUNT, fill
from topups.decision.preview import last_forecast, preview_from_ledger
from topups.ledger import open_ledger, open_ledger_readonly
from topups.ledger.database.maintenance import thin_observations
from topups.ledger.schema import observations
from topups.policy import Policy

PASSES_PER_YEAR = 365 * 720
MEASURED = 20
BURN = {"cents_per_hour": 41.5, "normal_cents_per_hour": 40.2, "reorder_cents": 1250, "hours_to_empty": 71.2}
REFUSAL = {"reason": "BALANCE_OK", "figure": "the balance is 29.58 USD", "limit": "below 12.50 USD", "decision": None}
DECISION = {"decision_id": "0" * 24, **REFUSAL, "burn": {**BURN, "hours_to_empty_p10": 55.0}}
FIRST_SEQ = 1_000_000


def main() -> None:
    """Prints one JSON object."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, "ledger.db")
        url = f"sqlite:///{path}"
        with open_ledger(url) as ledger:
            fill(ledger, timedelta(days=3650))
            with ledger.write_transaction(now) as unit:
                unit.connection.execute(observations.delete())
                unit.connection.execute(observations.insert(), list(_year(now)))
        before = path.stat().st_size
        policy = Policy(mode="auto", threshold_cents=1000, target_cents=3000)
        sensor_before = _median_seconds(lambda: _decide(url, policy))
        with open_ledger(url) as ledger:
            began = time.perf_counter()
            removed = thin_observations(ledger, now)
            first = time.perf_counter() - began
        report = {"removed": removed, "mb_before": before / 1e6, "mb": path.stat().st_size / 1e6}
        sensor = _median_seconds(lambda: _decide(url, policy))
        seconds = {"thinning": first, "sensor_before": sensor_before, "sensor": sensor}
        with open_ledger(url) as ledger:
            seconds["thinning_not_due"] = _median_seconds(lambda: thin_observations(ledger, now))
        seconds["open"] = _median_seconds(lambda: open_ledger(url, check=True).close())
        sys.stdout.write(json.dumps({**report, "seconds": seconds}) + "\n")


def _year(now: datetime) -> Iterator[dict[str, Any]]:
    """What each pass recorded; a decision only where it changed, hourly otherwise."""
    seq = FIRST_SEQ
    for number in range(PASSES_PER_YEAR):
        at = now - timedelta(minutes=2 * (PASSES_PER_YEAR - number))
        seen = {"account_id": ACCOUNT, "at": at, "complete": True, "payload": {}}
        kinds = [("balance", 2958, {}), ("payments", 40, {})] + [("decision", None, DECISION)] * (number % 30 == 0)
        for kind, figure, payload in kinds:
            seq += 1
            yield {**seen, "seq": seq, "kind": kind, "figure": figure, "payload": payload}


def _decide(url: str, policy: Policy) -> None:
    """The sensor's decision, with a connection of its own."""
    now = datetime.now(UTC)
    with open_ledger_readonly(url) as ledger:
        burn = last_forecast(ledger, ACCOUNT, policy, now)
        preview_from_ledger(ledger, ACCOUNT, policy, now, environment={}, burn=burn)


def _median_seconds(call: Callable[[], object]) -> float:
    seconds = []
    for _ in range(MEASURED):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
