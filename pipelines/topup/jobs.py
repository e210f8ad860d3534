"""The two jobs of the top-ups: one that may ask for a payment, one that only looks.

Dagster is the clock, never the lock: a run may come twice, at once, again after a failure or by a person's hand. The
ledger lets one of them send one request.
"""

# No postponed annotations here: Dagster reads the parameters' types.

import base64
from typing import Any

import dagster as dg
from pydantic import Field

from pipelines.hooks import NO_RETRIES, tell_and_stop
from pipelines.topup.assets import ASSETS
from pipelines.topup.checks import CHECKED_EACH_PASS
from pipelines.topup.resource import TopUps
from topups.ledger import Payment
from topups.money import usd
from topups.notifications.messages import qr_png
from topups.notifications.rules import PAYABLE
from topups.workflow.topup_run import TopUpRunResult

CREATE_JOB, RECONCILE_JOB = "topup_create_job", "topup_reconcile_job"
# Longer than a pass whose every question to the vendor is repeated until its deadline.
MAX_RUNTIME_SECONDS = 900
# Where runs wait for each other, money goes before syncs.
TAGS = {"dagster/max_runtime": str(MAX_RUNTIME_SECONDS), "dagster/priority": "10"}


class Asked(dg.Config):
    """Who needs money, and which look at the facts asked for it. Never how much: the pass decides that on new facts."""

    account_id: str = Field(description="The account to fill; has to be the one of the settings.")
    decision_id: str = Field("", description="Of this decision at most one payment comes, however often it is run.")


def asked_for(account_id: str, decision_id: str) -> dict[str, Any]:
    """Run configuration of ``topup_create_job``."""
    return {"ops": {create_payment.name: {"config": {"account_id": account_id, "decision_id": decision_id}}}}


@dg.op(
    description="Reconciles, decides anew, and asks for one payment if every rule allows it.", out=dg.Out(dg.Nothing)
)
def create_payment(context: dg.OpExecutionContext, config: Asked, topups: dg.ResourceParam[TopUps]) -> None:
    """One pass. Succeeds with any decision and any outcome: what is not certain is a state of the payment."""
    # A tag of the run goes before those of the job: whoever launched it may have asked for retries.
    context.instance.add_run_tags(context.run_id, NO_RETRIES)
    # By hand, without a decision: a re-execution is still the same decision.
    decision_id = config.decision_id or f"run:{context.run.root_run_id or context.run_id}"
    done = topups.pay(config.account_id, decision_id, context.log.warning)
    context.log.info(said(done))
    context.add_output_metadata(metadata(done))


@dg.job(
    name=CREATE_JOB,
    description="Asks for one payment if the balance is low and every rule allows it. Safe to run at any time.",
    executor_def=dg.in_process_executor,
    tags=TAGS | NO_RETRIES,
    hooks={tell_and_stop},
)
def topup_create_job() -> None:
    """One step, in one process, without retries."""
    create_payment()


topup_reconcile_job = dg.define_asset_job(
    RECONCILE_JOB,
    dg.AssetSelection.assets(*ASSETS).without_checks() | dg.AssetSelection.checks(*CHECKED_EACH_PASS),
    description="Follows the payments at the vendor, sends notices, mirrors the ledger. Asks for no money.",
    executor_def=dg.in_process_executor,
    tags=TAGS,
    hooks={tell_and_stop},
)


def said(done: TopUpRunResult) -> str:
    """The decision in one line."""
    if done.refusal is not None:
        return f"no payment is asked for: {done.refusal}"
    payment = done.payment
    if payment is None:
        return "a payment was asked for, but another program has taken it over"
    return f"asked for {usd(payment.amount_cents)} by {payment.rail}: {payment.state}, payment {payment.payment_id}"


def metadata(done: TopUpRunResult) -> dict[str, Any]:
    """What the run's page shows. Links and addresses come from verified columns only."""
    told = {name: value for name, value in done.as_json().items() if name not in ("planned", "reconciled")}
    payment = done.payment
    if payment is None:
        return _present(told)
    told |= {"amount": usd(payment.amount_cents), "amount_cents": payment.amount_cents, "rail": payment.rail}
    return _present(told | {"detail": payment.detail} | _how_to_pay(payment))


def _how_to_pay(payment: Payment) -> dict[str, Any]:
    target = payment.address or payment.url
    if payment.state not in PAYABLE or not target:
        return {}
    picture = base64.b64encode(qr_png(target)).decode()
    return {
        "link": dg.MetadataValue.url(payment.url) if payment.url else None,
        "address": payment.address,
        "send": f"{payment.amount_in_crypto or '?'} {payment.currency} on {payment.network}"
        if payment.address
        else None,
        "qr": dg.MetadataValue.md(f"![scan to pay](data:image/png;base64,{picture})"),
    }


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}
