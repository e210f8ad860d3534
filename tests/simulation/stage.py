"""What all worlds are played on: one ledger in memory, and programs that go on step by step or die."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from topups.clock import uuid7
from topups.ledger import Ledger, open_ledger
from topups.workflow.context import Steps, TopUpContext


class CountedIds:
    def __init__(self) -> None:
        self.made = 0

    def new(self, now: Any) -> str:
        self.made += 1
        return uuid7(now, self.made)


class Program:
    """One of the programs: it starts a pass, goes on by one step, or dies."""

    def __init__(self, name: str, context: TopUpContext) -> None:
        self.name, self.context = name, context
        self.steps: Steps[Any] | None = None

    def start(self, entry: Callable[[TopUpContext], Steps[Any]]) -> None:
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
