"""What the owner could do to pay less, or to be asked in time. Recommends; nothing here changes a payment.

Assumed, as the vendor documents none of it: ``totalCharges`` and the tiers' thresholds are US cents of top-ups, a
tier's multiplier applies to every price, and a coupon gives its percentage on one payment of the kind it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from topups.money import usd
from topups.policy import Policy

ASSUMED = (
    "assumed, not documented: total charges and thresholds are US cents of top-ups, a tier's factor applies to every "
    "price, a coupon gives its percentage on one payment"
)
DAYS_A_MONTH = 365 / 12
# A tier that takes longer to use up is not worth the prepaid money.
LONGEST_PREPAID_DAYS = 90
# All payments made here are in crypto.
TARGET = "crypto"
USABLE = "issued"


class Tier(NamedTuple):
    """From ``threshold_cents`` of top-ups on, prices are multiplied by ``multiplier``."""

    threshold_cents: int
    multiplier: float
    label: str


class Coupon(NamedTuple):
    """A coupon of the account, in the vendor's words."""

    code: str
    status: str
    percent: int
    target: str
    expires_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """What the vendor says of the account. Amounts in US cents; ``label`` is that of the tier in force."""

    balance_cents: int
    charged_cents: int | None = None
    label: str = ""
    tiers: Sequence[Tier] = ()
    coupons: Sequence[Coupon] = ()


@dataclass(frozen=True)
class Advice:
    """One recommendation: a line for a person and its figures."""

    kind: str
    text: str
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {"kind": self.kind, "text": self.text, **self.facts}


def advise(
    standing: Standing, policy: Policy, now: datetime, a_month: float, reorder_cents: int, planned_cents: int | None
) -> list[Advice]:
    """What is worth doing. ``a_month`` is the expected spending, ``planned_cents`` the payment that would be asked for
    now (None: none)."""
    return [
        *_on_target(policy, reorder_cents),
        *_on_tiers(standing, policy, a_month, planned_cents),
        *_on_coupons(standing, now, planned_cents),
    ]


def _on_target(policy: Policy, reorder_cents: int) -> Iterator[Advice]:
    """The forecast may start a payment at two thirds of the target at most."""
    if policy.target_cents is None or reorder_cents * 3 <= policy.target_cents * 2:
        return
    wanted = -(-reorder_cents * 3 // 2)
    text = (
        f"the target of {usd(policy.target_cents)} is low: until a payment arrives {usd(reorder_cents)} may be spent; "
        f"with a target of {usd(wanted)} it could be asked for in time"
    )
    yield Advice("target", text, {"target_cents": wanted, "reorder_cents": reorder_cents})


def _on_tiers(standing: Standing, policy: Policy, a_month: float, planned_cents: int | None) -> Iterator[Advice]:
    if standing.charged_cents is None or not standing.tiers or a_month <= 0:
        return
    reached = [tier for tier in standing.tiers if tier.threshold_cents <= standing.charged_cents]
    present = max(reached, default=Tier(0, 1.0, ""))
    if standing.label and present.label and standing.label != present.label:
        text = (
            f"the vendor has you in the tier {standing.label}, its thresholds say {present.label}: no advice on tiers"
        )
        yield Advice("tier_unclear", text)
        return
    for tier in sorted(standing.tiers):
        missing = tier.threshold_cents - standing.charged_cents
        days = missing / (a_month / DAYS_A_MONTH)
        pays = missing > (planned_cents or 0) and 0 < tier.multiplier < present.multiplier
        if pays and days <= LONGEST_PREPAID_DAYS:
            yield _tier(tier, missing, days, a_month, 1 - tier.multiplier / present.multiplier, standing, policy)


def _tier(
    tier: Tier, missing: int, days: float, a_month: float, cheaper: float, standing: Standing, policy: Policy
) -> Advice:
    saves = round(a_month * cheaper)
    limit = ""
    if policy.amount_max_cents is not None and missing > policy.amount_max_cents:
        limit = f"; one payment may be {usd(policy.amount_max_cents)} at most"
    elif policy.exposure_limit_cents is not None and standing.balance_cents + missing > policy.exposure_limit_cents:
        limit = f"; no more than {usd(policy.exposure_limit_cents)} may be prepaid"
    text = (
        f"another {usd(missing)} of top-ups reaches the {tier.label} tier: prices fall by {100 * cheaper:.1f} %, about "
        f"{usd(saves)} a month at the present burn, which reaches it anyway in {days:.0f} days{limit}"
    )
    facts = {
        "label": tier.label,
        "missing_cents": missing,
        "saves_cents_a_month": saves,
        "reached_anyway_in_days": round(days, 1),
        "within_limits": not limit,
    }
    return Advice("tier", text, facts)


def _on_coupons(standing: Standing, now: datetime, planned_cents: int | None) -> Iterator[Advice]:
    usable = [
        coupon
        for coupon in standing.coupons
        if coupon.status.lower() == USABLE
        and coupon.target.lower() in ("", TARGET)
        and coupon.percent > 0
        and (coupon.expires_at is None or coupon.expires_at > now)
    ]
    if not usable:
        return
    best = min(
        usable, key=lambda coupon: (-coupon.percent, coupon.expires_at or datetime.max.replace(tzinfo=now.tzinfo))
    )
    worth = None if planned_cents is None else planned_cents * best.percent // 100
    until = f" until {best.expires_at:%Y-%m-%d %H:%M} UTC" if best.expires_at else ""
    gain = f", about {usd(worth)} on the planned payment" if worth else ""
    text = (
        f"coupon {best.code} gives {best.percent} % on a {TARGET} payment{until}{gain}; payments asked for here do not "
        "use coupons: enter it on the vendor's site"
    )
    facts = {
        "code": best.code,
        "percent": best.percent,
        "expires_at": best.expires_at.isoformat() if best.expires_at else None,
        "worth_cents": worth,
        "usable_coupons": len(usable),
    }
    yield Advice("coupon", text, facts)
