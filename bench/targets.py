"""What the project promises, held against what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from bench.growth import YEAR, Growth
from bench.loads import Measured, Spread, ratios, spread


@dataclass(frozen=True)
class Line:
    """One promise: what it is about, the target, what was measured, and whether it is kept."""

    figure: str
    target: str
    measured: str
    met: bool


def lines(measured: Measured, growth: Growth) -> list[Line]:
    """Every target, in the order of the promise."""
    return [
        _faster(measured, "first load", "dlt merge", 6),
        _faster(measured, "first load", "dlt scd2", 9),
        _faster(measured, "identical", "dlt scd2", 30),
        *_nothing_new(measured),
        _faster(measured, "another order", "dlt scd2", 10),
        _no_versions(measured, "another order"),
        _faster(measured, "1 % changed", "dlt scd2", 10),
        _faster(measured, "100 bodies", "dlt merge", 6),
        _floor(measured),
        *_memory(measured),
        *_growth(growth),
    ]


def new_versions(measured: Measured, scenario: str, peer: str = "ours") -> int:
    """Version rows that the load added to those of the first load, at worst."""
    before = measured["first load", peer][0].versions
    return max(load.versions - before for load in measured[scenario, peer])


def file_growth(measured: Measured, scenario: str, peer: str = "ours") -> float:
    """Share by which the load let the file grow, at worst."""
    pairs = zip(measured[scenario, peer], measured["first load", peer], strict=True)
    return max(after.file_bytes / before.file_bytes - 1 for after, before in pairs)


def times(ratio: Spread) -> str:
    """A ratio with the extremes of its pairs."""
    return f"{ratio.median:.1f} times ({ratio.lowest:.1f} to {ratio.highest:.1f})"


def _faster(measured: Measured, scenario: str, peer: str, target: float) -> Line:
    ratio = ratios(measured, scenario, peer)
    return Line(f"{scenario}, against {peer}", f">= {target:g} times faster", times(ratio), ratio.median >= target)


def _no_versions(measured: Measured, scenario: str) -> Line:
    new = new_versions(measured, scenario)
    return Line(f"{scenario}: new version rows", "0", str(new), new == 0)


def _nothing_new(measured: Measured) -> list[Line]:
    bodies = max(load.bodies for load in measured["identical", "ours"])
    grown = file_growth(measured, "identical")
    return [
        _no_versions(measured, "identical"),
        Line("identical: copies of the body", "1", str(bodies), bodies == 1),
        Line("identical: file growth", "< 1 %", f"{grown:.2%}", grown < 0.01),
    ]


def _floor(measured: Measured) -> Line:
    ratio = ratios(measured, "first load", "ours", "floor")
    return Line("first load, against the floor", "<= 1.6 times its time", times(ratio), ratio.median <= 1.6)


def _memory(measured: Measured) -> list[Line]:
    found = []
    for scenario, peer in (("first load", "dlt merge"), ("100 bodies", "dlt merge")):
        ours, theirs = (spread(measured[scenario, name], "peak_mb").median for name in ("ours", peer))
        found.append(Line(f"{scenario}: peak RSS", f"<= dlt's {theirs:.0f} MB", f"{ours:.0f} MB", ours <= theirs))
    return found


def _growth(growth: Growth) -> list[Line]:
    year = "a year of snapshots" if growth.snapshots >= YEAR else f"{growth.snapshots} snapshots (NOT a year)"
    share, slower = growth.history_bytes / growth.append_only_bytes, growth.as_of_seconds / growth.scan_seconds
    return [
        Line(f"{year}: size against append-only", "<= 5 %", f"{share:.2%}", share <= 0.05),
        Line(f"{year}: as-of query against a scan", "<= 3 times", f"{slower:.1f} times", slower <= 3),
    ]
