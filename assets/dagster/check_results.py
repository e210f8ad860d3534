"""Check specifications and results in Dagster's terms."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from assets.quality.checks import CheckResult


def check_specs(asset: dg.AssetKey, checks: Mapping[str, Callable[..., Any]]) -> list[dg.AssetCheckSpec]:
    """A specification per check; the first line of the function's docstring describes it."""
    return [
        dg.AssetCheckSpec(name, asset=asset, description=(check.__doc__ or "").splitlines()[0])
        for name, check in checks.items()
    ]


def asset_check_result(asset: dg.AssetKey, name: str, result: CheckResult) -> dg.AssetCheckResult:
    """``result`` as Dagster records it."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if result.is_error else dg.AssetCheckSeverity.WARN,
        description=result.message,
        metadata=dict(result.measurements),
    )
