"""Judges a dataset by its facts: pure functions, one per check, each with the limit it holds the facts against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assets.declaration import Dataset
from assets.quality.table_stats import Facts, rate_columns

MOST_REJECTED = 0.05
FAR_TOO_MANY_REJECTED = 0.5


@dataclass(frozen=True)
class Finding:
    """What a check found; ``severe`` tells an error from a warning, ``facts`` hold the numbers and the limit."""

    passed: bool
    said: str
    severe: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


def fresh(dataset: Dataset, facts: Facts) -> Finding:
    """The last good load is not older than two cadences."""
    limit = dataset.table.stale_after_seconds
    if facts.age_seconds is None:
        return Finding(False, "never loaded", facts={"limit_seconds": limit})
    age = round(facts.age_seconds)
    return Finding(
        age <= limit, f"last good load {age} s ago, limit {limit} s", facts={"age_seconds": age, "limit_seconds": limit}
    )


def not_empty(_: Dataset, facts: Facts) -> Finding:
    """The table has rows."""
    return Finding(facts.rows > 0, f"{facts.rows} rows", severe=False, facts={"rows": facts.rows, "limit": 1})


def unique_key(dataset: Dataset, facts: Facts) -> Finding:
    """No key occurs twice."""
    said = f"{facts.repeated_keys} values of ({', '.join(dataset.key)}) occur more than once"
    return Finding(facts.repeated_keys == 0, said, facts={"repeated_keys": facts.repeated_keys, "limit": 0})


def rates_in_range(_: Dataset, facts: Facts) -> Finding:
    """Every rate is a fraction 0..1."""
    outside = sum(facts.rates_outside.values())
    return Finding(
        outside == 0, f"{outside} rates are not within 0..1", facts={**facts.rates_outside, "low": 0, "high": 1}
    )


def counts_reconcile(dataset: Dataset, facts: Facts) -> Finding:
    """Every fetched record is accounted for, and the table holds what the accepted answers held.

    A refused record whose key could be read keeps its old row, and a list cut by a limit keeps older rows: there the
    table may hold more.
    """
    load = facts.last_load
    parts = ("inserted", "changed", "unchanged", "rejected", "duplicates")
    told, became = load.get("fetched", 0), sum(load.get(name, 0) for name in parts)
    exact = dataset.complete and facts.kept_rejects == 0
    table_agrees = facts.rows == facts.kept_records if exact else facts.rows >= facts.kept_records
    said = f"{told} records fetched, {became} accounted for; {facts.rows} rows, {facts.kept_records} in the answers"
    numbers = {"fetched": told, "accounted_for": became, "rows": facts.rows, "rows_in_answers": facts.kept_records}
    return Finding(told == became and table_agrees, said, facts=numbers | {"exact": exact})


def rejects_below_limit(_: Dataset, facts: Facts) -> Finding:
    """At most 5 % of the last load's records broke the contract; more than 50 % is an error."""
    rejected, fetched = facts.last_load.get("rejected", 0), facts.last_load.get("fetched", 0)
    share = rejected / fetched if fetched else 0.0
    return Finding(
        share <= MOST_REJECTED,
        f"{rejected} of {fetched} records rejected ({share:.1%}), limit {MOST_REJECTED:.0%}",
        severe=share > FAR_TOO_MANY_REJECTED,
        facts={"rejected": rejected, "fetched": fetched, "share": round(share, 4), "limit": MOST_REJECTED},
    )


def drift(_: Dataset, facts: Facts) -> Finding:
    """The vendor's fields are the declared ones."""
    fields = ", ".join(f"{name} ({kind})" for name, kind in facts.drift)
    said = f"differs from the declaration: {fields}" if fields else "as declared"
    return Finding(not facts.drift, said, severe=False, facts={"fields": fields or "none", "limit": 0})


Check = Callable[[Dataset, Facts], Finding]
CHECKS: tuple[Check, ...] = (
    fresh,
    not_empty,
    unique_key,
    rates_in_range,
    counts_reconcile,
    rejects_below_limit,
    drift,
)


def checks_for(dataset: Dataset) -> dict[str, Check]:
    """The checks that apply to ``dataset``, by name."""
    return {check.__name__: check for check in CHECKS if check is not rates_in_range or rate_columns(dataset)}
