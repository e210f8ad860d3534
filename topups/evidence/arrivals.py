"""What the observations of the balance say about money that arrived or was spent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from topups.ledger.models import Observation


class BalanceIncrease(NamedTuple):
    """The balance rose by ``cents`` between the observation before and observation ``seq``, within ``gap``.

    ``charged_cents`` is by how much the total of all charges rose, None where that is no witness. Where it is one,
    ``cents`` may be negative: the money was spent before it was seen.
    """

    seq: int
    cents: int
    gap: timedelta
    at: datetime
    charged_cents: int | None = None


def balance_increases(balances: Sequence[Observation]) -> list[BalanceIncrease]:
    """The increases between neighbouring balance observations (oldest first)."""
    pairs = pairwise(balances)
    increases = (BalanceIncrease(b.seq, _change(a, b), b.at - a.at, b.at) for a, b in pairs)
    return [increase for increase in increases if increase.cents > 0]


def arrivals(balances: Sequence[Observation], charges_delay: timedelta) -> list[BalanceIncrease]:
    """The increases of the balance, or of the total of all charges, between neighbouring observations (oldest first).

    The total of all charges is no witness where the vendor does not send it, where it follows the spending, and where
    it did not move at all within ``charges_delay`` after the balance rose.
    """
    pairs = [(a, b, _charged(a, b)) for a, b in pairwise(balances)]
    if any(charged and _change(a, b) == -charged for a, b, charged in pairs):
        pairs = [(a, b, None) for a, b, _ in pairs]
    moves = any(charged for *_, charged in pairs)
    increases = []
    for a, b, charged in pairs:
        ignored = charged == 0 and not moves and balances[-1].at - b.at >= charges_delay
        witness = None if ignored or (charged or 0) < 0 else charged
        if _change(a, b) > 0 or witness:
            increases.append(BalanceIncrease(b.seq, _change(a, b), b.at - a.at, b.at, witness))
    return increases


def spending_per_hour(balances: Sequence[Observation]) -> float:
    """US cents per hour by which the balance fell between observations (oldest first)."""
    if len(balances) < 2:
        return 0.0
    hours = (balances[-1].at - balances[0].at).total_seconds() / 3600
    spent = sum(max(0, -_change(a, b)) for a, b in pairwise(balances))
    return spent / hours if hours > 0 else 0.0


def _change(before: Observation, after: Observation) -> int:
    return (after.figure or 0) - (before.figure or 0)


def _charged(before: Observation, after: Observation) -> int | None:
    first, second = (seen.payload.get("charges_cents") for seen in (before, after))
    return None if first is None or second is None else int(second) - int(first)
