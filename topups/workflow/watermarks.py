"""Compares the ledger with the files that outlive it, and writes its present state into them."""

from contextlib import suppress
from datetime import datetime

from topups import operator_actions
from topups.decision.snapshot import Reason, Refusal
from topups.ledger import continuity
from topups.ledger.companion_files import CompanionFileError, CompanionFiles, LedgerWatermark
from topups.ledger.ledger import Ledger
from topups.ledger.models import Payment
from topups.ledger.queries import LedgerUnavailable
from topups.operator_actions import ActionNotAllowed
from topups.policy import Policy
from topups.workflow.context import ReconcileReport, TopUpContext


def check_ledger(context: TopUpContext, report: ReconcileReport) -> None:
    """Records what the ledger cannot prove; a contradiction is in ``report.contradiction``. Raises
    ``LedgerUnavailable``.
    """
    companions = context.companions
    report.contradiction = continuity.check_continuity(
        context.ledger, context.account_id, _watermarks(context), context.policy, context.clock.now()
    )
    report.unproven = missing_request(context.ledger, companions, context.policy, context.clock.now())
    if companions and report.contradiction:
        with suppress(CompanionFileError):
            companions.write_watermark(continuity.present_watermark(context.ledger), replace=True)


def doubted_until(context: TopUpContext) -> datetime | None:
    """Until when the next run would doubt the ledger beyond what is recorded in it. Records nothing."""
    return continuity.doubted_until(
        context.ledger, context.account_id, _watermarks(context), context.policy, context.clock.now()
    )


def missing_request(ledger: Ledger, companions: CompanionFiles | None, policy: Policy, now: datetime) -> str:
    """A request that left a short while ago and is not in the ledger, or an empty text.

    The vendor may still be about to list its payment, so nothing may be created meanwhile.
    """
    times = {watermark.requested_at for watermark in companions.read_watermarks()} if companions else set()
    for at in sorted(at for at in times if at is not None and at > now - policy.unknown_quiescence):
        if continuity.is_request_missing(ledger, at):
            until = f"wait until {at + policy.unknown_quiescence:%Y-%m-%d %H:%M:%S} UTC"
            return f"a request that left at {at:%Y-%m-%d %H:%M:%S} UTC is not in this ledger; {until}"
    return ""


def require_writable(context: TopUpContext) -> None:
    """Raises ``LedgerUnavailable`` if no watermark can be written: then nothing may be requested."""
    if context.companions is None:
        return
    try:
        context.companions.write_watermark(continuity.present_watermark(context.ledger))
    except CompanionFileError as error:
        raise LedgerUnavailable(_not_recorded(error)) from None


def announce_request(context: TopUpContext, sending: Payment) -> Refusal | None:
    """Writes the watermark of a request that is about to leave; a refusal if that is not possible."""
    if context.companions is None:
        return None
    try:
        context.companions.write_watermark(continuity.present_watermark(context.ledger, sending.sending_at))
    except CompanionFileError as error:
        return Refusal(Reason.LEDGER_UNAVAILABLE, _not_recorded(error))
    except LedgerUnavailable as error:
        return Refusal(Reason.LEDGER_UNAVAILABLE, str(error))
    return None


def record_end(context: TopUpContext) -> None:
    """Writes the watermark at the end of a run; what cannot be written now is reported by the next request."""
    with suppress(CompanionFileError, LedgerUnavailable):
        if context.companions:
            context.companions.write_watermark(continuity.present_watermark(context.ledger))


def correct_future_requests(context: TopUpContext, limit: datetime, now: datetime) -> None:
    """A request that left after ``limit``, by a clock that was ahead, left at ``now``, as its payment in the ledger.

    A ledger that lacks its payment waits for it from now on, and not until the wrong time has come.
    """
    companions = context.companions
    times = [watermark.requested_at for watermark in companions.read_watermarks()] if companions else []
    if companions and any(at > limit for at in times if at):
        with suppress(CompanionFileError):
            companions.write_watermark(continuity.present_watermark(context.ledger), until=now)


def pause_reason(context: TopUpContext) -> str:
    """Who paused and why, by the ledger or a file beside it; empty if nobody did."""
    return context.ledger.pause_reason(context.account_id) or file_pause_reason(context)


def file_pause_reason(context: TopUpContext) -> str:
    """Who paused and why, by the files beside the ledger; empty if nobody did."""
    return context.companions.pause_reason() if context.companions else ""


def pause_files(companions: CompanionFiles, text: str) -> bool:
    """Whether the pause is in a file at least."""
    try:
        companions.pause(text)
    except CompanionFileError:
        return False
    return True


def resume_files(companions: CompanionFiles) -> None:
    """Ends the pause of the files. Raises ``ActionNotAllowed`` that names a file which stays."""
    try:
        companions.resume()
    except CompanionFileError as error:
        raise ActionNotAllowed(str(error)) from None


def adopt_ledger(context: TopUpContext, by: str) -> list[Payment]:
    """Accepts the ledger as complete, in the ledger and in the files that outlive it.

    Returns the payments that count as others' from now on. Raises ``ActionNotAllowed``.
    """
    accepted = operator_actions.adopt(context.ledger, context.account_id, by, context.clock.now())
    if context.companions:
        try:
            context.companions.write_watermark(
                continuity.present_watermark(context.ledger), replace=True, until=context.clock.now()
            )
        except CompanionFileError as error:
            raise ActionNotAllowed(_not_recorded(error)) from None
    return accepted


def _watermarks(context: TopUpContext) -> list[LedgerWatermark]:
    written = context.companions.read_watermarks() if context.companions else []
    return [*written, *context.other_watermarks()]


def _not_recorded(error: CompanionFileError) -> str:
    return f"{error}; nothing is requested that a restored ledger could not know of: make one of them writable"
