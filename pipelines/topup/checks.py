"""The checks of the mirrored assets: one look at the ledger, then the judgements of ``pipelines.topup.quality``."""

# No postponed annotations here: Dagster reads the parameters' types.

from collections.abc import Iterator

import dagster as dg

from assets.quality import Finding
from pipelines.topup.assets import KEYS
from pipelines.topup.resource import TopUps
from pipelines.topup_health import CHECKS

NO_LEDGER = Finding(True, "there is no ledger yet")
HISTORY = "history_whole"
CHECKED_EACH_PASS = tuple(dg.AssetCheckKey(KEYS["payments"], name) for name in CHECKS)


@dg.multi_asset_check(
    name="check_topups_payments",
    specs=[
        dg.AssetCheckSpec(name, asset=KEYS["payments"], description=(check.__doc__ or "").splitlines()[0])
        for name, check in CHECKS.items()
    ],
)
def check_payments(topups: dg.ResourceParam[TopUps]) -> Iterator[dg.AssetCheckResult]:
    """All that can be seen without reading the whole history."""
    facts = topups.facts()
    for name, check in CHECKS.items():
        yield _result("payments", name, check(facts) if facts else NO_LEDGER)


@dg.asset_check(
    asset=KEYS["events"],
    name=HISTORY,
    description="The events are unbroken, legal, and lead to the present payments. Reads the whole ledger.",
)
def check_events(topups: dg.ResourceParam[TopUps]) -> dg.AssetCheckResult:
    """Whether anybody changed the past."""
    found = topups.contradictions()
    said = "; ".join(found[:5]) if found else "no contradiction"
    return _result("events", HISTORY, Finding(not found, said, facts={"contradictions": len(found), "limit": 0}))


def _result(table: str, check: str, finding: Finding) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=KEYS[table],
        check_name=check,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.ERROR if finding.severe else dg.AssetCheckSeverity.WARN,
        description=finding.said,
        metadata=dict(finding.facts),
    )
