"""The assets ``topups/payments`` and ``topups/events``: the ledger, brought to what the vendor says, then mirrored.

They are not in the pool of the syncs: a sync that waits for the vendor must not hold up money. The mirror opens the
warehouse for a moment only, and waits while a sync writes.
"""

# No postponed annotations here: Dagster reads the parameters' types.

import warnings
from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines.ledger_copy import LedgerCopyResult
from pipelines.topup.resource import TopUps
from topups.money import usd
from topups.workflow.reconcile_report import ReconcileReport
from warehouse.mirror import TABLES
from warehouse.tables import Column

SCHEMA = "topups"
KEYS = {name: dg.AssetKey([SCHEMA, name]) for name in TABLES}
ASSETS = tuple(KEYS.values())
DOCS = {
    "payments": "Every payment of the ledger and its present state; links and addresses are only in the ledger.",
    "events": "Every change of a payment or of the switches, in order.",
}


def column_schema(columns: tuple[Column, ...]) -> dg.TableSchema:
    """The columns with types and comments."""
    return dg.TableSchema([dg.TableColumn(column.name, column.type, column.comment) for column in columns])


@dg.op(description="Brings the ledger to what the vendor says and sends waiting notices.", out=dg.Out(dg.Nothing))
def reconcile(context: dg.OpExecutionContext, topups: dg.ResourceParam[TopUps]) -> None:
    """One pass that asks for no money. A vendor that does not answer is no failure: checks tell how long that lasts."""
    outcome = topups.reconcile(context.log.warning)
    done, delivered = outcome.report, outcome.notices_delivered
    for problem in done.as_json()["problems"]:
        context.log.warning(problem)
    context.add_output_metadata(_seen(done) | {"notices_delivered": delivered})


@dg.op(
    description="Mirrors what changed in the ledger into the warehouse and publishes it.",
    ins={"reconciled": dg.In(dg.Nothing)},
    out={name: dg.Out(dg.Nothing) for name in TABLES},
)
def mirror(context: dg.OpExecutionContext, topups: dg.ResourceParam[TopUps]) -> Iterator[dg.Output[None]]:
    """Without a change nothing is written."""
    done = topups.mirror()
    for name, columns in TABLES.items():
        yield _output(name, _copied(name, columns, done) | {"run_id": context.run_id}, done.version)


@dg.graph_multi_asset(
    outs={
        name: dg.AssetOut(
            key=KEYS[name],
            description=DOCS[name],
            kinds={"duckdb", "sqlalchemy"},
            metadata={"dagster/column_schema": column_schema(columns)},
        )
        for name, columns in TABLES.items()
    },
    group_name=SCHEMA,
)
def ledger_in_sql() -> Any:
    """First the ledger, then its mirror."""
    return mirror(reconcile())


def _output(name: str, metadata: dict[str, Any], version: str) -> dg.Output[None]:
    """The marts follow the data version: the same ledger asks for no new look."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.Output(None, name, metadata=metadata, data_version=dg.DataVersion(version))


def _seen(done: ReconcileReport) -> dict[str, Any]:
    told = done.as_json()
    moved = [f"{step['payment_id']}: {step['from']} -> {step['to']}" for step in told["moved"]]
    return {
        "balance": usd(done.balance.cents) if done.balance else "unknown",
        "problems": "; ".join(told["problems"]) or "none",
        "moved": "; ".join(moved) or "none",
        "adopted": len(done.adopted),
    }


def _copied(name: str, columns: tuple[Column, ...], done: LedgerCopyResult) -> dict[str, Any]:
    return {
        "dagster/row_count": done.rows[name],
        "dagster/column_schema": column_schema(columns),
        "written": done.written[name],
        "seconds": round(done.seconds, 3),
        "preview": dg.MetadataValue.md(done.previews[name]),
    }
