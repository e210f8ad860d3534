"""The commands under ``smsonline topup``. As in ``pipelines.cli.app``, implementations are imported when they run."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

topup_app = typer.Typer(
    name="topup",
    help="Keeps the account funded: plans, requests and tracks payments.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
PaymentId = Annotated[
    str, typer.Argument(metavar="ID", help="The payment's id or the vendor's; eight characters suffice.")
]
By = Annotated[str, typer.Option(metavar="NAME", help="Who does this (default: the user who runs the command).")]


@topup_app.command()
def plan(
    at: Annotated[
        datetime | None, typer.Option(help="Decide as of this past time (UTC), from the ledger alone.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file with entries that override the policy.")
    ] = None,
    json: Json = False,
) -> None:
    """Shows what a run would do now and why: every check with its value and limit. Read-only in every mode."""
    from pipelines.cli.topup.plan import run_plan

    run_plan(at, policy, as_json=json)


@topup_app.command()
def run(json: Json = False) -> None:
    """Reconciles, decides, and requests one payment if every check passes.

    Exits 0 whether or not a payment was requested (the decision and reason are printed), 1 when the ledger cannot be
    used, 2 on a wrong setting.
    """
    from pipelines.cli.topup.run import run_topup

    run_topup(as_json=json)


@topup_app.command()
def reconcile(json: Json = False) -> None:
    """Updates the ledger from the vendor's payment list and sends pending notices. Never requests a payment."""
    from pipelines.cli.topup.run import run_reconcile

    run_reconcile(as_json=json)


@topup_app.command()
def notify(
    test: Annotated[bool, typer.Option("--test", help="Send a test message to every address.")] = False,
    json: Json = False,
) -> None:
    """Lists the addresses for notices, without their secrets; with --test sends a message to each.

    Exits 1 when an address cannot be used or did not accept the message, 2 when none is set.
    """
    from pipelines.cli.topup.notify import run_notify

    run_notify(test=test, as_json=json)


@topup_app.command("list")
def list_payments(
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of payments to show (default: all).")] = None,
    json: Json = False,
) -> None:
    """Lists the payments in the ledger, newest first."""
    from pipelines.cli.topup.payments import run_list

    run_list(limit, as_json=json)


@topup_app.command()
def show(payment_id: PaymentId, json: Json = False) -> None:
    """Shows one payment and its history."""
    from pipelines.cli.topup.payments import run_show

    run_show(payment_id, as_json=json)


@topup_app.command()
def approve(payment_id: PaymentId, by: By = "", json: Json = False) -> None:
    """Approves a payment that awaits approval; the next run requests it."""
    from pipelines.cli.topup.payments import run_action

    run_action("approve", payment_id, by, as_json=json)


@topup_app.command("refuse", hidden=True)
@topup_app.command()
def reject(payment_id: PaymentId, by: By = "", json: Json = False) -> None:
    """Rejects a payment that awaits approval (alias: refuse)."""
    from pipelines.cli.topup.payments import run_action

    run_action("reject", payment_id, by, as_json=json)


@topup_app.command("finish", hidden=True)
@topup_app.command()
def close(payment_id: PaymentId, by: By = "", json: Json = False) -> None:
    """Closes a stuck payment, after a check on the vendor's site, so that it blocks no other one (alias: finish)."""
    from pipelines.cli.topup.payments import run_action

    run_action("close", payment_id, by, as_json=json)


@topup_app.command()
def pause(
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, shown with every refusal.")] = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Stops all payments of this ledger until ``resume``."""
    from pipelines.cli.topup.payments import run_pause

    run_pause(why, by, as_json=json)


@topup_app.command()
def resume(by: By = "", json: Json = False) -> None:
    """Ends a pause, and resets the circuit breaker after several failed payments."""
    from pipelines.cli.topup.payments import run_resume

    run_resume(by, as_json=json)


@topup_app.command()
def adopt(by: By = "", json: Json = False) -> None:
    """Accepts this ledger as complete: payments at the vendor that it could not attribute are those of others.

    After a restored or replaced ledger, or when a payment looks like one of another ledger. Look at the payments first.
    """
    from pipelines.cli.topup.adopt import run_adopt

    run_adopt(by, as_json=json)


@topup_app.command()
def prove(json: Json = False) -> None:
    """Shows on a local sandbox that no payment is requested twice, beside a naive sensor. Needs no settings."""
    from pipelines.cli.topup.prove import run_prove

    run_prove(as_json=json)
