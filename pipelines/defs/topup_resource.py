"""The top-ups as Dagster sees them. Settings are read when a run needs them, never before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pipelines.calling import declared
from pipelines.defs.resources import clear_failures
from pipelines.settings import SettingsError, load_settings
from pipelines.topup.facts import TopupFacts, facts_of
from pipelines.topup.mirror import Mirrored, mirrored
from pipelines.topup.passes import Reconciling, pay, reconcile
from pipelines.topup.policy import policy_of
from topups.ledger import Ledger, LedgerUnavailable, NoLedgerYet, read_ledger
from topups.ledger.audit import audit
from topups.protocol import Pass
from topups.reasons import Reason

Warn = Callable[[str], None]


class TopUps:
    """The account of the settings in force. Every method raises ``dagster.Failure`` with one clear line.

    A plain object, not a configurable resource: it has no configuration that a secret could end up in.
    """

    def pay(self, account_id: str, decision_id: str, warn: Warn) -> Pass:
        """One pass that may ask for one payment. Fails for another account than that of the settings."""
        with clear_failures():
            settings = load_settings()
            ours = settings.account.user_id
            if account_id != ours:
                raise SettingsError(f"asked to fill the account {account_id!r}, but the settings are those of {ours!r}")
            done, _ = pay(settings, decision_id, warn=warn)
            if done.refusal and done.refusal.reason == Reason.LEDGER_UNAVAILABLE:
                raise LedgerUnavailable(done.refusal.facts)
            return done

    def reconcile(self, warn: Warn) -> Reconciling:
        """One pass that asks for no money."""
        with clear_failures():
            found = reconcile(load_settings(), warn=warn)
            if found.done.ledger_problem:
                raise LedgerUnavailable(found.done.ledger_problem)
            return found

    def mirror(self) -> Mirrored:
        """Brings the warehouse's mirror of the ledger up to date, and the analysts' copy with it."""
        with clear_failures():
            settings = load_settings()
            tables = [dataset.table for dataset in declared(settings).values()]
            with read_ledger(settings.ledger.get_secret_value()) as ledger:
                return mirrored(ledger, settings.warehouse, tables)

    def facts(self) -> TopupFacts | None:
        """What the checks judge; None where there is no ledger yet."""
        with _looking() as ledger:
            settings = load_settings()
            if ledger is None:
                return None
            return facts_of(ledger, settings.account.user_id, policy_of(settings), datetime.now(UTC))

    def contradictions(self) -> list[str]:
        """What in the ledger does not fit together; nothing where there is none yet."""
        with _looking() as ledger:
            return audit(ledger) if ledger else []


@contextmanager
def _looking() -> Iterator[Ledger | None]:
    with clear_failures():
        try:
            ledger = read_ledger(load_settings().ledger.get_secret_value())
        except NoLedgerYet:
            yield None
            return
        with ledger:
            yield ledger
