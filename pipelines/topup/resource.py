"""The top-ups as Dagster sees them. Settings are read when a run needs them, never before."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.ledger_copy import LedgerCopyResult
from pipelines.resources import clear_failures
from pipelines.settings import SettingsError, load_settings
from pipelines.topup_health import TopUpHealth
from pipelines.topup_service import ReconcileOutcome, TopUpService
from topups.workflow.topup_run import TopUpRunResult

Warn = Callable[[str], None]


class TopUps:
    """The account of the settings in force. Every method raises ``dagster.Failure`` with one clear line."""

    def pay(self, account_id: str, decision_id: str, warn: Warn) -> TopUpRunResult:
        """One pass that may ask for one payment. Fails for another account than that of the settings."""
        with clear_failures():
            settings = load_settings()
            ours = settings.account.user_id
            if account_id != ours:
                raise SettingsError(f"asked to fill the account {account_id!r}, but the settings are those of {ours!r}")
            outcome = TopUpService(settings, warn).request_topup(decision_id)
            outcome.raise_if_ledger_unavailable()
            return outcome.result

    def reconcile(self, warn: Warn) -> ReconcileOutcome:
        """One pass that asks for no money."""
        with clear_failures():
            outcome = TopUpService(load_settings(), warn).reconcile()
            outcome.raise_if_ledger_unavailable()
            return outcome

    def mirror(self) -> LedgerCopyResult:
        """Brings the warehouse's mirror of the ledger up to date, and the analysts' copy with it."""
        with clear_failures():
            return TopUpService(load_settings()).copy_ledger()

    def facts(self) -> TopUpHealth | None:
        """What the checks judge; None where there is no ledger yet."""
        with clear_failures():
            return TopUpService(load_settings()).load_health()

    def contradictions(self) -> list[str]:
        """What in the ledger does not fit together; nothing where there is none yet."""
        with clear_failures():
            return TopUpService(load_settings()).audit_ledger()
