"""Everything one pass works with, and the names of the points where it may be interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from topups.ledger.store import Ledger
from topups.policy import Policy
from topups.ports import Clock, Gateway, Ids, RandomIds, SystemClock, killed
from topups.snapshot import Burn

Result = TypeVar("Result")


class Step(StrEnum):
    """What was just finished. Between two steps stands one effect: a vendor call or one ledger transaction."""

    BALANCE_READ = "balance_read"
    BALANCE_WRITTEN = "balance_written"
    LIST_READ = "list_read"
    LIST_WRITTEN = "list_written"
    TRANSACTION_READ = "transaction_read"
    MOVED = "moved"
    ADOPTED = "adopted"
    RECONCILED = "reconciled"
    DECIDED = "decided"
    RESERVED = "reserved"
    LISTED_IN_SLOT = "listed_in_slot"
    SENDING = "sending"
    REQUESTED = "requested"
    ANSWER_WRITTEN = "answer_written"
    VERIFIED = "verified"
    SETTLED = "settled"
    NOTIFIED = "notified"
    NOTICE_SETTLED = "notice_settled"


Steps = Generator[Step, None, Result]


@dataclass(frozen=True)
class Context:
    """One account's surroundings. ``environment`` is read anew at each look at the kill switch.

    ``burn`` is asked at each decision; None where no forecast is known.
    """

    ledger: Ledger
    gateway: Gateway
    policy: Policy
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    burn: Callable[[], Burn | None] = lambda: None

    @property
    def account_id(self) -> str:
        """Whose account it is."""
        return self.gateway.account_id

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self.clock.now()

    def killed(self) -> bool:
        """The environment's kill switch."""
        return killed(self.environment)


def drive(steps: Steps[Result], at: Callable[[Step], None] = lambda _: None) -> Result:
    """Runs steps to their end and gives their result. ``at`` sees each step as it is finished."""
    while True:
        try:
            at(next(steps))
        except StopIteration as done:
            result: Result = done.value
            return result
