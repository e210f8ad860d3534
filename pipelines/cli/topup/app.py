"""The commands under ``smsonline topup``; as in ``app``, the work is imported when a command runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

topup_app = typer.Typer(
    name="topup",
    help="Keeps the account funded: plans, asks for and follows payments.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
PaymentId = Annotated[str, typer.Argument(metavar="ID", help="A payment's id, or the vendor's id of it.")]
By = Annotated[str, typer.Option(metavar="NAME", help="Who does this; by default the user of this machine.")]


@topup_app.command()
def plan(
    at: Annotated[
        datetime | None, typer.Option(help="Decide as of this past instant (UTC), from the ledger alone.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML with entries that replace the policy's.")
    ] = None,
    json: Json = False,
) -> None:
    """What would happen now and why: each rule's figure and limit. Reads only, creates nothing, whatever the mode."""
    from pipelines.cli.topup.plan import run_plan

    run_plan(at, policy, as_json=json)


@topup_app.command()
def run(json: Json = False) -> None:
    """One pass: reconciles, decides, and asks for a payment if every rule allows it.

    Exits 0 with its decision and reason, also when it decides against a payment; 1 when the ledger cannot be used, 2 on
    a wrong setting.
    """
    from pipelines.cli.topup.run import run_topup

    run_topup(as_json=json)


@topup_app.command()
def reconcile(json: Json = False) -> None:
    """Brings the ledger to what the vendor says and sends waiting notices; never asks for a payment."""
    from pipelines.cli.topup.run import run_reconcile

    run_reconcile(as_json=json)


@topup_app.command("list")
def list_(
    limit: Annotated[int | None, typer.Option(min=1, help="So many at most; all when left out.")] = None,
    json: Json = False,
) -> None:
    """The payments in the ledger, newest first."""
    from pipelines.cli.topup.list import run_list

    run_list(limit, as_json=json)


@topup_app.command()
def show(payment_id: PaymentId, json: Json = False) -> None:
    """One payment and its history."""
    from pipelines.cli.topup.list import run_show

    run_show(payment_id, as_json=json)


@topup_app.command()
def approve(payment_id: PaymentId, by: By = "", json: Json = False) -> None:
    """Agrees to a payment that waits for a person; the next run sends it."""
    from pipelines.cli.topup.operator import run_action

    run_action("approve", payment_id, by, as_json=json)


@topup_app.command()
def refuse(payment_id: PaymentId, by: By = "", json: Json = False) -> None:
    """Says no to a payment that waits for a person."""
    from pipelines.cli.topup.operator import run_action

    run_action("reject", payment_id, by, as_json=json)


@topup_app.command()
def finish(payment_id: PaymentId, by: By = "", json: Json = False) -> None:
    """Declares a stuck payment finished, after a look at the vendor's site: others may be created again."""
    from pipelines.cli.topup.operator import run_action

    run_action("close", payment_id, by, as_json=json)


@topup_app.command()
def pause(
    why: Annotated[str, typer.Option(metavar="TEXT", help="Shown wherever a payment is refused.")] = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Stops all payments of this ledger until they are resumed."""
    from pipelines.cli.topup.operator import run_pause

    run_pause(why, by, as_json=json)


@topup_app.command()
def resume(by: By = "", json: Json = False) -> None:
    """Ends a pause, and lets payments begin again after several failed in a row."""
    from pipelines.cli.topup.operator import run_resume

    run_resume(by, as_json=json)
