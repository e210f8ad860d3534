"""When top-ups run: a sensor that asks for a pass when the balance is low, and a schedule that reconciles.

Both may be executed by anybody at any time, as a preview in the UI does: they read the ledger and Dagster's own
records, call nobody and write nothing. What they see may be old when the pass begins, which decides anew by itself.
"""

from __future__ import annotations

import dagster as dg

from pipelines.hooks import NO_RETRIES
from pipelines.schedules import unfinished
from pipelines.settings import Settings, SettingsError, load_settings
from pipelines.topup.jobs import CREATE_JOB, RECONCILE_JOB, asked_for
from pipelines.topup_service import TopUpService
from topups.decision.evaluate import Evaluation
from topups.decision.reasons import Reason, Refusal

RECONCILE = "topup_reconcile"
SECONDS_BETWEEN_LOOKS = 60
EVERY_TWO_MINUTES = "*/2 * * * *"
# Only a pass that asks the vendor cures these.
CURED_BY_RECONCILING = frozenset({Reason.BALANCE_UNREADABLE, Reason.BALANCE_STALE, Reason.LEDGER_UNAVAILABLE})


@dg.sensor(
    name="low_balance",
    job_name=CREATE_JOB,
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Asks for a payment when the balance is low and every rule allows it. Off until you switch it on.",
)
def low_balance(context: dg.SensorEvaluationContext) -> dg.SkipReason | dg.RunRequest:
    """One look. The run key names the facts: the same facts ask once, and facts that moved may ask again."""
    if unfinished(context.instance, CREATE_JOB):
        return dg.SkipReason(f"{Reason.IN_FLIGHT}: a run of {CREATE_JOB} has not ended")
    try:
        found = planned(load_settings())
    except SettingsError as error:
        return dg.SkipReason(f"{Reason.NO_POLICY}: {error}")
    if isinstance(found.decision, Refusal):
        return dg.SkipReason(_said(found.decision))
    return dg.RunRequest(
        run_key=f"{found.account_id}:{found.facts_fingerprint}",
        run_config=asked_for(found.account_id, found.facts_fingerprint),
        tags={**NO_RETRIES, "smsonline/account": found.account_id, "smsonline/decision": found.facts_fingerprint},
    )


@dg.schedule(
    name=RECONCILE,
    job_name=RECONCILE_JOB,
    cron_schedule=EVERY_TWO_MINUTES,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Follows payments, refreshes the balance that the sensor looks at, sends notices. Asks for no money.",
)
def topup_reconcile(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One tick. On by default, so that switching the mode off never leaves a payment unwatched."""
    if unfinished(context.instance, RECONCILE_JOB):
        return dg.SkipReason(f"the previous run of {RECONCILE_JOB} has not ended")
    try:
        idle = nothing_to_follow(load_settings())
    except SettingsError as error:
        return dg.SkipReason(f"{Reason.NO_POLICY}: {error}")
    return dg.SkipReason(idle) if idle else dg.RunRequest()


def planned(settings: Settings) -> Evaluation:
    """The verdict on what the ledger has written down. Raises ``SettingsError``."""
    return TopUpService(settings).evaluate_now()


def nothing_to_follow(settings: Settings) -> str:
    """Why a pass would have nothing to do."""
    return TopUpService(settings).idle_reason()


def _said(refusal: Refusal) -> str:
    cure = f"; the schedule {RECONCILE} has to be on" if refusal.reason in CURED_BY_RECONCILING else ""
    return f"{refusal}{cure}"
