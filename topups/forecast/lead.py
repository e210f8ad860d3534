"""How long money takes: from asking for a payment to seeing it in the balance, measured on past payments. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from topups.payment_states import State
from topups.policy import DAY, Policy

if TYPE_CHECKING:
    from topups.ledger.models import Payment

# Fewer tell nothing about the slow ones.
LEAST_PAYMENTS = 5
MEMORY = 180 * DAY


@dataclass(frozen=True)
class Lead:
    """Half of the payments arrived within ``median``, nine of ten within ``p90``. ``payments`` were measured; with none
    the times are assumed from the policy."""

    median: timedelta
    p90: timedelta
    payments: int = 0


def lead_time(payments: Iterable[Payment], policy: Policy, at: datetime) -> Lead:
    """The lead time as of ``at``, from payments that arrived by then.

    Measured from the decision (so that a person's approval is part of it) to the balance that showed the money. With
    fewer than ``LEAST_PAYMENTS`` it is assumed: an invoice's life, as somebody may pay in its last minute, and the time
    that a credit may take.
    """
    took = sorted(
        payment.state_since - payment.created_at
        for payment in payments
        if payment.state == State.CREDITED and at - MEMORY < payment.state_since <= at
    )
    if len(took) < LEAST_PAYMENTS:
        assumed = policy.invoice_life + policy.credit_wait
        return Lead(assumed, assumed)
    return Lead(_quantile(took, 0.5), _quantile(took, 0.9), len(took))


def _quantile(values: Sequence[timedelta], part: float) -> timedelta:
    """The smallest value that so many are not above: with few values the largest, which is on the safe side."""
    return values[math.ceil(part * len(values)) - 1]
