"""The assets ``topups/payments`` and ``topups/events``: the copy of the payment ledger in the warehouse.

Making them reads the ledger and writes the warehouse: it calls no vendor and sends no notices. They are part of every
sync run, so the copy follows the ledger within one tick.
"""

# No postponed annotations here: Dagster reads the parameters' types.

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.dagster.check_results import asset_check_result
from assets.dagster.dataset_assets import POOL
from assets.quality.checks import CheckResult
from pipelines.defs.jobs import LEDGER_AUDIT
from pipelines.defs.resources import TopUpResource
from warehouse.ledger_replica import TABLES

SCHEMA = "topups"
PAYMENTS, EVENTS = dg.AssetKey([SCHEMA, "payments"]), dg.AssetKey([SCHEMA, "events"])
LEDGER_ASSETS = (PAYMENTS, EVENTS)
DESCRIPTIONS = {
    "payments": "Every payment of the ledger with its present state; links and addresses are in the ledger only.",
    "events": "Every change of a payment or of the switches, in order.",
}
SCHEMAS = {
    name: dg.TableSchema([dg.TableColumn(column.name, column.type, column.comment) for column in columns])
    for name, columns in TABLES.items()
}
# It reads the ledger by itself, because it also reports a ledger that cannot be read.
NOT_BLOCKED = dg.AssetCheckSpec(
    "topups_not_blocked",
    asset=PAYMENTS,
    description="No due top-up is stopped; an error, or a warning while it waits for approval.",
)
# The checks of pipelines.topups.health, which imports SQLAlchemy: only a run does that.
HEALTH_CHECKS = {
    "no_unknown_outcomes": "No request has an unknown outcome; an error when one waits for a person or for too long.",
    "open_invoices_paid_in_time": "No open invoice runs out: a warning at half of its life, an error at nine tenths.",
    "paid_is_credited": "What was paid shows in the balance.",
    "balance_increases_explained": "Each larger increase of the balance in the last day has its payment in the ledger.",
    "spend_below_caps": "The caps per day, week and month have room: warnings at 80 and 90 %, an error at 100 %.",
    "observations_fresh": "Balance and payment list were read recently, unless there is nothing to track.",
}
NO_LEDGER = CheckResult(True, "there is no ledger yet")


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            [SCHEMA, name],
            description=DESCRIPTIONS[name],
            kinds={"duckdb", "sqlalchemy"},
            group_name=SCHEMA,
            metadata={"dagster/column_schema": SCHEMAS[name]},
        )
        for name in TABLES
    ],
    check_specs=[
        NOT_BLOCKED,
        *(dg.AssetCheckSpec(name, asset=PAYMENTS, description=text) for name, text in HEALTH_CHECKS.items()),
    ],
    pool=POOL,
)
def ledger_tables(
    context: dg.AssetExecutionContext, topups: dg.ResourceParam[TopUpResource]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Without a change in the ledger nothing is written. A ledger that cannot be read fails a check before the run."""
    from pipelines.topups.health import CHECKS, topups_not_blocked

    not_blocked = asset_check_result(PAYMENTS, NOT_BLOCKED.name, topups_not_blocked(topups.read_state()))
    try:
        result, health = topups.copy_ledger(), topups.load_health()
    except dg.Failure:
        yield not_blocked
        raise
    yield not_blocked if health else asset_check_result(PAYMENTS, NOT_BLOCKED.name, NO_LEDGER)
    for name in TABLES:
        # The marts follow the data version: the same ledger refreshes nothing.
        version = dg.DataVersion((result and result.version) or "empty")
        metadata: dict[str, Any] = {"dagster/column_schema": SCHEMAS[name], "run_id": context.run.run_id}
        if result:
            metadata |= {"dagster/row_count": result.rows[name], "written": result.written[name]}
            metadata |= {"seconds": round(result.seconds, 3), "preview": dg.MetadataValue.md(result.previews[name])}
        else:
            metadata |= {"dagster/row_count": 0, "written": 0}
        yield dg.MaterializeResult([SCHEMA, name], metadata=metadata, data_version=version)
    for name, check in CHECKS.items():
        yield asset_check_result(PAYMENTS, name, check(health) if health else NO_LEDGER)


@dg.asset_check(
    name=LEDGER_AUDIT.name,
    asset=EVENTS,
    description="The events are unbroken, legal, and lead to the present payments. Reads the whole ledger.",
)
def audit_events(topups: dg.ResourceParam[TopUpResource]) -> dg.AssetCheckResult:
    """Whether anybody changed past events."""
    contradictions = topups.audit_ledger()
    message = "; ".join(contradictions[:5]) if contradictions else "no contradiction"
    result = CheckResult(not contradictions, message, True, {"contradictions": len(contradictions), "limit": 0})
    return asset_check_result(EVENTS, LEDGER_AUDIT.name, result)
