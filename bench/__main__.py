"""``python -m bench``: measures everything, prints the targets, writes ``docs/benchmarks.md``."""

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from bench import report, vendor
from bench.history_growth import YEAR, Growth
from bench.loads import measure_loads, run_in_process
from bench.marts import Marts
from bench.report import Measurements
from bench.sensor import SensorTiming

REPORT = Path("docs/benchmarks.md")


def main() -> None:
    """Runs in the root of the repository. Exits with 1 when a target is missed and ``--strict`` is given."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with vendor.running() as root_url:
            measured = measure_loads(root_url, Path(folder), options.repeats, _print_progress)
        _print_progress(f"{options.snapshots} snapshots")
        growth = msgspec.json.decode(
            run_in_process("bench.history_growth", folder, str(options.snapshots)), type=Growth
        )
        _print_progress("marts over a year")
        marts = msgspec.json.decode(run_in_process("bench.marts", folder, str(YEAR)), type=Marts)
        _print_progress("the sensor")
        sensor = msgspec.json.decode(run_in_process("bench.sensor"), type=list[SensorTiming])
    measurements = Measurements(measured, growth, marts, sensor)
    met = report.show(measurements)
    report.write(options.out, measurements, options.repeats)
    _print_progress(f"written to {options.out}")
    sys.exit(1 if options.strict and not met else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each load by each peer (default: 5)")
    parser.add_argument("--snapshots", type=int, default=YEAR, help="length of the simulated period (default: a year)")
    parser.add_argument("--out", type=Path, default=REPORT, help="path of the report")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    return parser.parse_args()


def _print_progress(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()
