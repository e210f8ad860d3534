"""Who keeps the account funded in a story: a naive sensor, and the code of this program."""

import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pipelines.proof.account import CREATE, ProofAccount
from smsonline.errors import UnknownOutcome
from topups.ledger import open_ledger
from topups.ledger.companion_files import CompanionFiles
from topups.policy import HOUR, Policy
from topups.vendor.http_gateway import VendorGateway
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.topup_run import run_topup

POLICY = Policy(
    mode="auto",
    threshold_cents=10_000,
    target_cents=20_000,
    amount_min_cents=500,
    amount_max_cents=20_000,
    approval_above_cents=20_000,
    cap_day_cents=20_000,
    cap_week_cents=60_000,
    cap_month_cents=99_000,
)
ATTEMPTS = 3


class Crash(BaseException):
    """The process ended: nothing of it is left but its files."""


class Buyer(Protocol):
    """Looks at the account once per ``tick``. ``crash_next`` ends it right after its next request."""

    policy: Policy
    crash_next: bool

    def tick(self) -> None:
        """One look at the account, and what follows from it."""

    def restore(self) -> None:
        """Its files are replaced by the copy that was made when it was new."""


@dataclass
class NaiveSensor:
    """Requests a payment when the balance is low, and repeats it on a time-out; no ledger, but a pause of an hour."""

    account: ProofAccount
    policy: Policy = POLICY
    crash_next: bool = False
    requested_at: datetime | None = None

    def tick(self) -> None:
        """Reads the balance and requests what is missing, except in the hour after a request."""
        now = self.account.clock.now()
        record = self.account.client.get("balance").payload["body"]
        cents = int((record[0] if isinstance(record, list) else record)["balance"])
        waiting = self.requested_at is not None and now - self.requested_at < HOUR
        assert self.policy.threshold_cents is not None and self.policy.target_cents is not None
        if cents >= self.policy.threshold_cents or waiting:
            return
        for _ in range(ATTEMPTS):
            with suppress(UnknownOutcome):
                self.account.client.create(CREATE, {"amount": str(self.policy.target_cents - cents)})
                break
        if self.crash_next:
            self.crash_next = False
            return
        self.requested_at = now

    def restore(self) -> None:
        """It has no files, and is started again."""
        self.requested_at = None


class ThisProgram:
    """``topups.workflow`` as ``smsonline topup run`` calls it, with a ledger in ``folder``."""

    def __init__(self, account: ProofAccount, folder: Path) -> None:
        self.account, self.policy, self.crash_next = account, POLICY, False
        self._ledger, self._copy = folder / "ledger.db", folder / "copy.db"
        self._companions = CompanionFiles([folder / "ledger", folder / "state" / "ledger"])
        with open_ledger(f"sqlite:///{self._ledger}"):
            pass
        self.tick_without_request()
        shutil.copy(self._ledger, self._copy)

    def tick(self) -> None:
        """One run; a crash after the request ends it there."""
        with suppress(Crash):
            self._run(self.policy)

    def tick_without_request(self) -> None:
        """One run that only looks."""
        self._run(replace(self.policy, mode="dry_run"))

    def restore(self) -> None:
        """The ledger is replaced by its first copy; the files beside it stay."""
        for path in self._ledger.parent.glob("ledger.db*"):
            path.unlink()
        shutil.copy(self._copy, self._ledger)

    def _run(self, policy: Policy) -> None:
        clock = self.account.clock
        gateway = VendorGateway(self.account.client, self.account.sandbox.user_id, clock=clock)
        with open_ledger(f"sqlite:///{self._ledger}") as ledger:
            context = TopUpContext(ledger, gateway, policy, clock, environment={}, companions=self._companions)
            run_topup(replace(context, checkpoint=self._checkpoint))

    def _checkpoint(self, reached: Checkpoint) -> None:
        if self.crash_next and reached == Checkpoint.REQUESTED:
            self.crash_next = False
            raise Crash


TICK = timedelta(minutes=10)


def pass_time(account: ProofAccount, buyer: Buyer, span: timedelta) -> None:
    """Ticks every ten minutes for so long."""
    for _ in range(int(span / TICK)):
        account.clock.advance(TICK)
        buyer.tick()
        account.observe()
