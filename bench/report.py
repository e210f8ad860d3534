"""Reports the measurements: targets on the terminal, everything in ``docs/benchmarks.md``."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.history_growth import Growth
from bench.loads import SCENARIOS, Measured, Spread, spread
from bench.marts import Marts, mart_rows, mart_targets
from bench.sensor import SensorTiming, sensor_targets
from bench.targets import TargetResult, file_growth, load_targets, new_versions

PACKAGES = ("dlt", "duckdb", "httpx", "msgspec", "numpy", "orjson", "pandas", "pyarrow", "zstandard")
TEMPLATE = Path(__file__).with_name("benchmarks.md")


@dataclass(frozen=True)
class Measurements:
    """All measurements of one run."""

    loads: Measured
    growth: Growth
    marts: Marts
    sensor: Sequence[SensorTiming]

    @property
    def targets(self) -> list[TargetResult]:
        """All targets with their results."""
        return [*load_targets(self.loads, self.growth), *mart_targets(self.marts), *sensor_targets(self.sensor)]


def show(measurements: Measurements) -> bool:
    """Prints the targets. Returns whether all of them are met."""
    table = Table("figure", "target", "measured", "met", title="ours against the targets")
    for line in measurements.targets:
        table.add_row(line.figure, line.target, line.measured, "[green]yes" if line.met else "[red]no")
    Console(width=120).print(table)
    return all(line.met for line in measurements.targets)


def write(path: Path, measurements: Measurements, repeats: int) -> None:
    """Writes the whole report: targets, raw figures, machine, versions, method."""
    text = TEMPLATE.read_text("utf-8")
    sections = {
        "targets": _targets(measurements.targets),
        "loads": _loads(measurements.loads),
        "growth": _growth(measurements.growth),
        "marts": _markdown(("mart", "rows", "reads", "scan, ms", "mart, ms", "ratio"), mart_rows(measurements.marts)),
        "refresh": _refresh(measurements.marts),
        "sensor": _sensor(measurements.sensor),
        "machine": _machine(),
        "repeats": str(repeats),
    }
    for name, section in sections.items():
        text = text.replace(f"{{{{ {name} }}}}", section)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")


def _targets(results: Sequence[TargetResult]) -> str:
    rows = ((line.figure, line.target, line.measured, "yes" if line.met else "**no**") for line in results)
    return _markdown(("figure", "target", "measured", "met"), rows)


def _loads(measured: Measured) -> str:
    head = ("load", "by", "wall, s", "CPU, s", "peak RSS, MB", "file, MB", "file growth", "new versions")
    rows = []
    for scenario in SCENARIOS:
        for peer in scenario.peers:
            loads = measured[scenario.name, peer]
            figures = [_spread(spread(loads, name)) for name in ("wall_seconds", "cpu_seconds")]
            size = f"{spread(loads, 'file_bytes').median / 1e6:.1f}"
            again = (
                f"{file_growth(measured, scenario.name, peer):.1%}",
                str(new_versions(measured, scenario.name, peer)),
            )
            peak = f"{spread(loads, 'peak_mb').median:.0f}"
            rows.append((scenario.name, peer, *figures, peak, size, *(again if scenario.again else ("", ""))))
    return _markdown(head, rows)


def _growth(growth: Growth) -> str:
    rows = (
        ("snapshots loaded", f"{growth.snapshots:,} in {growth.seconds:,.0f} s"),
        ("versions stored", f"{growth.versions:,}"),
        ("size with history", f"{growth.history_bytes / 1e6:,.1f} MB"),
        (
            f"size append-only (scaled from {growth.appended_sample:,} snapshots)",
            f"{growth.append_only_bytes / 1e6:,.1f} MB",
        ),
        ("scan of the current table", f"{growth.scan_seconds * 1000:.2f} ms"),
        ("as-of query, median over the period", f"{growth.as_of_seconds * 1000:.2f} ms"),
        ("as-of query, slowest day", f"{growth.as_of_worst_seconds * 1000:.2f} ms"),
    )
    return _markdown(("figure", "measured"), rows)


def _refresh(marts: Marts) -> str:
    rows = [
        (name, f"{refresh.days}", f"{refresh.materialize_seconds:.3f}", f"{refresh.publish_seconds:.2f}")
        for name, refresh in (
            ("first, of everything", marts.first),
            ("after an ordinary sync", marts.ordinary),
            ("after the first sync of a new day", marts.midnight),
        )
    ]
    return _markdown(("refresh", "days materialized", "materializing them, s", "publishing the copy, s"), rows)


def _sensor(timings: Sequence[SensorTiming]) -> str:
    rows = [
        (f"{timing.payments:,} over {timing.spread_days:,} days", f"{timing.median_seconds * 1000:.0f}", timing.message)
        for timing in timings
    ]
    return _markdown(("payments", "median of an evaluation, ms", "message"), rows)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    properties = (
        ("day", f"{datetime.now(UTC):%Y-%m-%d}"),
        ("machine", f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()}"),
        ("load average at the end", f"{os.getloadavg()[0]:.1f}"),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in PACKAGES),
    )
    return _markdown(("property", "value"), properties)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _spread(figure: Spread) -> str:
    return f"{figure.median:.2f} ({figure.lowest:.2f} to {figure.highest:.2f})"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
