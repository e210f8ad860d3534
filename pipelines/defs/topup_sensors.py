"""When top-ups run: a sensor that requests a run when the balance is low, and a schedule that reconciles.

Both may be evaluated by anybody at any time, as a preview in the UI does: they read the ledger and Dagster's own
records, call no vendor and write nothing. The run decides again, on fresh data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import dagster as dg

from pipelines.defs.jobs import NO_RETRIES
from pipelines.defs.schedules import active_runs
from pipelines.defs.topup_jobs import CREATE_JOB, RECONCILE_JOB, create_payment_run_config
from pipelines.settings import SettingsError, load_settings
from topups.decision.remedies import remedy
from topups.decision.snapshot import Reason, Refusal

if TYPE_CHECKING:
    from pipelines.topups.service import TopUpService

Result = TypeVar("Result")
RECONCILE = "topup_reconcile"
MIN_INTERVAL_SECONDS = 60
EVERY_TWO_MINUTES = "*/2 * * * *"
FIXED_BY_RECONCILE = frozenset({Reason.BALANCE_UNREADABLE, Reason.BALANCE_STALE, Reason.LEDGER_UNAVAILABLE})


@dg.sensor(
    name="low_balance",
    job_name=CREATE_JOB,
    minimum_interval_seconds=MIN_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Requests a payment when the balance is low and every rule allows it. Off until you switch it on.",
)
def low_balance(context: dg.SensorEvaluationContext) -> dg.SkipReason | dg.RunRequest:
    """The run key names the data decided on: the same data request one run, changed data may request another."""
    evaluation = _read_unless_running(context.instance, CREATE_JOB, lambda service: service.evaluate_now())
    if isinstance(evaluation, str):
        return dg.SkipReason(evaluation)
    if isinstance(evaluation.decision, Refusal):
        return dg.SkipReason(_refusal_text(evaluation.decision))
    return dg.RunRequest(
        run_key=f"{evaluation.account_id}:{evaluation.facts_fingerprint}",
        run_config=create_payment_run_config(evaluation.account_id, evaluation.facts_fingerprint),
        tags={
            **NO_RETRIES,
            "smsonline/account": evaluation.account_id,
            "smsonline/decision": evaluation.facts_fingerprint,
        },
    )


@dg.schedule(
    name=RECONCILE,
    job_name=RECONCILE_JOB,
    cron_schedule=EVERY_TWO_MINUTES,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Tracks payments, reads the balance that the sensor decides on, sends notices. Requests no payment.",
)
def topup_reconcile(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """On by default, so that switching the mode off leaves no payment untracked."""
    idle_reason = _read_unless_running(context.instance, RECONCILE_JOB, lambda service: service.idle_reason())
    return dg.SkipReason(idle_reason) if idle_reason else dg.RunRequest()


def _read_unless_running(
    instance: dg.DagsterInstance, job: str, read: Callable[[TopUpService], Result]
) -> Result | str:
    """What ``read`` returns, or why it is not called: a run of the job goes on, or a setting is wrong."""
    from pipelines.topups.service import TopUpService  # imports SQLAlchemy

    if active_runs(instance, job):
        return f"{Reason.IN_FLIGHT}: a run of {job} has not ended"
    try:
        return read(TopUpService(load_settings()))
    except SettingsError as error:
        return f"{Reason.NO_POLICY}: {error}"


def _refusal_text(refusal: Refusal) -> str:
    """The refusal and what helps."""
    if refusal.reason == Reason.BALANCE_OK:
        return str(refusal)
    reconciles = f"; the schedule {RECONCILE} has to be on" if refusal.reason in FIXED_BY_RECONCILE else ""
    return f"{refusal}; what to do: {remedy(refusal.reason, refusal.payment_id)}{reconciles}"
