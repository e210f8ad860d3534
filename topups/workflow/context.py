"""The dependencies of one run of the top-ups, and the checkpoints between its effects."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from topups.clock import Clock, IdGenerator, SystemClock, Uuid7Generator
from topups.decision.snapshot import BurnForecast
from topups.gateway import Gateway
from topups.kill_switch import kill_switch_on
from topups.ledger.ledger import Ledger
from topups.policy import Policy


class Checkpoint(StrEnum):
    """The effect that has just finished. Between two checkpoints lies one effect: a vendor call or one ledger
    transaction.
    """

    BALANCE_READ = "balance_read"
    BALANCE_RECORDED = "balance_recorded"
    LIST_READ = "list_read"
    LIST_RECORDED = "list_recorded"
    TRANSACTION_READ = "transaction_read"
    MOVED = "moved"
    ADOPTED = "adopted"
    RECONCILED = "reconciled"
    DECIDED = "decided"
    RESERVED = "reserved"
    LISTED_IN_SLOT = "listed_in_slot"
    SENDING = "sending"
    REQUESTED = "requested"
    RESPONSE_RECORDED = "response_recorded"
    VERIFIED = "verified"
    OUTCOME_RECORDED = "outcome_recorded"
    NOTIFIED = "notified"
    NOTICE_RECORDED = "notice_recorded"


@dataclass(frozen=True)
class TopUpContext:
    """The dependencies of the runs of one account.

    ``environment`` is read again at every check of the kill switch. ``burn`` returns the forecast for a decision, None
    where there is none. ``checkpoint`` is called after every effect: tests interleave two runs there, or end one.
    """

    ledger: Ledger
    gateway: Gateway
    policy: Policy
    clock: Clock = field(default_factory=SystemClock)
    ids: IdGenerator = field(default_factory=Uuid7Generator)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    burn: Callable[[], BurnForecast | None] = lambda: None
    checkpoint: Callable[[Checkpoint], None] = lambda _: None

    @cached_property
    def account_id(self) -> str:
        """The vendor account of the gateway."""
        return self.gateway.account_id

    def killed(self) -> bool:
        """Whether the kill switch of the environment is on."""
        return kill_switch_on(self.environment)
