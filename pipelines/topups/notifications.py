"""Sends the notices of a top-up run, also where the ledger cannot be used, and tests the addresses."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipelines.bootstrap import (
    companion_files,
    configured_notifier,
    configured_policy,
    notification_urls,
    silence_apprise,
)
from pipelines.settings import Settings
from topups.ledger import LedgerUnavailable
from topups.notifications.delivery import deliver_outbox, send_notice
from topups.notifications.without_ledger import report_ledger
from topups.workflow.context import with_trusted_time

if TYPE_CHECKING:
    from topups.workflow.context import ReconcileReport, TopUpContext

log = logging.getLogger("smsonline.topups")


class NoticeSender:
    """Sends the notices of one run. ``warn`` receives addresses that cannot be used; the others are used."""

    def __init__(self, settings: Settings, warn: Callable[[str], None]) -> None:
        self._settings, self._warn = settings, warn
        self._notifier = configured_notifier(settings)
        for problem in self._notifier.problems if self._notifier else ():
            warn(problem)

    def deliver(self, context: TopUpContext, report: ReconcileReport | None) -> int:
        """How many notices of the outbox were delivered, by the time that counts in the run of ``report``.

        A failure here does not change the outcome of the run.
        """
        if self._notifier is None:
            return 0
        clock = with_trusted_time(context, report).clock if report else context.clock
        try:
            return deliver_outbox(
                context.ledger, self._notifier, context.account_id, clock, context.checkpoint, context.policy
            )
        except LedgerUnavailable as error:
            self._warn(f"notices wait for the next run: {error}")
            self.report_ledger(str(error))
            return 0

    def report_ledger(self, problem: str) -> None:
        """Reports a ledger that cannot be used, and its end (an empty ``problem``), without the ledger."""
        settings = self._settings
        if problem:
            log.error("LEDGER_UNAVAILABLE: %s", problem)
        if self._notifier is None:
            return
        files, policy = companion_files(settings), configured_policy(settings)
        report_ledger(self._notifier, files, settings.user_id, problem, policy, datetime.now(UTC))


@dataclass(frozen=True)
class AddressResult:
    """One configured address: its number, what may be shown of it, and the problem, if any.

    ``accepted`` is None where no message was sent.
    """

    number: int
    address: str
    accepted: bool | None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return dict(self.__dict__)


def check_addresses(settings: Settings, *, send: bool) -> list[AddressResult]:
    """Each configured address, after a test message to it with ``send``."""
    from topups.notifications.apprise_notifier import AppriseNotifier, public_address
    from topups.notifications.rendering import Notice

    silence_apprise()
    results = []
    for number, url in enumerate(notification_urls(settings), start=1):
        notifier, address = AppriseNotifier([url]), public_address(url)
        if notifier.problems:
            results.append(AddressResult(number, address, False if send else None, "apprise does not understand it"))
            continue
        text = f"Notices about top-ups of account {settings.user_id or '(not set)'} arrive here."
        accepted = send_notice(notifier, Notice("Test of the notices", text)) if send else None
        problem = "the service did not accept the message" if accepted is False else ""
        results.append(AddressResult(number, address, accepted, problem))
    return results
