"""What all worlds share: ledgers in memory, and programs that run from checkpoint to checkpoint or die."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from greenlet import getcurrent, greenlet

from topups.gateway import uuid7
from topups.ledger import Ledger, open_ledger
from topups.ledger.companion_files import CompanionFiles
from topups.workflow.context import Checkpoint, TopUpContext

# A ledger that was made so long ago knows every request of the windows.
PROVEN_AFTER = timedelta(days=60)
PROVEN = """
INSERT INTO controls (account_id, paused, failures, reserved_cents, unproven_until, unproven_reason)
VALUES (?, '', 0, 0, ?, '')
"""


class CountedIds:
    def __init__(self) -> None:
        self.made = 0

    def new(self, now: Any) -> str:
        self.made += 1
        return uuid7(now, self.made)


class MemoryCompanions(CompanionFiles):
    """The companion files of a ledger, without a disk: only what lies in them counts here."""

    def __init__(self) -> None:
        super().__init__([Path("memory")])
        self.texts: dict[str, str] = {}

    def resume(self) -> None:
        self.texts.pop(".paused", None)

    def _read_all(self, kind: str) -> list[tuple[Path, str | None]]:
        return [(self.places[0], self.texts[kind])] if kind in self.texts else []

    def _write_all(self, kind: str, text: str) -> None:
        self.texts[kind] = text


class Program:
    """One of the programs of the account: it runs in a greenlet and stops at every checkpoint."""

    def __init__(self, name: str, context: TopUpContext, store: "Store") -> None:
        self.name, self.context, self.store = name, replace(context, checkpoint=_stop), store
        self._running: greenlet | None = None
        self.reached = ""

    @property
    def is_running(self) -> bool:
        return self._running is not None

    def start(self, entry: Callable[[TopUpContext], Any]) -> None:
        self._running = greenlet(lambda: entry(self.context))

    def run_to_next_checkpoint(self) -> str:
        """The checkpoint that was reached, or how the run ended."""
        self.reached = self._run_to_next_checkpoint()
        return self.reached

    def _run_to_next_checkpoint(self) -> str:
        assert self._running is not None
        running = self._running
        reached = running.switch()
        if not running.dead:
            return str(reached)
        self._running = None
        refusal = getattr(reached, "refusal", None)
        return f"ends: {refusal or getattr(reached, 'moved', '') or 'done'}"

    def die(self) -> None:
        """The process is killed: ``GreenletExit`` is raised at the checkpoint."""
        if self._running is not None:
            self._running.throw()
        self._running = None


def _stop(checkpoint: Checkpoint) -> None:
    """Gives control back to the simulation, which decides who continues."""
    getcurrent().parent.switch(checkpoint)


@dataclass
class Store:
    """A ledger in memory with an empty one and a backup beside it: opening one costs more than a whole world."""

    ledger: Ledger
    raw: sqlite3.Connection
    empty: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(":memory:"))
    backup: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(":memory:"))
    made: int = 0

    def begin(self, created_at: datetime) -> None:
        """Another, empty ledger."""
        self.made += 1
        self.empty.backup(self.raw)
        created = created_at.isoformat(timespec="microseconds")
        self.raw.execute("UPDATE identity SET ledger_id = ?, created_at = ?", (f"ledger-{self.made}", created))

    def begin_proven(self, account_id: str, now: datetime) -> None:
        """An empty ledger that is old enough to know every request."""
        created_at = now - PROVEN_AFTER
        self.begin(created_at)
        until = (created_at + timedelta(days=31)).isoformat(timespec="microseconds")
        self.raw.execute(PROVEN, (account_id, until))

    def save(self) -> None:
        self.raw.backup(self.backup)

    def restore(self) -> None:
        self.backup.backup(self.raw)


@dataclass
class Stage:
    """The ledgers of one process: one that the programs share, and one more for worlds in which they do not."""

    closing: ExitStack
    store: Store

    @cached_property
    def second(self) -> Store:
        return _open_store(self.closing)

    @property
    def ledger(self) -> Ledger:
        return self.store.ledger

    @property
    def raw(self) -> sqlite3.Connection:
        return self.store.raw

    def clear(self, account_id: str, now: datetime) -> None:
        self.store.made = 0
        self.store.begin_proven(account_id, now)


def _open_store(closing: ExitStack) -> Store:
    ledger = closing.enter_context(open_ledger("sqlite://"))
    connection = ledger.engine.raw_connection()
    raw = connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    connection.close()
    store = Store(ledger, raw)
    closing.callback(store.empty.close)
    closing.callback(store.backup.close)
    raw.backup(store.empty)
    return store


@contextmanager
def stage() -> Iterator[Stage]:
    with ExitStack() as closing:
        yield Stage(closing, _open_store(closing))
