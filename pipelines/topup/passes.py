"""One pass of the top-ups over the account of the settings: the command line and Dagster both enter here.

Imports neither pandas nor dagster.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from pipelines.settings import Settings
from pipelines.topup.wiring import deliver_notices, notifier_of, opened_ledger, topup_context
from topups.decision.reasons import Reason, Refusal
from topups.decision.snapshot import BurnForecast
from topups.ledger import Ledger, LedgerUnavailable
from topups.notifications.delivery import Notifier
from topups.workflow.context import TopUpContext
from topups.workflow.reconcile import reconcile_account
from topups.workflow.reconcile_report import ReconcileReport
from topups.workflow.topup_run import TopUpRunResult, run_topup

Warn = Callable[[str], None]
# Passes that pay keep their decisions in between.
DECISIONS_LOOKED_AT = 10


class Reconciling(NamedTuple):
    """What came of a pass that asks for nothing, and how many notices were taken."""

    account_id: str
    done: ReconcileReport
    delivered: int


def pay(settings: Settings, decision_id: str = "", *, warn: Warn) -> tuple[TopUpRunResult, int]:
    """One pass that may ask for one payment, and how many notices were taken afterwards.

    A ledger that cannot be used is the reason ``LEDGER_UNAVAILABLE``. ``warn`` hears what went wrong beside the pass.
    Raises ``SettingsError`` or ``smsonline.errors.ConfigurationError`` before anything is sent.
    """
    notifier = notifier_of(settings)
    try:
        with opened_ledger(settings) as ledger, topup_context(settings, ledger) as context:
            done = run_topup(context, decision_id)
            return done, _delivered(context, notifier, warn)
    except LedgerUnavailable as error:
        return TopUpRunResult(settings.account.user_id, Refusal(Reason.LEDGER_UNAVAILABLE, str(error))), 0


def reconcile(settings: Settings, *, warn: Warn) -> Reconciling:
    """One pass that only reads at the vendor, keeps the decision of this instant and sends waiting notices.

    Needs no limits and works whatever the mode. Raises ``LedgerUnavailable`` for a ledger that cannot be opened,
    ``SettingsError`` or ``smsonline.errors.ConfigurationError``.
    """
    notifier = notifier_of(settings)
    with opened_ledger(settings) as ledger, topup_context(settings, ledger) as context:
        done = reconcile_account(context)
        return Reconciling(context.account_id, done, _delivered(context, notifier, warn))


def burn_kept(ledger: Ledger, account_id: str, since: datetime) -> BurnForecast | None:
    """The forecast that the last pass decided with, if that was after ``since``: looking it up costs next to nothing.

    Raises ``LedgerUnavailable``.
    """
    seen = ledger.observations(account_id, "decision", limit=DECISIONS_LOOKED_AT)
    kept = next((each for each in seen if each.payload.get("burn") and each.at >= since), None)
    return BurnForecast(**kept.payload["burn"]) if kept else None


def _delivered(context: TopUpContext, notifier: Notifier | None, warn: Warn) -> int:
    """What a notice meets must not hide what came of the pass."""
    try:
        return deliver_notices(context, notifier)
    except LedgerUnavailable as error:
        warn(f"notices wait for the next pass: {error}")
        return 0
