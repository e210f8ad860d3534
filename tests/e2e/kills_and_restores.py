"""Random kills and restores of older files; after each, every reader sees exactly the warehouse's rows.

``python -m tests.e2e.kills_and_restores [KILLS] [RESTORES] [SEED]``: 300 kills and 20 restores take some minutes.
"""

import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

from assets.datasets import DATASETS
from warehouse.failpoints import POINTS, VARIABLE

# A load that changed nothing reaches the copy within the hour: its row, and the time of the last look at each row.
ROWS = {f"sms.{name}_history": f"SELECT * EXCLUDE (last_seen_at) FROM sms.{name}_history" for name in DATASETS}
ROWS["ops.loads"] = "SELECT * FROM ops.loads WHERE inserted + changed + closed > 0"
ROWS |= {table: f"SELECT * FROM {table}" for table in ("topups.payments", "topups.events")}
COMMANDS = (
    ("sync",),
    ("sync", "statistics", "inventory"),
    ("sync", "countries"),
    ("replay",),
    ("replay", "statistics"),
)


def tables_that_differ(first: Path, second: Path) -> list[str]:
    """Tables whose rows are not the same, as often, in both files."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{first}' AS first (READ_ONLY); ATTACH '{second}' AS second (READ_ONLY)")
        return [table for table, rows in ROWS.items() if _count_differences(connection, table, rows)]


def _count_differences(connection: duckdb.DuckDBPyConnection, table: str, rows: str) -> int:
    first, second = (rows.replace(table, f"{database}.{table}") for database in ("first", "second"))
    differ = f"SELECT count(*) FROM (({first} EXCEPT ALL {second}) UNION ALL ({second} EXCEPT ALL {first}))"
    row = connection.execute(differ).fetchone()
    assert row
    return int(row[0])


def files_of(site: Any) -> dict[Path, bytes]:
    """The warehouse with its log and its copy, as they are now."""
    copy, log = site.warehouse.with_name("analytics.duckdb"), site.warehouse.with_name("warehouse.duckdb.wal")
    return {path: path.read_bytes() if path.exists() else b"" for path in (site.warehouse, log, copy)}


def put_back(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        path.unlink(missing_ok=True)
        if content:
            path.write_bytes(content)


def kill_one(site: Any, chance: random.Random) -> str:
    """A command that is killed at a named point or after a random time; what it was."""
    site.sandbox.advance(chance.choice((60, 1800, 3600)))
    arguments = chance.choice(COMMANDS)
    if chance.random() < 0.5:
        point = chance.choice(POINTS)
        code = site.command(*arguments, **{VARIABLE: point}).run().returncode
        return f"{arguments[0]} {point}" if code == -signal.SIGKILL else "ended before"
    running = site.command(*arguments).start()
    time.sleep(chance.uniform(0.05, 1.0))
    running.process.kill()
    return f"{arguments[0]} at random" if running.ended().returncode == -signal.SIGKILL else "ended before"


def restore_one(files: list[dict[Path, bytes]], chance: random.Random) -> str:
    """Puts back the warehouse of another time, its copy, both, or both of different times."""
    first, second = chance.choice(files), chance.choice(files)
    kind = chance.choice(("warehouse", "copy", "both", "mixed"))
    warehouse, log, copy = first
    if kind != "copy":
        put_back({warehouse: first[warehouse], log: first[log]})
    if kind != "warehouse":
        put_back({copy: (second if kind == "mixed" else first)[copy]})
    return f"restored {kind}"


def assert_copy_equals(site: Any) -> None:
    copy = site.warehouse.with_name("analytics.duckdb")
    assert tables_that_differ(site.warehouse, copy) == []
    assert not list(site.warehouse.parent.glob("*.new")) + list(site.warehouse.parent.glob("*.rebuild*"))


def run(site: Any, kills: int, restores: int, seed: int, *, always: bool = True) -> Counter[str]:
    """``kills`` and ``restores`` in random order, each followed by a clean sync (not ``always``: by every third)."""
    chance, counts = random.Random(seed), Counter[str]()
    site.sync()
    stored = [files_of(site)]
    steps = ["kill"] * kills + ["restore"] * restores
    chance.shuffle(steps)
    for number, step in enumerate(steps):
        counts[kill_one(site, chance) if step == "kill" else restore_one(stored, chance)] += 1
        if always or step == "restore" or number % 3 == 0:
            completed = site.command("sync", "countries", "balances").run()
            assert completed.returncode == 0, completed.stderr
            assert_copy_equals(site)
            if chance.random() < 0.2:
                stored.append(files_of(site))
    site.sync()
    site.assert_equals_the_vendor()
    assert_copy_equals(site)
    return counts


def main(kills: int, restores: int, seed: int) -> None:
    """Prints what was killed and restored; an assertion fails for a wrong row."""
    import tempfile

    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import serve_site

    with tempfile.TemporaryDirectory() as home, serve_site(Path(home)) as site:
        began = time.perf_counter()
        counts = run(site, kills, restores, seed, always=False)
        for name, number in sorted(counts.items()):
            sys.stdout.write(f"{number:5} {name}\n")
        sys.stdout.write(f"every copy equalled its warehouse; {time.perf_counter() - began:.0f} s\n")


if __name__ == "__main__":
    main(*(int(argument) for argument in [*sys.argv[1:], *("300", "20", "1")[len(sys.argv) - 1 :]]))
