"""What no program can decide alone: a few values as they are read, to be compared with the vendor's site by eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc

from assets.doctor.probe_result import Visit
from topups.amounts import usd

FACTOR = 100


def readings_of(visits: Sequence[Visit]) -> list[str]:
    """One line per unit or zone that is taken on trust."""
    balance = _column(visits, "balances", "balance_cents")
    prices = _column(visits, "services", "price_cents")
    rates = _column(visits, "statistics", "success_rate")
    created = _column(visits, "invoices", "created_at")
    lines = [f"balance: {usd(balance[0])}"] if balance else []
    lines += [f"prices: {usd(min(prices))} to {usd(max(prices))}"] if prices else []
    lines += [f"success rates: {min(rates):.1%} to {max(rates):.1%}"] if rates else []
    lines += [f"newest invoice: {max(created):%Y-%m-%d %H:%M} UTC"] if created else []
    return lines


def contradictions(visits: Sequence[Visit]) -> list[str]:
    """Answers of the two versions of the API that cannot both be counted as declared."""
    old, new = _column(visits, "v2_balance", "balance_cents"), _column(visits, "balances", "balance_cents")
    if not (old and new and old[0] and new[0]) or FACTOR not in (old[0] / new[0], new[0] / old[0]):
        return []
    return [f"V2 counts the balance as {old[0]} and V3 as {new[0]}: one of them means dollars"]


def _column(visits: Sequence[Visit], dataset: str, column: str) -> list[Any]:
    rows = next((rows for visit in visits if (rows := visit.rows(dataset)) is not None), None)
    return [] if rows is None else pc.drop_null(rows[column]).to_pylist()
