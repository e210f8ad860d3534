"""What all worlds share: one ledger in memory, and programs that run from checkpoint to checkpoint or die."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from greenlet import getcurrent, greenlet

from topups.gateway import uuid7
from topups.ledger import Ledger, open_ledger
from topups.workflow.context import Checkpoint, TopUpContext


class CountedIds:
    def __init__(self) -> None:
        self.made = 0

    def new(self, now: Any) -> str:
        self.made += 1
        return uuid7(now, self.made)


class Program:
    """One of the programs that share the ledger: it runs in a greenlet and stops at every checkpoint."""

    def __init__(self, name: str, context: TopUpContext) -> None:
        self.name, self.context = name, replace(context, checkpoint=_stop)
        self._running: greenlet | None = None

    @property
    def is_running(self) -> bool:
        return self._running is not None

    def start(self, entry: Callable[[TopUpContext], Any]) -> None:
        self._running = greenlet(lambda: entry(self.context))

    def run_to_next_checkpoint(self) -> str:
        """The checkpoint that was reached, or how the run ended."""
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
