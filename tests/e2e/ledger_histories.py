"""Random histories of one account over HTTP in which the ledger file is lost, emptied, restored or exchanged.

``python -m tests.e2e.ledger_histories COUNT SEED`` prints how many kept every promise, and the trace of one that did
not. The owner pays promptly. Left out, because nothing local and nothing at the vendor can tell: all three places
(ledger, files beside it, state folder) set back to a copy that is younger than ``watch_gap``, or a pause that was made
after the copy of all three. Two ledgers under two names are used in turn here, never within ``watch_gap``: what two do
at the same moment cannot be prevented, and a test of its own shows that it is noticed.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.sandbox import Sandbox, serve
from smsonline.sandbox.simulation.account import SimulatedAccount
from topups import operator_actions
from topups.ledger import Ledger, open_ledger
from topups.ledger.companion_files import CompanionFiles
from topups.policy import DAY, HOUR, Policy
from topups.vendor.http_gateway import VendorGateway
from topups.workflow.context import TopUpContext
from topups.workflow.reconcile import reconcile_account
from topups.workflow.topup_run import run_topup

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
POLICY = Policy(
    mode="auto",
    threshold_cents=10_000,
    target_cents=20_000,
    amount_min_cents=500,
    amount_max_cents=20_000,
    approval_above_cents=20_000,
    cap_day_cents=40_000,
    cap_week_cents=70_000,
    cap_month_cents=100_000,
    cooldown=timedelta(),
)
WINDOWS = ((DAY, POLICY.cap_day_cents), (7 * DAY, POLICY.cap_week_cents), (30 * DAY, POLICY.cap_month_cents))
PAYABLE = ("check", "process", "confirm_check")
STEPS = 9


@dataclass
class Clock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at


class BrokenPromise(AssertionError):
    """A cap was exceeded, a pause was undone, or two payments were payable."""


@dataclass
class Machine:
    """What all histories of a process share: a vendor over HTTP, its clock, and an empty ledger."""

    sandbox: Sandbox
    client: Client
    clock: Clock


@contextmanager
def machine() -> Iterator[Machine]:
    clock = Clock()
    sandbox = Sandbox(now=clock.now)
    with ExitStack() as stack:
        address = stack.enter_context(serve(sandbox))
        account = Credentials(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)
        config = ClientConfig(requests_per_second=10_000, requests_per_minute=1_000_000)
        client = stack.enter_context(Client(account, config=config, now=clock.now, sleep=lambda _: None))
        yield Machine(sandbox, client, clock)


@dataclass
class Site:
    """A ledger's path with its files, and what a person expects of it."""

    data: Path
    state: Path
    paused: bool = False
    used_at: datetime = START

    @property
    def ledger(self) -> Path:
        return self.data / "ledger.db"

    @property
    def companions(self) -> CompanionFiles:
        return CompanionFiles([self.ledger, self.state / "ledger-0123"])


@dataclass(frozen=True)
class Backup:
    """A copy of all that lies on the disk at one time."""

    folder: Path
    at: datetime
    paused: bool


@dataclass
class History:
    machine: Machine
    home: Path
    random: Random
    sites: list[Site] = field(default_factory=list)
    backups: list[Backup] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    trace: list[str] = field(default_factory=list)
    ledger: Ledger | None = None

    @property
    def site(self) -> Site:
        return self.sites[0]

    def live(self) -> None:
        """The whole history. Raises ``BrokenPromise``."""
        try:
            self._live()
        finally:
            self._close()

    def _live(self) -> None:
        sandbox, clock = self.machine.sandbox, self.machine.clock
        clock.at += timedelta(days=100)  # the client's clock never runs back
        with sandbox.lock:
            sandbox.state.account = SimulatedAccount(7, sandbox.state.market, sandbox.state.clock.instant())
        self.sites = [Site(self.home / "data", self.home / "state", used_at=clock.at)]
        self._top_up()
        for _ in range(STEPS):
            step = self.random.choices(
                (self._top_up, self._wait, self._back_up, self._disaster, self._pause_or_resume, self._pay_by_hand),
                (40, 20, 15, 20, 6, 3),
            )[0]
            step()
            self._check()

    def _note(self, text: str) -> None:
        self.trace.append(f"{self.machine.clock.at:%d %H:%M}  {text}")

    def _pass(self, **span: float) -> None:
        self.machine.clock.at += timedelta(**span)

    def _context(self) -> TopUpContext:
        """A context on the ledger of the present site, which stays open until something happens to its file."""
        clock, client = self.machine.clock, self.machine.client
        if self.ledger is None:
            self.ledger = open_ledger(f"sqlite:///{self.site.ledger}")
        self.site.used_at = clock.at
        gateway = VendorGateway(client, self.machine.sandbox.user_id, clock=clock)
        return TopUpContext(self.ledger, gateway, POLICY, clock, environment={}, companions=self.site.companions)

    def _close(self) -> None:
        if self.ledger is not None:
            self.ledger.close()
        self.ledger = None

    def _top_up(self) -> None:
        """The owner spends, one run, the owner pays what it asks for, one reconcile."""
        account = self.machine.sandbox.state.account
        with self.machine.sandbox.lock:
            before = {invoice.order_id for invoice in account.invoices}
            account.purchased_cents += max(0, account.balance_cents - self.random.randrange(500, 9000))
        result = run_topup(self._context())
        new = [invoice for invoice in account.invoices if invoice.order_id not in before]
        self._note(f"run: {result.refusal or [invoice.amount_cents for invoice in new]}")
        if new and self.site.paused:
            raise BrokenPromise("a payment was created although top-ups are paused")
        self.made |= {invoice.order_id for invoice in new}
        self._check()
        for invoice in new:
            self._pass(minutes=self.random.choice((2, 9)))
            self.machine.sandbox.pay(invoice.order_id, invoice.amount_cents)
        self._pass(minutes=8)
        reconcile_account(self._context())

    def _wait(self) -> None:
        self._pass(minutes=self.random.choice((5, 30, 59, 180, 660, 1500, 3000)))

    def _pay_by_hand(self) -> None:
        sandbox = self.machine.sandbox
        with sandbox.lock:
            invoice = sandbox.state.account.create_invoice("cryptomus", 1000, sandbox.state.clock.instant())
        sandbox.pay(invoice.order_id, 1000)
        self._note("a person pays 1000 by hand")
        self._pass(minutes=10)

    def _back_up(self) -> None:
        self._context()
        self._close()
        folder = self.home / f"backup-{len(self.backups)}"
        for source in (self.site.data, self.site.state):
            source.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, folder / source.name)
        self.backups.append(Backup(folder, self.machine.clock.at, self.site.paused))
        self._note("a copy of everything")

    def _pause_or_resume(self) -> None:
        site, now = self.site, self.machine.clock.at
        self._note("a person resumes" if site.paused else "a person pauses")
        ledger = self._context().ledger
        if site.paused:
            operator_actions.resume(ledger, "owner", now)
            site.companions.resume()
        else:
            site.companions.pause("paused by owner")
            operator_actions.pause(ledger, "owner", "", now)
        site.paused = not site.paused

    # What happens to the files

    def _disaster(self) -> None:
        self._close()
        kinds = [self._lose, self._lose, self._empty]
        kinds += [self._restore, self._restore, self._exchange] if self.backups else []
        kinds += [self._second_ledger]
        self.random.choice(kinds)()

    def _lose(self) -> None:
        """The ledger, with the files beside it or without, with the state folder or without."""
        beside, state = self.random.random() < 0.5, self.random.random() < 0.3
        if beside and state and self.site.paused:
            return  # the pause is gone with all three
        self._note(f"the ledger is lost, beside={beside}, state={state}")
        for path in self.site.data.glob("ledger.db*"):
            if beside or path.suffix not in (".watermark", ".paused", ".notices"):
                path.unlink()
        if state:
            shutil.rmtree(self.site.state, ignore_errors=True)

    def _empty(self) -> None:
        self._note("the ledger is emptied")
        self._remove_ledger()
        self.site.ledger.write_bytes(b"")

    def _restore(self) -> None:
        """An earlier copy: of the ledger alone, with the files beside it, or with the state folder too."""
        backup, extent = self.random.choice(self.backups), self.random.choice(("alone", "beside", "all"))
        site, age = self.site, self.machine.clock.at - backup.at
        if extent == "all" and (age < POLICY.watch_gap or (site.paused and not backup.paused)):
            extent = "beside"
        self._note(f"the copy of {backup.at:%d %H:%M} is restored, {extent}")
        self._remove_ledger()
        if extent == "alone":
            site.data.mkdir(parents=True, exist_ok=True)
            shutil.copy(backup.folder / "data/ledger.db", site.ledger)
            return
        shutil.rmtree(site.data, ignore_errors=True)
        shutil.copytree(backup.folder / "data", site.data)
        if extent == "all":
            shutil.rmtree(site.state, ignore_errors=True)
            shutil.copytree(backup.folder / "state", site.state)

    def _exchange(self) -> None:
        """The ledger and a copy of it take turns under one name."""
        backup = self.random.choice(self.backups)
        self._note(f"the ledger and the copy of {backup.at:%d %H:%M} are exchanged")
        aside = self.home / "aside.db"
        self._context()
        self._close()
        self.site.ledger.replace(aside)
        self._remove_ledger()
        shutil.copy(backup.folder / "data/ledger.db", self.site.ledger)
        aside.replace(backup.folder / "data/ledger.db")

    def _second_ledger(self) -> None:
        """Another machine with a copy of the ledger, or with a new one, goes on in turn."""
        if len(self.sites) == 1:
            name = self.home / "second"
            self.sites.append(Site(name / "data", name / "state", used_at=self.machine.clock.at - 2 * HOUR))
            self.sites[1].data.mkdir(parents=True)
            if self.random.random() < 0.6 and self.site.ledger.exists():
                shutil.copy(self.site.ledger, self.sites[1].ledger)
                self.sites[1].used_at = self.site.used_at
        self.sites.reverse()
        rest = self.site.used_at + POLICY.watch_gap - self.machine.clock.at
        if rest > timedelta():
            self.machine.clock.at += rest
        self._note(f"the ledger in {self.site.data.parent.name} goes on")

    def _remove_ledger(self) -> None:
        for ending in ("", "-wal", "-shm"):
            self.site.ledger.with_name(f"ledger.db{ending}").unlink(missing_ok=True)

    def _check(self) -> None:
        """The vendor's books, against every promise."""
        now = self.machine.sandbox.state.clock.instant()
        ours = [i for i in self.machine.sandbox.state.account.invoices if i.order_id in self.made]
        payable = [invoice.order_id for invoice in ours if invoice.status(now) in PAYABLE]
        if len(payable) > 1:
            raise BrokenPromise(f"payable at once: {payable}")
        for window, cap in WINDOWS:
            for last in ours:
                begin = last.created_at - window.total_seconds()
                cents = sum(i.amount_cents for i in ours if begin < i.created_at <= last.created_at)
                if cents > cap:
                    raise BrokenPromise(f"{cents} cents created within {window}, the cap is {cap}")


def run_histories(count: int, seed: int) -> tuple[list[str], int]:
    """The traces of the histories that broke a promise, and how many payments all of them created."""
    broken, created = [], 0
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with machine() as shared:
        for number in range(seed, seed + count):
            with tempfile.TemporaryDirectory(prefix="history-", dir=in_memory) as folder:
                history = History(shared, Path(folder), Random(number))
                try:
                    history.live()
                except BrokenPromise as promise:
                    broken.append("\n".join([f"history {number}: {promise}", *history.trace]))
                created += len(history.made)
    return broken, created


def main() -> int:
    count, seed = (int(argument) for argument in sys.argv[1:3])
    began = time.perf_counter()
    broken, created = run_histories(count, seed)
    seconds = time.perf_counter() - began
    print(*broken, sep="\n\n", end="\n\n" if broken else "")  # noqa: T201
    print(f"{count} histories from {seed}: {created} payments, {len(broken)} broken promises, {seconds:.0f} s")  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
