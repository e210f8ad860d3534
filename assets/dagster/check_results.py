"""The asset checks of each dataset: one read of the warehouse, then the judgements of ``assets.quality``."""

# No postponed annotations here: Dagster reads the parameters' types.

from collections.abc import Iterator

import dagster as dg

from assets.dagster.dataset_assets import POOL, Account, asset_key
from assets.declaration import Dataset
from assets.quality.table_stats import facts_of
from assets.quality.checks import Finding, checks_for


def dataset_checks(dataset: Dataset) -> dg.AssetChecksDefinition:
    """All checks of ``dataset``; they need the resource ``smsonline``, an ``Account``."""
    checks = checks_for(dataset)

    @dg.multi_asset_check(
        name=f"check_{dataset.name}",
        specs=[
            dg.AssetCheckSpec(name, asset=asset_key(dataset.name), description=(check.__doc__ or "").splitlines()[0])
            for name, check in checks.items()
        ],
        pool=POOL,
    )
    def check_dataset(smsonline: dg.ResourceParam[Account]) -> Iterator[dg.AssetCheckResult]:
        with smsonline.reading() as connection:
            facts = facts_of(connection, dataset)
        for name, check in checks.items():
            yield _result(dataset.name, name, check(dataset, facts))

    return check_dataset


def _result(dataset: str, check: str, finding: Finding) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key(dataset),
        check_name=check,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.ERROR if finding.severe else dg.AssetCheckSeverity.WARN,
        description=finding.said,
        metadata=dict(finding.facts),
    )
