"""Reports a ledger that cannot be used directly: its outbox is part of it.

Files beside the ledger remember when that was reported, so that it is reported once a day.
"""

from datetime import datetime

from topups.decision.remedies import remedy
from topups.decision.snapshot import Reason
from topups.ledger.companion_files import CompanionFiles
from topups.notifications.delivery import Notifier, send_notice
from topups.notifications.rendering import Notice
from topups.policy import DAY, MODES, Policy

REPORTED, ENDED = f"{Reason.LEDGER_UNAVAILABLE}", f"{Reason.LEDGER_UNAVAILABLE}:ended"


def report_ledger(
    notifier: Notifier, files: CompanionFiles | None, account_id: str, problem: str, policy: Policy, now: datetime
) -> bool:
    """Sends that the ledger cannot be used, or that it can be used again; returns whether it was sent now.

    ``problem`` is empty where the ledger works. Nothing is sent in mode off, and twice in a day only after it worked in
    between. Without ``files`` each run reports it.
    """
    if policy.mode == MODES[0]:
        return False
    reported_at = files.last_notice_at(f"{account_id}:{REPORTED}") if files else None
    ended_at = files.last_notice_at(f"{account_id}:{ENDED}") if files else None
    is_reported = reported_at is not None and (ended_at is None or ended_at < reported_at)
    if not problem:
        return is_reported and _send(notifier, files, f"{account_id}:{ENDED}", _ended_notice(account_id), now)
    if is_reported and reported_at is not None and now - reported_at < DAY:
        return False
    return _send(notifier, files, f"{account_id}:{REPORTED}", _notice(account_id, problem, policy, now), now)


def _send(notifier: Notifier, files: CompanionFiles | None, key: str, notice: Notice, now: datetime) -> bool:
    sent = send_notice(notifier, notice)
    if sent and files:
        files.record_notice(key, now)
    return sent


def _notice(account_id: str, problem: str, policy: Policy, now: datetime) -> Notice:
    lines = (
        f"Account {account_id}: {problem}",
        f"Seen {policy.waking_hours.text(now)}",
        f"What helps: {remedy(Reason.LEDGER_UNAVAILABLE)}",
    )
    title = f"No payment can be requested: {Reason.LEDGER_UNAVAILABLE}"
    return Notice(title, "\n".join(lines), urgent=policy.mode != "dry_run")


def _ended_notice(account_id: str) -> Notice:
    return Notice("Top-ups continue", f"Account {account_id}: the ledger can be used again")
