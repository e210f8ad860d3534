"""One measurement in a fresh process: ``python -m bench.measure_load PEER SHAPE VARIANT ROOT_URL FOLDER``.

First syncs a hundred rows (for services two bodies) into a temporary folder, so that imports are not timed; then runs
the measured sync and compares the stored rows with the vendor's. Prints one JSON document, or fails.
"""

import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from bench.peers import PEERS, Peer
from bench.vendor_rows import expected


@dataclass(frozen=True)
class Load:
    """Cost of one load (wall and CPU seconds, peak resident MB of the process) and the state of the file afterwards."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    file_bytes: int
    versions: int
    bodies: int


def measure(peer: Peer, shape: str, variant: str, root_url: str, folder: Path) -> Load:
    """Measures one load. Raises ``AssertionError`` unless the table contains exactly the vendor's rows."""
    with tempfile.TemporaryDirectory() as warm_up:
        peer.sync(shape, f"{root_url}/warmup", Path(warm_up))
    wall, cpu = time.perf_counter(), time.process_time()
    peer.sync(shape, f"{root_url}/{variant}", folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(file.stat().st_size for file in folder.glob(f"{peer.file}*"))  # including a remaining write-ahead log
    with duckdb.connect(str(folder / peer.file), read_only=True) as connection:
        _compare(connection.execute(peer.current[shape]).fetchall(), expected(shape, variant), peer.name)
        versions = _count(connection, f"SELECT count(*) FROM {peer.versions[shape]}") if shape in peer.versions else 0
        bodies = _count(connection, peer.bodies) if peer.bodies else 0
    return Load(wall, cpu, peak, size, versions, bodies)


def _compare(stored: list[tuple[object, ...]], expected_rows: list[tuple[object, ...]], name: str) -> None:
    assert len(stored) == len(expected_rows), f"{name}: {len(stored)} rows stored, the vendor has {len(expected_rows)}"
    missing = set(expected_rows) - set(stored)
    assert not missing, f"{name}: {len(missing)} rows are not stored as the vendor has them, such as {missing.pop()}"


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    assert row
    return int(row[0])


if __name__ == "__main__":
    name, shape, variant, root_url, folder = sys.argv[1:]
    load = measure(PEERS[name], shape, variant, root_url, Path(folder))
    sys.stdout.write(json.dumps(asdict(load)))
