"""Performance targets compared with the measurements."""

from dataclasses import dataclass

from bench.history_growth import YEAR, Growth
from bench.loads import Measured, Spread, ratios, spread


@dataclass(frozen=True)
class TargetResult:
    """One target: the figure, its target value, the measured value, and whether the target is met."""

    figure: str
    target: str
    measured: str
    met: bool


def load_targets(measured: Measured, growth: Growth) -> list[TargetResult]:
    """All targets for loads and growth, in the order of the report."""
    return [
        _faster(measured, "first load", "dlt merge", 6),
        _faster(measured, "first load", "dlt scd2", 9),
        _faster(measured, "identical", "dlt scd2", 30),
        *_identical_targets(measured),
        _faster(measured, "another order", "dlt scd2", 10),
        _no_versions(measured, "another order"),
        _faster(measured, "1 % changed", "dlt scd2", 10),
        _faster(measured, "100 bodies", "dlt merge", 6),
        _baseline(measured),
        *_memory(measured),
        *_growth(growth),
    ]


def new_versions(measured: Measured, scenario: str, peer: str = "ours") -> int:
    """Version rows added to those of the first load; the worst run."""
    before = measured["first load", peer][0].versions
    return max(load.versions - before for load in measured[scenario, peer])


def file_growth(measured: Measured, scenario: str, peer: str = "ours") -> float:
    """Relative growth of the file after the load; the worst run."""
    pairs = zip(measured[scenario, peer], measured["first load", peer], strict=True)
    return max(after.file_bytes / before.file_bytes - 1 for after, before in pairs)


def times(ratio: Spread) -> str:
    """A ratio with its smallest and largest pair."""
    return f"{ratio.median:.1f} times ({ratio.lowest:.1f} to {ratio.highest:.1f})"


def _faster(measured: Measured, scenario: str, peer: str, target: float) -> TargetResult:
    ratio = ratios(measured, scenario, peer)
    return TargetResult(
        f"{scenario}, against {peer}", f">= {target:g} times faster", times(ratio), ratio.median >= target
    )


def _no_versions(measured: Measured, scenario: str) -> TargetResult:
    new = new_versions(measured, scenario)
    return TargetResult(f"{scenario}: new version rows", "0", str(new), new == 0)


def _identical_targets(measured: Measured) -> list[TargetResult]:
    bodies = max(load.bodies for load in measured["identical", "ours"])
    grown = file_growth(measured, "identical")
    return [
        _no_versions(measured, "identical"),
        TargetResult("identical: copies of the body", "1", str(bodies), bodies == 1),
        TargetResult("identical: file growth", "< 1 %", f"{grown:.2%}", grown < 0.01),
    ]


def _baseline(measured: Measured) -> TargetResult:
    ratio = ratios(measured, "first load", "ours", "baseline")
    return TargetResult("first load, against the baseline", "<= 1.6 times its time", times(ratio), ratio.median <= 1.6)


def _memory(measured: Measured) -> list[TargetResult]:
    results = []
    for scenario, peer in (("first load", "dlt merge"), ("100 bodies", "dlt merge")):
        ours, theirs = (spread(measured[scenario, name], "peak_mb").median for name in ("ours", peer))
        results.append(
            TargetResult(f"{scenario}: peak RSS", f"<= dlt's {theirs:.0f} MB", f"{ours:.0f} MB", ours <= theirs)
        )
    return results


def _growth(growth: Growth) -> list[TargetResult]:
    year = "a year of snapshots" if growth.snapshots >= YEAR else f"{growth.snapshots} snapshots (NOT a year)"
    share, slower = growth.history_bytes / growth.append_only_bytes, growth.as_of_seconds / growth.scan_seconds
    return [
        TargetResult(f"{year}: size against append-only", "<= 5 %", f"{share:.2%}", share <= 0.05),
        TargetResult(f"{year}: as-of query against a scan", "<= 3 times", f"{slower:.1f} times", slower <= 3),
    ]
