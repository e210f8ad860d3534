"""What ends a refusal, per reason: the command or setting that notices, plan, status, report and checks show."""

from collections.abc import Mapping

from topups.decision.snapshot import Reason

DOCTOR = "smsonline doctor shows what the vendor returns"
# `{id}` is the payment that the refusal is about.
REMEDIES: Mapping[Reason, str] = {
    Reason.DISABLED: "set SMSONLINE_TOPUP_MODE to dry_run, approve or auto",
    Reason.KILL_SWITCH: "smsonline topup resume; also unset SMSONLINE_TOPUP_KILL and kill in smsonline.toml",
    Reason.DRY_RUN_WOULD_CREATE: "set SMSONLINE_TOPUP_MODE to approve or auto",
    Reason.NO_POLICY: "correct the settings that the message names, then smsonline topup plan",
    Reason.BALANCE_OK: "nothing to do",
    Reason.BALANCE_STALE: "run smsonline topup reconcile every two minutes",
    Reason.BALANCE_UNREADABLE: DOCTOR,
    Reason.IN_FLIGHT: "smsonline topup show {id}",
    Reason.OUTCOME_UNKNOWN: "smsonline topup reconcile searches for it; after two hours smsonline topup close {id}",
    Reason.PAYMENT_OPEN_AT_VENDOR: "pay it or let it expire; smsonline topup show {id}",
    Reason.PAID_NOT_CREDITED: "wait; after an hour contact the vendor; smsonline topup show {id}",
    Reason.VENDOR_LIST_UNAVAILABLE: DOCTOR,
    Reason.VENDOR_LIST_INCOMPLETE: DOCTOR,
    Reason.COOLDOWN: "wait, or lower [topup] cooldown_seconds",
    Reason.BACKOFF: "wait, or smsonline topup resume once the cause is gone",
    Reason.BREAKER_OPEN: "find the cause in smsonline topup list, then smsonline topup resume",
    Reason.CAP_DAY: "wait, or raise SMSONLINE_TOPUP_CAP_DAY_CENTS",
    Reason.CAP_WEEK: "wait, or raise SMSONLINE_TOPUP_CAP_WEEK_CENTS",
    Reason.CAP_MONTH: "wait, or raise SMSONLINE_TOPUP_CAP_MONTH_CENTS",
    Reason.COUNT_CAP: "wait, or raise [topup] creates_per_day",
    Reason.EXPOSURE_CAP: "lower SMSONLINE_TOPUP_TARGET_CENTS, or raise [topup] exposure_cents",
    Reason.AMOUNT_BELOW_MIN: "lower SMSONLINE_TOPUP_AMOUNT_MIN_CENTS, or raise SMSONLINE_TOPUP_TARGET_CENTS",
    Reason.AMOUNT_ABOVE_MAX: "raise SMSONLINE_TOPUP_AMOUNT_MAX_CENTS",
    Reason.NETWORK_NOT_ALLOWED: "set [topup] currencies and networks, or another coin and network",
    Reason.AWAITING_APPROVAL: "smsonline topup approve {id}, or smsonline topup reject {id}",
    Reason.APPROVAL_EXPIRED: "smsonline topup run requests approval again",
    Reason.ANOMALOUS_BURN: "check the spending, then smsonline topup approve {id}",
    Reason.CLOCK_SUSPECT: "set the clock of this machine",
    Reason.LEDGER_UNAVAILABLE: "do what the message says, then smsonline topup reconcile",
    Reason.LEDGER_UNPROVEN: "compare smsonline topup list with the vendor's site, then smsonline topup adopt",
    Reason.UNITS_DISAGREE: "correct [topup_units] as the message says, then smsonline topup close {id}",
    Reason.OUTSIDE_HOURS: "wait, or change [topup] hours",
    Reason.LOST_RACE: "nothing to do: another program was faster",
    Reason.NOT_SENT_STALE: "nothing to do: the next run decides again",
    Reason.NOT_EXECUTED: "switch on the sensor low_balance in Dagster, or run smsonline topup run",
}


def remedy(reason: Reason, payment_id: str = "") -> str:
    """What ends a refusal: a command, a setting, or waiting. Without ``payment_id`` commands show the word ``ID``."""
    return REMEDIES[reason].format(id=payment_id or "ID")
