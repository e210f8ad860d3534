"""One seed is one world: two programs on one ledger, step by step, with crashes, stalls and people in between."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from tests.simulation.ending import check_the_end
from tests.simulation.histories import change_history
from tests.simulation.kinds import BASE, Kind, kind_of
from tests.simulation.owner import Owner
from tests.simulation.stage import CountedIds, MemoryCompanions, Program, Stage, Store
from tests.simulation.truth import PAID, UNDER_WAY, Truth, Violation
from tests.simulation.vendor import ACCOUNT, NO_FAULTS, START, Clock, Vendor
from topups import operator_actions
from topups.decision.snapshot import BurnForecast
from topups.ledger import Ledger
from topups.ledger.schema import ALL_ACCOUNTS
from topups.policy import KILL_VARIABLE, Policy
from topups.workflow import watermarks
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.reconcile import reconcile_account
from topups.workflow.topup_run import run_topup

UNSETTLED = "SELECT 1 FROM payments WHERE state IN ('RESERVED', 'SENDING', 'UNKNOWN')"
WAITING = "SELECT payment_id FROM payments WHERE state = 'AWAITING_APPROVAL'"
NO_JUMP = timedelta()


class World:
    def __init__(self, stage: Stage, seed: int, kind: Kind, **policy: Any) -> None:
        stage.clear(ACCOUNT, START)
        self.random = Random(seed)
        self.seed, self.kind, self.stage, self.ledger = seed, kind, stage, stage.ledger
        self.trace: list[tuple[float, str]] = []
        self.clock = Clock()
        self.environment: dict[str, str] = {}
        self.paused = False
        self.policy = replace(self._policy(), **{**kind.policy, **policy})
        self.truth = Truth(self.policy, stage.raw, self._stopped, kind.history != "intact", kind.jumps == 0)
        self.truth.now = lambda: self.clock.at
        self.vendor = Vendor(self.random, self.clock, self.truth, kind.faults, kind.lists, self.note)
        self.vendor.meanwhile = self._meanwhile
        self.vendor.payers.habits = kind.habits
        burn = self._burn()
        context = TopUpContext(
            self.ledger, self.vendor, self.policy, self.clock, CountedIds(), self.environment, lambda: burn
        )
        self.programs = self._programs(context)
        self.asleep: set[Program] = set()
        self.saved = False
        self.owner = Owner(self) if kind.owner else None

    def _programs(self, context: TopUpContext) -> tuple[Program, Program]:
        """Two programs on one ledger, or on two machines with a ledger each."""
        stores = [self.stage.store, self.stage.store]
        if self.kind.history == "two":
            self.stage.second.begin_proven(ACCOUNT, START)
            stores[1] = self.stage.second
        files = [MemoryCompanions() if self.kind.companions else None] * 2
        if self.kind.companions and self.kind.history == "two":
            files[1] = MemoryCompanions()
        first, second = (
            Program(name, replace(context, ledger=store.ledger, companions=beside), store)
            for name, store, beside in zip("ab", stores, files, strict=True)
        )
        return first, second

    @property
    def stores(self) -> list[Store]:
        return list({id(program.store): program.store for program in self.programs}.values())

    def note(self, what: str) -> None:
        self.trace.append(((self.clock.at - START).total_seconds(), what))

    def live(self) -> None:
        """The whole life of the world. Raises ``Violation`` with the trace."""
        try:
            for _ in range(self.kind.starts):
                self._episode()
            self.rest()
            for store in self.stores:
                self.truth.ledger = store.raw
                check_the_end(store.ledger, self.truth)
        except Exception as error:
            lines = "\n".join(f"{at:10.1f} s  {what}" for at, what in self.trace)
            message = f"seed {self.seed} ({self.kind.name}): {type(error).__name__}: {error}\n{lines}"
            raise Violation(message) from error

    def _policy(self) -> Policy:
        random = self.random
        wallet = {"rail": "v3_wallet", "currency": "USDT", "network": "TRON"} if random.random() < 0.25 else {}
        mode = "approve" if random.random() < 0.08 else "auto"
        grace = timedelta(minutes=random.choice((1, 30)))
        few = random.choice((3, 20, 20))
        fingerprint = random.random() < 0.3
        return replace(BASE, mode=mode, creates_per_day=few, expiry_grace=grace, fingerprint=fingerprint, **wallet)

    def _burn(self) -> BurnForecast | None:
        """A forecast, in some worlds: without sense, for no cap may hang on it."""
        if self.random.random() < 0.8:
            return None
        return BurnForecast(self.random.choice((0, 500, 10**6)), None, self.random.choice((0, 1500, 10**9)))

    def _stopped(self) -> bool:
        """Whether a person stopped the top-ups, whatever became of the ledger since."""
        return bool(self.paused or self.environment)

    def _episode(self) -> None:
        """One program makes a pass, and perhaps the other one meanwhile."""
        random = self.random
        self._advance(random.choice(self.kind.gaps))
        change_history(self)
        if random.random() < self.kind.operators:
            self._operator_acts()
        if random.random() < self.kind.refunds:
            self._refund()
        self.clock.offset = self._jump()
        self.asleep = {program for program in self.asleep if random.random() < 0.75}
        first, second = sorted(random.sample(self.programs, 2), key=lambda program: program in self.asleep)
        self._start(first)
        if random.random() < self.kind.together:
            self._start(second)
        while under_way := [p for p in self.programs if p.is_running and p not in self.asleep]:
            self._step(random.choice(under_way))
        self.truth.check_ledger(self.clock.at)
        self._deliver()

    def _deliver(self) -> None:
        if self.owner:
            self.owner.deliver()
        if self.truth.broken:
            raise Violation(self.truth.broken)

    def _jump(self) -> timedelta:
        """How far the clock is off in the next pass.

        Without the vendor's clock only the ledger tells: then the first pass is right, and never two in succession are
        wrong.
        """
        is_noticed = self.kind.faults.sends_date or (self.clock.offset == NO_JUMP and self._has_observed())
        jumps = self.random.random() < self.kind.jumps and is_noticed
        return self.random.choice(self.kind.jump_spans) if jumps else NO_JUMP

    def _has_observed(self) -> bool:
        return self.stage.raw.execute("SELECT 1 FROM observations LIMIT 1").fetchone() is not None

    def _start(self, program: Program) -> None:
        if program.is_running:  # it woke up, or still sleeps
            return
        entry = reconcile_account if self.random.random() < 0.15 else run_topup
        self.note(f"{program.name} starts {entry.__name__}")
        program.start(entry)

    def _step(self, program: Program) -> None:
        draw = self.random.random()
        if draw < self.kind.crash:
            self.note(f"{program.name} dies")
            program.die()
            return
        falls_asleep = program.name == "b" and program.reached == Checkpoint.DECIDED
        if falls_asleep and self.random.random() < self.kind.sleeps:
            self.note(f"{program.name} falls asleep")
            self.asleep.add(program)
            return
        if draw < self.kind.crash + self.kind.stall:
            self._advance(self.random.choice((20, 29, 45, 70, 300, 3600)))
        elif draw > 1 - self.kind.operators / 30:
            self._operator_acts()
        else:
            self._advance(self.random.uniform(0, 1))
        self._run(program)
        if self.truth.broken:
            raise Violation(self.truth.broken)

    def _run(self, program: Program) -> None:
        self.truth.ledger = program.store.raw
        self.note(f"{program.name} {program.run_to_next_checkpoint()}")

    def _meanwhile(self) -> None:
        """A create request waits for its turn: time passes, and a person may act."""
        self._advance(self.random.choice((5, 20, 40, 70)))
        if self.random.random() < self.kind.operators / 3:
            self._operator_acts()

    def _advance(self, seconds: float) -> None:
        self.vendor.advance(seconds)
        spent = seconds * self.random.choice((0, 0.05, 0.5)) + 150 * (self.random.random() < self.kind.spends)
        self.vendor.cents -= min(self.vendor.cents, int(spent))

    def _refund(self) -> None:
        """Orders come to nothing, and their price returns: by chance as much as a payment.

        Without the total of all charges nobody could tell a refund from a payment that is expected.
        """
        if not self.kind.faults.sends_charges and self._expects_money():
            return
        amounts = [row.cents for row in self.truth.rows[-1:]]
        self.vendor.cents += (cents := self.random.choice((300, 900, *amounts)))
        self.note(f"orders are refunded: {cents}, the balance is {self.vendor.cents}")

    def _expects_money(self) -> bool:
        requested = [row for row in self.truth.rows if row.intent]
        return any(row.status in UNDER_WAY | PAID for row in requested[-1:])

    def _operator_acts(self) -> None:
        """A person pays by hand, flips a kill switch, lets go on again, or agrees to what waits."""
        deeds = (self._bill_by_hand, self._bill_by_hand, self._flip, self._flip)
        agreeing = (self._agree,) * (20 if self.policy.mode == "approve" else 1)
        adopting = (self._adopt,) * (self.kind.history in ("restored", "lost"))
        self.random.choice((*deeds, *agreeing, *adopting))()

    def _bill_by_hand(self) -> None:
        # A fingerprinted amount is ours alone: that is what it is for.
        requested = [] if self.policy.fingerprint else [request.cents for request in self.truth.requests[-1:]]
        self.vendor.commit(self.random.choice([700, 2500, *requested]), None)

    def _resume(self, *accounts: str) -> None:
        """Ends the pause of all accounts, and of the named ones, whose clocks and breaker a person looked at too."""
        self.note("a person resumes")
        self.environment.clear()
        self.paused = False
        for program in self.programs:
            for account_id in (ALL_ACCOUNTS, *accounts):
                operator_actions.resume(program.context.ledger, "sim", self.clock.at, account_id)
            if program.context.companions:
                watermarks.resume_files(program.context.companions)

    def _flip(self) -> None:
        now = self.clock.at
        if self._stopped():
            self._resume()
        elif self.random.random() < 0.5:
            self.note("the environment's kill switch goes on")
            self.environment[KILL_VARIABLE] = "1"
        else:
            self.note("a person pauses")
            self.paused = True
            for program in self.programs:
                operator_actions.pause(program.context.ledger, "sim", "", now)
                if program.context.companions:
                    watermarks.pause_files(program.context.companions, operator_actions.pause_text("sim", ""))

    def _agree(self) -> None:
        if self.policy.mode != "approve":
            return
        for store in self.stores:
            for (payment_id,) in store.raw.execute(WAITING).fetchall():
                self.approve(store.ledger, payment_id)

    def approve(self, ledger: Ledger, payment_id: str) -> None:
        """A person approves what waits, however long it waited."""
        self.note(f"a person approves {payment_id[-4:]}")
        with_time = replace(self.policy, approval_life=timedelta(days=99))
        approved = operator_actions.approve(ledger, payment_id, "sim", self.clock.at, with_time)
        self.truth.approved[payment_id] = approved.amount_cents

    def _adopt(self) -> None:
        """A person compared the ledger with the vendor's site: what it lacks is accepted as made by others."""
        program = self.random.choice(self.programs)
        try:
            watermarks.adopt_ledger(program.context, "sim")
        except operator_actions.ActionNotAllowed:
            return
        self.note(f"a person adopts the ledger of {program.name}")
        self.truth.accepted |= self.truth.forgotten

    def rest(self) -> None:
        """Nothing breaks any more and time passes, until nothing is left to be settled."""
        self.vendor.faults = NO_FAULTS
        self.clock.offset = NO_JUMP
        for program in self.programs:
            self._drive(program)
        self._advance(1000)
        if self.kind.jumps and not self.kind.faults.sends_date:
            self._resume(ACCOUNT)  # as a refusal asks for, where only a person can tell which clock was right
        one_of_each = {id(program.store): program for program in self.programs}.values()
        for pause in (1000, 61, 61, 61, 61, 7200, 61):
            for program in one_of_each:
                program.start(reconcile_account)
                self._drive(program)
                self._deliver()
            if not any(store.raw.execute(UNSETTLED).fetchone() for store in self.stores):
                break
            self._advance(pause)

    def _drive(self, program: Program) -> None:
        while program.is_running:
            self._run(program)


def live(stage: Stage, seed: int, kind: Kind | None = None, **policy: Any) -> World:
    """The world of a seed, to its end."""
    world = World(stage, seed, kind or kind_of(seed), **policy)
    world.live()
    return world
