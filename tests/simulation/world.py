"""One seed is one world: two programs on one ledger, step by step, with crashes, stalls and people in between."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from tests.simulation.ending import check_the_end
from tests.simulation.truth import Truth, Violation
from tests.simulation.vendor import NO_FAULTS, START, Clock, Faults, Vendor
from topups import people
from topups.context import Context, Steps
from topups.ledger import Ledger, open_ledger
from topups.policy import Policy
from topups.ports import KILL_VARIABLE, uuid7
from topups.protocol import run
from topups.reconcile import run_reconcile

BASE = Policy(
    mode="auto",
    threshold_cents=1000,
    target_cents=3000,
    amount_min_cents=100,
    amount_max_cents=5000,
    cap_day_cents=7000,
    cap_week_cents=12_000,
    cap_month_cents=30_000,
    approval_above_cents=5000,
    creates_per_day=20,
    breaker_failures=99,
    # As little as possible between two payments: what keeps them apart is the protocol, not a pause.
    cooldown=timedelta(),
    backoff=(timedelta(),),
)


@dataclass(frozen=True)
class Kind:
    """A kind of world. ``together``: the chance that the other program starts while the first is under way."""

    name: str
    faults: Faults = field(default_factory=Faults)
    starts: int = 8
    together: float = 0.3
    crash: float = 0.02
    stall: float = 0.03
    people: float = 0.15
    spends: float = 0.05
    gaps: tuple[float, ...] = (1, 30, 70, 120, 300, 1200, 4000, 6000)


UNCLEAR = (("ok", 6), ("timeout_late", 8), ("timeout_never", 4), ("timeout_after", 3), ("garbage", 2))
# Slow lists and little else: here two programs come as near to each other as they can.
CALM = replace(Faults(), creates=(("ok", 5), ("timeout_late", 1)), list_fails=0.01, list_partial=0.01, lag=1)
KINDS = (
    Kind("everything"),
    Kind("crowd", CALM, starts=4, together=1, crash=0.01, stall=0.01, people=0.02, spends=0.15, gaps=(1, 5500)),
    Kind("lost answers", replace(Faults(), creates=UNCLEAR, lag=0.8), people=0.05, gaps=(30, 61, 61, 70, 200, 300)),
    Kind("bad lists", replace(Faults(), creates=UNCLEAR, list_partial=0.5), people=0.05, gaps=(61, 70, 200, 900, 1000)),
    Kind(
        "unpaid", replace(Faults(), creates=(("ok", 9), ("declined", 1))), together=0.1, people=0.05, gaps=(5500, 6000)
    ),
)


class CountedIds:
    def __init__(self) -> None:
        self.made = 0

    def new(self, now: Any) -> str:
        self.made += 1
        return uuid7(now, self.made)


class Program:
    """One of the programs: it starts a pass, goes on by one step, or dies."""

    def __init__(self, name: str, context: Context) -> None:
        self.name, self.context = name, context
        self.steps: Steps[Any] | None = None

    def start(self, entry: Callable[[Context], Steps[Any]]) -> None:
        self.steps = entry(self.context)

    def go_on(self) -> str:
        """What was finished."""
        assert self.steps is not None
        try:
            return str(next(self.steps))
        except StopIteration as done:
            self.steps = None
            refusal = getattr(done.value, "refusal", None)
            return f"ends: {refusal or getattr(done.value, 'moved', '') or 'done'}"

    def die(self) -> None:
        if self.steps:
            self.steps.close()
        self.steps = None


@dataclass
class Stage:
    """A ledger in memory that is set back to empty for each seed: opening one costs more than a whole world."""

    ledger: Ledger
    raw: sqlite3.Connection
    empty: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(":memory:"))

    def clear(self) -> None:
        self.empty.backup(self.raw)


@contextmanager
def stage() -> Iterator[Stage]:
    with open_ledger("sqlite://") as ledger:
        connection = ledger.engine.raw_connection()
        raw = connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        connection.close()
        made = Stage(ledger, raw)
        raw.backup(made.empty)
        try:
            yield made
        finally:
            made.empty.close()


class World:
    def __init__(self, stage: Stage, seed: int, kind: Kind, **policy: Any) -> None:
        stage.clear()
        self.random = Random(seed)
        self.seed, self.kind, self.stage, self.ledger = seed, kind, stage, stage.ledger
        self.trace: list[tuple[float, str]] = []
        self.clock = Clock()
        self.environment: dict[str, str] = {}
        self.policy = replace(self._policy(), **policy)
        self.truth = Truth(self.policy, stage.raw, self._stopped)
        self.vendor = Vendor(self.random, self.clock, self.truth, kind.faults, self.note)
        context = Context(self.ledger, self.vendor, self.policy, self.clock, CountedIds(), self.environment)
        self.programs = (Program("a", context), Program("b", context))

    def note(self, what: str) -> None:
        self.trace.append(((self.clock.at - START).total_seconds(), what))

    def live(self) -> None:
        """The whole life of the world. Raises ``Violation`` with the trace."""
        try:
            for _ in range(self.kind.starts):
                self._episode()
            self._end()
        except Exception as error:
            lines = "\n".join(f"{at:10.1f} s  {what}" for at, what in self.trace)
            told = f"seed {self.seed} ({self.kind.name}): {type(error).__name__}: {error}\n{lines}"
            raise Violation(told) from error

    def _policy(self) -> Policy:
        random = self.random
        wallet = {"rail": "v3_wallet", "currency": "USDT", "network": "TRON"} if random.random() < 0.25 else {}
        mode = "approve" if random.random() < 0.08 else "auto"
        grace = timedelta(minutes=random.choice((1, 30)))
        few = random.choice((3, 20, 20))
        fingerprint = random.random() < 0.3
        return replace(BASE, mode=mode, creates_per_day=few, expiry_grace=grace, fingerprint=fingerprint, **wallet)

    def _stopped(self) -> bool:
        """The kill switch as it is, looked up without the code under test."""
        paused = self.stage.raw.execute("SELECT count(*) FROM controls WHERE paused <> ''").fetchone()[0]
        return bool(paused or self.environment)

    def _episode(self) -> None:
        """One program makes a pass, and perhaps the other one meanwhile."""
        random = self.random
        self._advance(random.choice(self.kind.gaps))
        if random.random() < self.kind.people:
            self._people()
        first, other = random.sample(self.programs, 2)
        self._start(first)
        if random.random() < self.kind.together:
            self._start(other)
        while under_way := [program for program in self.programs if program.steps]:
            self._step(random.choice(under_way))

    def _start(self, program: Program) -> None:
        entry = run_reconcile if self.random.random() < 0.15 else run
        self.note(f"{program.name} starts {entry.__name__}")
        program.start(entry)

    def _step(self, program: Program) -> None:
        draw = self.random.random()
        if draw < self.kind.crash:
            self.note(f"{program.name} dies")
            program.die()
            return
        if draw < self.kind.crash + self.kind.stall:
            self._advance(self.random.choice((20, 29, 45, 70, 300, 3600)))
        elif draw > 1 - self.kind.people / 30:
            self._people()
        else:
            self._advance(self.random.uniform(0, 1))
        self.note(f"{program.name} {program.go_on()}")
        if self.truth.broken:
            raise Violation(self.truth.broken)

    def _advance(self, seconds: float) -> None:
        self.vendor.advance(seconds)
        spent = seconds * self.random.choice((0, 0.05, 0.5)) + 150 * (self.random.random() < self.kind.spends)
        self.vendor.cents -= min(self.vendor.cents, int(spent))

    def _people(self) -> None:
        """A person pays by hand, flips a kill switch, lets go on again, or agrees to what waits."""
        what = self.random.choice((self._bill_by_hand, self._bill_by_hand, self._flip, self._flip, self._agree))
        what()

    def _bill_by_hand(self) -> None:
        # A fingerprinted amount is ours alone: that is what it is for.
        asked = [] if self.policy.fingerprint else [request.cents for request in self.truth.requests[-1:]]
        self.vendor.commit(self.random.choice([700, 2500, *asked]), None)

    def _flip(self) -> None:
        now = self.clock.at
        if self._stopped():
            self.note("a person resumes")
            self.environment.clear()
            people.resume(self.ledger, "sim", now)
        elif self.random.random() < 0.5:
            self.note("the environment's kill switch goes on")
            self.environment[KILL_VARIABLE] = "1"
        else:
            self.note("a person pauses")
            people.pause(self.ledger, "sim", "", now)

    def _agree(self) -> None:
        if self.policy.mode != "approve":
            return
        waiting = self.stage.raw.execute("SELECT payment_id FROM payments WHERE state = 'AWAITING_APPROVAL'").fetchall()
        for (payment_id,) in waiting:
            self.note(f"a person approves {payment_id[-4:]}")
            with_time = replace(self.policy, approval_life=timedelta(days=99))
            people.approve(self.ledger, payment_id, "sim", self.clock.at, with_time)

    def _end(self) -> None:
        """Nothing breaks any more and time passes: everything has to be explained."""
        self.vendor.faults = NO_FAULTS
        self._advance(1000)
        for pause in (1000, 61, 61, 61, 61, 61):
            self._reconcile()
            if not self.stage.raw.execute(
                "SELECT 1 FROM payments WHERE state IN ('RESERVED', 'SENDING', 'UNKNOWN')"
            ).fetchone():
                break
            self._advance(pause)
        check_the_end(self.ledger, self.truth)

    def _reconcile(self) -> None:
        program = self.programs[0]
        program.start(run_reconcile)
        while program.steps:
            program.go_on()


def live(stage: Stage, seed: int, kind: Kind | None = None, **policy: Any) -> World:
    """The world of a seed, to its end."""
    world = World(stage, seed, kind or KINDS[seed % len(KINDS)], **policy)
    world.live()
    return world
