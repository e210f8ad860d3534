"""The top-ups of the configured account: the one entry for the command line, the Dagster jobs and the sensors.

Imports neither pandas nor dagster. Every method raises ``SettingsError`` or ``smsonline.errors.ConfigurationError``
for a wrong setting before anything is sent, and ``LedgerUnavailable`` for a ledger that cannot be opened, except where
it says otherwise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from pipelines.bootstrap import (
    companion_files,
    configured_datasets,
    configured_policy,
    kill_switch_environment,
    missing_address,
    open_configured_ledger,
    open_topup_context,
)
from pipelines.runway_forecast import Forecaster
from pipelines.settings import Settings, SettingsError
from pipelines.topups.notifications import NoticeSender
from pipelines.topups.outcomes import ReconcileOutcome, TopUpOutcome, TopUpPreview
from topups import operator_actions
from topups.decision.evaluate import Evaluation, evaluate
from topups.decision.preview import last_forecast, preview_from_ledger
from topups.decision.snapshot import AccountSnapshot, Reason, Refusal
from topups.ledger import (
    Event,
    Ledger,
    LedgerNotFound,
    LedgerOutdated,
    LedgerUnavailable,
    Payment,
    open_ledger,
    open_ledger_readonly,
)
from topups.ledger.payment_ids import PaymentNotFound, find_payment
from topups.ledger.schema import ALL_ACCOUNTS
from topups.policy import Policy, kill_switch_on
from topups.workflow.context import ReconcileReport, TopUpContext
from topups.workflow.reconcile import preview_snapshot, reconcile_account
from topups.workflow.topup_run import TopUpRunResult, run_topup
from topups.workflow.watermarks import adopt_ledger, missing_request, pause_files, resume_files

if TYPE_CHECKING:
    from pipelines.topups.health import TopUpHealth
    from pipelines.topups.ledger_copy import LedgerCopyResult

Warn = Callable[[str], None]
EMPTY_LIST = "; smsonline topup list is empty until the first reconcile or run"
KNOWN_WITHOUT_LEDGER = frozenset({Reason.DISABLED, Reason.NO_POLICY, Reason.KILL_SWITCH})


class TopUpService:
    """The top-ups of the configured account. ``warn`` receives problems that do not change the outcome of a run."""

    def __init__(self, settings: Settings, warn: Warn = lambda _: None) -> None:
        self.settings = settings
        self._warn = warn

    def request_topup(self, idempotency_key: str = "") -> TopUpOutcome:
        """One run that may request one payment; of one ``idempotency_key`` there is at most one payment.

        A ledger that cannot be used is a refusal in the outcome, not an exception.
        """
        sender = NoticeSender(self.settings, self._warn)
        try:
            with self._open_context() as context:
                result = run_topup(context, idempotency_key)
                outcome = TopUpOutcome(result, sender.deliver(context))
            self._replace_copy(result.report)
        except LedgerUnavailable as error:
            outcome = TopUpOutcome(TopUpRunResult(self.settings.account.user_id, _ledger_refusal(error)))
        sender.report_ledger(outcome.ledger_problem)
        if not outcome.ledger_problem and (line := missing_address(self.settings)):
            self._warn(line)
        return outcome

    def reconcile(self) -> ReconcileOutcome:
        """One run that updates the ledger from the vendor, stores the decision of now and delivers notices.

        Requests no payment, needs no limits and works in every mode.
        """
        sender = NoticeSender(self.settings, self._warn)
        try:
            with self._open_context() as context:
                report = reconcile_account(context)
                outcome = ReconcileOutcome(context.account_id, report, sender.deliver(context))
            self._replace_copy(report)
        except LedgerUnavailable as error:
            sender.report_ledger(str(error))
            raise
        sender.report_ledger(outcome.ledger_problem)
        return outcome

    def preview(self, at: datetime | None = None, policy: Policy | None = None) -> TopUpPreview:
        """What a run would decide, now from fresh vendor responses, or at a past time from the ledger. Writes nothing.

        ``policy`` replaces the configured one.
        """
        from topups.decision.replay import replay_snapshot

        policy = policy or configured_policy(self.settings)
        with self._read_ledger_or_empty() as (ledger, ledger_note):
            if at is None:
                # Without a forecast: it is made below, from the balance that was just read.
                with open_topup_context(self.settings, ledger, burn=lambda: None) as context:
                    snapshot, at = preview_snapshot(context), context.clock.now()
            else:
                snapshot = replay_snapshot(ledger, self.settings.account.user_id, at)
            forecaster = Forecaster(self.settings.warehouse, snapshot.account_id, policy, ledger)
            balance_cents = snapshot.balance.cents if snapshot.balance else None
            forecast = forecaster.forecast(at, balance_cents)
            evaluation = evaluate(dataclasses.replace(snapshot, burn=forecast.burn if forecast else None), policy, at)
            planned_cents = evaluation.plan.amount_cents if evaluation.plan else None
            recommendations = forecaster.recommendations(forecast, at, balance_cents, planned_cents)
            return TopUpPreview(evaluation, policy, at, forecast, forecaster.problem, recommendations, ledger_note)

    def evaluate_now(self) -> Evaluation:
        """The decision on what the ledger holds, for the sensor: no vendor call, no write.

        A ledger that cannot be used is a refusal, not an exception.
        """
        settings = self.settings
        account_id, policy, now = settings.account.user_id, configured_policy(settings), datetime.now(UTC)
        environment, companions = kill_switch_environment(settings), companion_files(settings)
        paused = companions.pause_reason() if companions else ""
        try:
            with open_ledger_readonly(settings.ledger.get_secret_value()) as ledger:
                burn = last_forecast(ledger, account_id, policy, now)
                return preview_from_ledger(
                    *(ledger, account_id, policy, now),
                    environment=environment,
                    burn=burn,
                    paused=paused,
                    unproven=missing_request(ledger, companions, policy, now),
                )
        except LedgerUnavailable as error:
            # Whether top-ups are disabled, stopped or have no limits is known without a ledger.
            stopped = AccountSnapshot(account_id, killed=kill_switch_on(environment), paused=paused)
            early = evaluate(stopped, policy, now)
            if early.refusal and early.refusal.reason in KNOWN_WITHOUT_LEDGER:
                return early
            return Evaluation(account_id, _ledger_refusal(error))

    def idle_reason(self) -> str:
        """Why a reconcile run would have nothing to do (mode off, no payment to track), or an empty text."""
        if configured_policy(self.settings).mode != "off":
            return ""
        try:
            with open_ledger_readonly(self.settings.ledger.get_secret_value()) as ledger:
                payments = ledger.snapshot(self.settings.account.user_id, datetime.now(UTC)).payments
        except LedgerOutdated:
            return ""
        except LedgerUnavailable as error:
            return f"{Reason.DISABLED}: mode is off; {error}"
        return "" if payments else f"{Reason.DISABLED}: mode is off and no payment of the last month is to be followed"

    def copy_ledger(self, *, published: bool = True) -> LedgerCopyResult:
        """Updates the copy of the ledger in the warehouse, with ``published`` in the analysts' file too.

        Raises ``LedgerNotFound`` and ``WarehouseError`` too.
        """
        from pipelines.topups.ledger_copy import copy_ledger

        tables = [dataset.table for dataset in configured_datasets(self.settings).values()]
        url = self.settings.ledger.get_secret_value()
        try:
            ledger = open_ledger_readonly(url)
        except LedgerOutdated:
            open_ledger(url).close()
            ledger = open_ledger_readonly(url)
        with ledger:
            return copy_ledger(ledger, self.settings.warehouse, tables, published=published)

    def load_health(self) -> TopUpHealth | None:
        """What the health checks measure; None without a ledger."""
        from pipelines.topups.health import load_health

        with self._read_existing_ledger() as ledger:
            if ledger is None:
                return None
            settings = self.settings
            return load_health(ledger, settings.account.user_id, configured_policy(settings), datetime.now(UTC))

    def audit_ledger(self) -> list[str]:
        """Contradictions in the history of the ledger; none without a ledger. Reads all events."""
        from topups.ledger.audit import audit

        with self._read_existing_ledger() as ledger:
            return audit(ledger) if ledger else []

    def payments(self, limit: int | None = None) -> list[Payment]:
        """The payments of all accounts, newest first; none without a ledger. Changes nothing."""
        with self._read_existing_ledger() as ledger:
            return ledger.payments(limit=limit) if ledger else []

    def payment(self, payment_id: str) -> tuple[Payment, list[Event]]:
        """A payment by its id or the vendor's, and its events. Raises ``SettingsError`` when there is none."""
        with self._read_existing_ledger() as ledger:
            if ledger is None:
                raise SettingsError(f"there is no payment {payment_id!r}: there is no ledger yet{EMPTY_LIST}")
            payment = _find_payment(ledger, payment_id)
            return payment, ledger.events(payment.payment_id)

    def approve(self, payment_id: str, by: str) -> Payment:
        """Approves a pending payment.

        As ``reject`` and ``close``, raises ``SettingsError`` for an unknown id and ``ActionNotAllowed`` for a wrong
        state.
        """
        policy = configured_policy(self.settings)
        return self._act(payment_id, partial(operator_actions.approve, policy=policy), by)

    def reject(self, payment_id: str, by: str) -> Payment:
        """Rejects a pending payment."""
        return self._act(payment_id, operator_actions.reject, by)

    def close(self, payment_id: str, by: str) -> Payment:
        """Closes a stuck payment, so that it blocks no other one."""
        return self._act(payment_id, operator_actions.close, by)

    def pause(self, reason: str, by: str) -> str:
        """Switches the kill switch on, for all accounts: in the ledger and in the files that outlive it.

        One of them is enough; a ledger that cannot be written is a warning then. Returns the text that refusals show.
        """
        text, companions = operator_actions.pause_text(by, reason), companion_files(self.settings)
        is_written = companions is not None and pause_files(companions, text)
        try:
            with open_configured_ledger(self.settings) as ledger:
                return operator_actions.pause(ledger, by, reason, datetime.now(UTC)).paused
        except LedgerUnavailable as error:
            if not is_written:
                raise
            self._warn(f"the pause is in a file beside the ledger only: {error}")
            return text

    def resume(self, by: str) -> None:
        """Ends the pause of all accounts, and resets pause and circuit breaker of the configured account."""
        accounts = [ALL_ACCOUNTS, *filter(None, [self.settings.user_id.strip()])]
        with open_configured_ledger(self.settings) as ledger:
            for account in accounts:
                operator_actions.resume(ledger, by, datetime.now(UTC), account)
        if companions := companion_files(self.settings):
            resume_files(companions)

    def adopt(self, by: str) -> list[Payment]:
        """Accepts this ledger as complete and the payments that it could not attribute as others'; returns them.

        Reads the vendor's list first. Raises ``ActionNotAllowed`` if that cannot be read completely.
        """
        with self._open_context() as context:
            report = reconcile_account(context)
            if report.listing is None or not report.listing.complete:
                problem = report.ledger_problem or report.list_problem or "it is incomplete"
                raise operator_actions.ActionNotAllowed(f"nothing is adopted without the vendor's list: {problem}")
            accepted = adopt_ledger(context, by)
            if wait := missing_request(context.ledger, context.companions, context.policy, context.clock.now()):
                self._warn(f"{wait}: the vendor may still be about to list its payment")
        self._replace_copy(report)
        return accepted

    def _replace_copy(self, report: ReconcileReport | None) -> None:
        """The warehouse's copy follows a ledger that contradicted it, or each run would doubt the ledger again."""
        from warehouse.errors import WarehouseError

        if report and report.contradiction and self.settings.warehouse.exists():
            with suppress(WarehouseError, LedgerUnavailable):  # locked by a sync, which copies the ledger itself
                self.copy_ledger()

    def _act(self, payment_id: str, action: Callable[[Ledger, str, str, datetime], Payment], by: str) -> Payment:
        with open_configured_ledger(self.settings) as ledger:
            return action(ledger, _find_payment(ledger, payment_id).payment_id, by, datetime.now(UTC))

    @contextmanager
    def _open_context(self) -> Iterator[TopUpContext]:
        with open_configured_ledger(self.settings) as ledger, open_topup_context(self.settings, ledger) as context:
            yield context

    @contextmanager
    def _read_existing_ledger(self) -> Iterator[Ledger | None]:
        try:
            ledger = open_ledger_readonly(self.settings.ledger.get_secret_value())
        except LedgerNotFound:
            yield None
            return
        with ledger:
            yield ledger

    @contextmanager
    def _read_ledger_or_empty(self) -> Iterator[tuple[Ledger, str]]:
        """The ledger; or an empty one in memory, and a text that says so."""
        try:
            ledger, note = open_ledger_readonly(self.settings.ledger.get_secret_value()), ""
        except LedgerNotFound as error:
            ledger, note = open_ledger("sqlite://"), f"decided as with an empty ledger: {error}"
        with ledger:
            yield ledger, note


def _find_payment(ledger: Ledger, payment_id: str) -> Payment:
    try:
        return find_payment(ledger, payment_id)
    except PaymentNotFound as error:
        raise SettingsError(str(error)) from None


def _ledger_refusal(error: LedgerUnavailable) -> Refusal:
    return Refusal(Reason.LEDGER_UNAVAILABLE, str(error))
