"""The two jobs of the top-ups: one that may request a payment, one that only reads at the vendor.

Dagster is the clock, never the lock: a run may come twice, at once, again after a failure, or started by hand. The
ledger lets one of them send one request. Neither job is in the pool of the warehouse: a sync that waits for the vendor
does not delay money.
"""

# No postponed annotations here: Dagster reads the parameters' types.

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from pipelines.defs.jobs import NO_RETRIES
from pipelines.defs.resources import TopUpResource
from pipelines.settings import SettingsError
from smsonline.errors import VendorError

if TYPE_CHECKING:
    from pipelines.topups.outcomes import TopUpOutcome

logger = logging.getLogger("smsonline.topups")
CREATE_JOB, RECONCILE_JOB = "topup_create_job", "topup_reconcile_job"
# Longer than the slowest legal run: ``ClientConfig.longest_use_seconds`` of its client, a busy ledger, notices.
MAX_RUNTIME_SECONDS = 1800
# Where runs are queued, money goes before syncs.
TAGS = NO_RETRIES | {"dagster/max_runtime": str(MAX_RUNTIME_SECONDS), "dagster/priority": "10"}


@contextmanager
def fail_in_one_line() -> Iterator[None]:
    """Raises ``dagster.Failure`` with one line for an unexpected error; the traceback is in the log."""
    from topups.ledger import LedgerUnavailable  # imports SQLAlchemy

    try:
        yield
    except (dg.Failure, SettingsError, VendorError, LedgerUnavailable):  # each is one line already
        raise
    except Exception as error:
        logger.exception("a defect stopped the run")
        line = f"a defect stopped the run ({type(error).__name__}); the traceback is in the log; please report it"
        raise dg.Failure(line, allow_retries=False) from None


class CreatePaymentConfig(dg.Config):
    """The account and an idempotency key. The amount is never part of it: the run decides on fresh data."""

    account_id: str = Field(description="The account to fill; must be that of the settings.")
    decision_id: str = Field("", description="Idempotency key: one payment at most, however often the run is repeated.")


def create_payment_run_config(account_id: str, decision_id: str) -> dict[str, Any]:
    """Run configuration of ``topup_create_job``."""
    return {"ops": {create_payment.name: {"config": {"account_id": account_id, "decision_id": decision_id}}}}


@dg.op(description="Reconciles, decides, and requests one payment if every rule allows it.", out=dg.Out(dg.Nothing))
def create_payment(
    context: dg.OpExecutionContext, config: CreatePaymentConfig, topups: dg.ResourceParam[TopUpResource]
) -> None:
    """Succeeds with any decision and any outcome: an uncertain outcome is a state of the payment."""
    from pipelines.topups.presenter import outcome_line

    # A tag of the run overrides that of the job: whoever launched it may have asked for retries.
    context.instance.add_run_tags(context.run_id, NO_RETRIES)
    # A re-execution of a run without a key is still the same decision.
    idempotency_key = config.decision_id or f"run:{context.run.root_run_id or context.run_id}"
    with fail_in_one_line():
        outcome = topups.request_topup(config.account_id, idempotency_key, context.log.warning)
    context.log.info(outcome_line(outcome.result))
    context.add_output_metadata(create_metadata(outcome))


@dg.job(
    name=CREATE_JOB,
    description="Requests one payment if the balance is low and every rule allows it. Safe to run at any time.",
    executor_def=dg.in_process_executor,
    tags=TAGS,
)
def topup_create_job() -> None:
    """One step, in one process, without retries."""
    create_payment()


@dg.op(description="Updates the ledger from the vendor and sends waiting notices.", out=dg.Out(dg.Nothing))
def reconcile_ledger(context: dg.OpExecutionContext, topups: dg.ResourceParam[TopUpResource]) -> None:
    """Requests no payment. A vendor that does not respond is no failure: a check reports how long that lasts."""
    with fail_in_one_line():
        report = topups.reconcile(context.log.warning).as_json()
    for problem in report["problems"]:
        context.log.warning(problem)
    context.add_output_metadata(reconcile_metadata(report))


@dg.job(
    name=RECONCILE_JOB,
    description="Tracks the payments at the vendor and sends notices. Requests no payment.",
    executor_def=dg.in_process_executor,
    tags=TAGS,
)
def topup_reconcile_job() -> None:
    """One step, in one process."""
    reconcile_ledger()


def create_metadata(outcome: "TopUpOutcome") -> dict[str, Any]:
    """What the run's page shows of a run that may request a payment, without empty values."""
    from pipelines.topups.presenter import payment_instructions
    from topups.money import usd
    from topups.notifications.payment_uris import scan_text
    from topups.notifications.rendering import qr_png

    metadata = {name: value for name, value in outcome.as_json().items() if name not in ("planned", "reconciled")}
    payment = outcome.result.payment
    if payment is not None:
        metadata |= {"amount": usd(payment.amount_cents), "amount_cents": payment.amount_cents, "rail": payment.rail}
        instructions: dict[str, Any] = dict(payment_instructions(payment))
        if instructions:
            png = base64.b64encode(qr_png(scan_text(payment))).decode()
            instructions["qr"] = dg.MetadataValue.md(f"![scan to pay](data:image/png;base64,{png})")
        if "link" in instructions:
            instructions["link"] = dg.MetadataValue.url(instructions["link"])
        metadata |= instructions | {"detail": payment.detail}
    return {name: value for name, value in metadata.items() if value not in (None, "")}


def reconcile_metadata(report: dict[str, Any]) -> dict[str, Any]:
    """What the run's page shows of the JSON of a ``ReconcileOutcome``."""
    from topups.money import usd

    moved = [f"{step['payment_id']}: {step['from']} -> {step['to']}" for step in report["moved"]]
    return {
        "balance": "unknown" if report["balance_cents"] is None else usd(report["balance_cents"]),
        "problems": "; ".join(report["problems"]) or "none",
        "moved": "; ".join(moved) or "none",
        "adopted": len(report["adopted"]),
        "notices_delivered": report["notices_delivered"],
    }
