"""Recommendations to pay less, or to be asked in time. Nothing acts on them.

Assumed, as the vendor documents none of it: ``totalCharges`` and the thresholds of the tiers are US cents of top-ups,
the multiplier of a tier applies to every price, and a coupon gives its percentage on one payment of the kind it names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from topups.money import usd
from topups.policy import Policy

ASSUMPTIONS = (
    "assumed, not documented: total charges and thresholds are US cents of top-ups, a tier's factor applies to every "
    "price, a coupon gives its percentage on one payment"
)
DAYS_PER_MONTH = 365 / 12
# A tier that takes longer to use up is not worth the prepaid money.
MAX_PREPAID_DAYS = 90
# All payments made here are in crypto.
COUPON_TARGET = "crypto"
COUPON_USABLE = "issued"


class DiscountTier(NamedTuple):
    """From ``threshold_cents`` of top-ups on, prices are multiplied by ``multiplier``."""

    threshold_cents: int
    multiplier: float
    label: str


class DiscountCoupon(NamedTuple):
    """A coupon of the account, in the vendor's terms."""

    code: str
    status: str
    percent: int
    target: str
    expires_at: datetime | None


@dataclass(frozen=True)
class AccountTerms:
    """What the vendor lists for the account. Amounts in US cents; ``label`` is that of the tier in force."""

    balance_cents: int
    charged_cents: int | None = None
    label: str = ""
    tiers: Sequence[DiscountTier] = ()
    coupons: Sequence[DiscountCoupon] = ()


@dataclass(frozen=True)
class Recommendation:
    """One recommendation: a line for a person and its figures."""

    kind: str
    text: str
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {"kind": self.kind, "text": self.text, **self.figures}


def recommend(
    terms: AccountTerms,
    policy: Policy,
    now: datetime,
    monthly_cents: float,
    reorder_cents: int,
    planned_cents: int | None,
) -> list[Recommendation]:
    """What is worth doing: raise the target, reach a tier, use a coupon.

    ``monthly_cents`` is the expected spend, ``planned_cents`` the payment that would be asked for now (None: none).
    """
    return [
        *_raise_target(policy, reorder_cents),
        *_reach_tier(terms, policy, monthly_cents, planned_cents),
        *_use_coupon(terms, now, planned_cents),
    ]


def _raise_target(policy: Policy, reorder_cents: int) -> Iterator[Recommendation]:
    """The forecast may start a payment at two thirds of the target at most."""
    if policy.target_cents is None or reorder_cents * 3 <= policy.target_cents * 2:
        return
    target = -(-reorder_cents * 3 // 2)
    text = (
        f"the target of {usd(policy.target_cents)} is low: until a payment arrives {usd(reorder_cents)} may be spent; "
        f"with a target of {usd(target)} it could be asked for in time"
    )
    yield Recommendation("target", text, {"target_cents": target, "reorder_cents": reorder_cents})


def _reach_tier(
    terms: AccountTerms, policy: Policy, monthly_cents: float, planned_cents: int | None
) -> Iterator[Recommendation]:
    """Tiers with lower prices; none where the vendor's own label contradicts its thresholds."""
    if terms.charged_cents is None or monthly_cents <= 0:
        return
    reached = [tier for tier in terms.tiers if tier.threshold_cents <= terms.charged_cents]
    present = max(reached, default=DiscountTier(0, 1.0, ""))
    if terms.label and present.label and terms.label != present.label:
        return
    for tier in sorted(terms.tiers):
        missing = tier.threshold_cents - terms.charged_cents
        days = missing / (monthly_cents / DAYS_PER_MONTH)
        cheaper = missing > (planned_cents or 0) and 0 < tier.multiplier < present.multiplier
        if not cheaper or days > MAX_PREPAID_DAYS:
            continue
        share = 1 - tier.multiplier / present.multiplier
        saves, limit = round(monthly_cents * share), _limit(terms, policy, missing)
        text = (
            f"another {usd(missing)} of top-ups reaches the {tier.label} tier: prices fall by {100 * share:.1f} %, "
            f"about {usd(saves)} a month at the present burn rate, which reaches it anyway in {days:.0f} days{limit}"
        )
        figures = {
            "label": tier.label,
            "missing_cents": missing,
            "saves_cents_a_month": saves,
            "reached_anyway_in_days": round(days, 1),
            "within_limits": not limit,
        }
        yield Recommendation("tier", text, figures)


def _limit(terms: AccountTerms, policy: Policy, missing: int) -> str:
    """The policy's limit that so large a top-up would exceed, as the end of a sentence."""
    if policy.amount_max_cents is not None and missing > policy.amount_max_cents:
        return f"; one payment may be {usd(policy.amount_max_cents)} at most"
    if policy.exposure_limit_cents is not None and terms.balance_cents + missing > policy.exposure_limit_cents:
        return f"; no more than {usd(policy.exposure_limit_cents)} may be prepaid"
    return ""


def _use_coupon(terms: AccountTerms, now: datetime, planned_cents: int | None) -> Iterator[Recommendation]:
    """The best usable coupon, if any."""
    usable = [
        coupon
        for coupon in terms.coupons
        if coupon.status.lower() == COUPON_USABLE
        and coupon.target.lower() in ("", COUPON_TARGET)
        and coupon.percent > 0
        and (coupon.expires_at is None or coupon.expires_at > now)
    ]
    if not usable:
        return
    latest = datetime.max.replace(tzinfo=now.tzinfo)
    best = min(usable, key=lambda coupon: (-coupon.percent, coupon.expires_at or latest))
    worth = None if planned_cents is None else planned_cents * best.percent // 100
    until = f" until {best.expires_at:%Y-%m-%d %H:%M} UTC" if best.expires_at else ""
    gain = f", about {usd(worth)} on the planned payment" if worth else ""
    text = (
        f"coupon {best.code} gives {best.percent} % on a {COUPON_TARGET} payment{until}{gain}; payments asked for here "
        "do not use coupons: enter it on the vendor's site"
    )
    figures = {
        "code": best.code,
        "percent": best.percent,
        "expires_at": best.expires_at.isoformat() if best.expires_at else None,
        "worth_cents": worth,
        "usable_coupons": len(usable),
    }
    yield Recommendation("coupon", text, figures)
