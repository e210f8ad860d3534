"""Lead time of a top-up: from the decision to the credit in the balance, measured on past payments."""

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

# Fewer say nothing about the slow ones.
MIN_PAYMENTS = 5
MAX_PAYMENT_AGE = 180 * DAY


@dataclass(frozen=True)
class LeadTime:
    """Half of the payments arrived within ``median``, nine of ten within ``p90``.

    ``payments`` is the number measured; 0 when the times are assumed from the policy.
    """

    median: timedelta
    p90: timedelta
    payments: int = 0


def lead_time(payments: Iterable[Payment], policy: Policy, at: datetime) -> LeadTime:
    """The lead time as of ``at``, from payments that arrived by then.

    Measured from the decision, so that an operator's approval counts, to the balance that showed the money. With fewer
    than ``MIN_PAYMENTS`` it is assumed: the life of an invoice, which may be paid in its last minute, and the time that
    a credit may take.
    """
    durations = sorted(
        payment.state_since - payment.created_at
        for payment in payments
        if payment.state == State.CREDITED and at - MAX_PAYMENT_AGE < payment.state_since <= at
    )
    if len(durations) < MIN_PAYMENTS:
        assumed = policy.invoice_life + policy.credit_wait
        return LeadTime(assumed, assumed)
    return LeadTime(_upper_quantile(durations, 0.5), _upper_quantile(durations, 0.9), len(durations))


def _upper_quantile(durations: Sequence[timedelta], share: float) -> timedelta:
    """The smallest duration that ``share`` do not exceed. With few durations that is the largest: the safe side."""
    return durations[math.ceil(share * len(durations)) - 1]
