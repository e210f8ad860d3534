"""One measurement in a fresh process: ``python -m bench.one_load PEER SHAPE VARIANT ROOT_URL FOLDER``.

Syncs a hundred rows (for services two bodies) into a folder of their own first, so that nobody's imports are timed;
then the measured sync; then compares what the file holds with what the vendor has. Prints one JSON document, or fails.
"""

from __future__ import annotations

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
    """What one load cost: seconds of wall and CPU, peak resident MB of the process; and what it left in the file."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    file_bytes: int
    versions: int
    bodies: int


def measure(peer: Peer, shape: str, variant: str, root_url: str, folder: Path) -> Load:
    """Raises ``AssertionError`` when the table does not hold exactly the vendor's rows afterwards."""
    with tempfile.TemporaryDirectory() as elsewhere:
        peer.sync(shape, f"{root_url}/warmup", Path(elsewhere))
    wall, cpu = time.perf_counter(), time.process_time()
    peer.sync(shape, f"{root_url}/{variant}", folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(part.stat().st_size for part in folder.glob(f"{peer.file}*"))  # with the log of writes, if it is left
    with duckdb.connect(str(folder / peer.file), read_only=True) as connection:
        _compare(connection.execute(peer.current[shape]).fetchall(), expected(shape, variant), peer.name)
        versions = _count(connection, f"SELECT count(*) FROM {peer.versions[shape]}") if shape in peer.versions else 0
        bodies = _count(connection, peer.bodies) if peer.bodies else 0
    return Load(wall, cpu, peak, size, versions, bodies)


def _compare(found: list[tuple[object, ...]], wanted: list[tuple[object, ...]], name: str) -> None:
    assert len(found) == len(wanted), f"{name}: {len(found)} rows stored, the vendor has {len(wanted)}"
    missing = set(wanted) - set(found)
    assert not missing, f"{name}: {len(missing)} rows are not stored as the vendor has them, such as {missing.pop()}"


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    assert row
    return int(row[0])


if __name__ == "__main__":
    name, shape, variant, root_url, folder = sys.argv[1:]
    load = measure(PEERS[name], shape, variant, root_url, Path(folder))
    sys.stdout.write(json.dumps(asdict(load)))
