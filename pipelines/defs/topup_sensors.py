"""When top-ups run: a sensor that requests a run when the balance is low, and a schedule that reconciles.

Both may be evaluated by anybody at any time, as a preview in the UI does: they read the ledger and Dagster's own
records, call no vendor and write nothing. The run decides again, on fresh data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from pipelines.defs.jobs import NO_RETRIES
from pipelines.defs.schedules import active_runs
from pipelines.defs.topup_jobs import CREATE_JOB, RECONCILE_JOB, create_payment_run_config
from pipelines.settings import SettingsError, load_settings
from topups.decision.snapshot import Reason, Refusal

if TYPE_CHECKING:
    from pipelines.topup_service import TopUpService

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
    if active_runs(context.instance, CREATE_JOB):
        return dg.SkipReason(f"{Reason.IN_FLIGHT}: a run of {CREATE_JOB} has not ended")
    try:
        evaluation = _service().evaluate_now()
    except SettingsError as error:
        return dg.SkipReason(f"{Reason.NO_POLICY}: {error}")
    if isinstance(evaluation.decision, Refusal):
        fix = f"; the schedule {RECONCILE} has to be on" if evaluation.decision.reason in FIXED_BY_RECONCILE else ""
        return dg.SkipReason(f"{evaluation.decision}{fix}")
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
    if active_runs(context.instance, RECONCILE_JOB):
        return dg.SkipReason(f"the previous run of {RECONCILE_JOB} has not ended")
    try:
        idle_reason = _service().idle_reason()
    except SettingsError as error:
        return dg.SkipReason(f"{Reason.NO_POLICY}: {error}")
    return dg.SkipReason(idle_reason) if idle_reason else dg.RunRequest()


def _service() -> TopUpService:
    from pipelines.topup_service import TopUpService  # imports SQLAlchemy

    return TopUpService(load_settings())
