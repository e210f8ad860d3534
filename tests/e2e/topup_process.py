"""Passes of the top-ups in processes of their own, some of which kill themselves, against a sandbox over HTTP.

The processes are forked from a server that has imported everything, which costs a hundredth of a fresh interpreter.
"""

import os
import signal
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess

import httpx
from forked import FORKS

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from topups.ledger import open_ledger
from topups.notifications.delivery import Notice, deliver_outbox
from topups.policy import Policy
from topups.vendor.http_gateway import VendorGateway
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.reconcile import reconcile_account
from topups.workflow.topup_run import run_topup

RAILS = {"v3_invoice": "create_invoice", "v3_wallet": "create_wallet", "v2_invoice": "v2_create_invoice"}
POLICY = Policy(
    mode="auto",
    threshold_cents=10_000,
    target_cents=20_000,
    amount_min_cents=500,
    amount_max_cents=40_000,
    cap_day_cents=40_000,
    cap_week_cents=80_000,
    cap_month_cents=99_000,
)


@dataclass(frozen=True)
class Job:
    """What one process does: a pass after each of ``waits`` (minutes that pass for it and for the vendor).

    It dies by SIGKILL at ``die_at``. ``patience``: seconds until an answer is given up on.
    """

    ledger: str
    account: Credentials
    now: datetime
    rail: str = "v3_invoice"
    waits: tuple[float, ...] = (0,)
    reconcile: bool = False
    die_at: str = ""
    patience: float = 10

    @property
    def policy(self) -> Policy:
        coin = {"currency": "USDT", "network": "TRON"} if self.rail == "v3_wallet" else {}
        return replace(POLICY, rail=self.rail, **coin)

    def start(self) -> ForkServerProcess:
        process = FORKS.Process(target=work, args=(self,))
        process.start()
        return process

    def run(self) -> int:
        """The exit code; negative for a signal."""
        return ended(self.start())


def ended(process: ForkServerProcess) -> int:
    process.join(60)
    code = process.exitcode
    process.close()
    assert code is not None
    return code


@dataclass
class Clock:
    at: datetime

    def now(self) -> datetime:
        return self.at


class Listener:
    """Takes every notice."""

    def send(self, notice: Notice) -> bool:
        return True


def work(job: Job) -> None:
    """The process."""

    def kill(checkpoint: Checkpoint) -> None:
        if checkpoint == job.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    clock = Clock(job.now)
    policy = ClientConfig(read_timeout_seconds=job.patience, requests_per_second=1000, requests_per_minute=10_000)
    with (
        open_ledger(job.ledger) as ledger,
        Client(job.account, config=policy, now=clock.now, sleep=lambda _: None) as client,
    ):
        gateway = VendorGateway(client, job.account.user_id, clock=clock)
        context = TopUpContext(ledger, gateway, job.policy, clock, environment={}, checkpoint=kill)
        for minutes in job.waits:
            clock.at += timedelta(minutes=minutes)
            _let_pass(job.account, minutes)
            reconcile_account(context) if job.reconcile else run_topup(context)
            deliver_outbox(ledger, Listener(), job.account.user_id, clock, kill)


def _let_pass(account: Credentials, minutes: float) -> None:
    if minutes:
        url = account.base_url.removesuffix("/v3") + "/__sandbox__/advance"
        httpx.post(url, json={"seconds": minutes * 60}, verify=False).raise_for_status()


# The certificates are read once per process: here, and not in each fork.
Client(Credentials("nobody", "no-key")).close()
