"""The Dagster home of ``make up``: created on first use, one warehouse's, and never used twice at a time."""

import os
import shutil
from contextlib import ExitStack, closing
from pathlib import Path

from pipelines.cli.console import print_stderr
from pipelines.up.home_locks import HomeLock

INSTANCE_TEMPLATE = Path(__file__).parents[1] / "dagster.yaml"
# The warehouse whose runs and materializations the home has.
OWNER = "warehouse_id"
# Processes of an earlier make up notice within a second that it has ended.
PROCESSES_SECONDS = 10


def open_home(home: Path, warehouse_id: str | None, *, is_default: bool) -> HomeLock:
    """Creates ``home`` unless it exists, locks it and makes it the ``DAGSTER_HOME`` of this process and its children.

    A default home that has the records of another warehouse is set aside, and that of this warehouse is brought back
    or begun. One that the user has set is left alone. Raises ``HomeInUse`` and ``OSError``.
    """
    home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        lock = stack.enter_context(closing(HomeLock(home)))
        owner_file = home / OWNER
        owner = owner_file.read_text("utf-8").strip() if owner_file.exists() else None
        if owner and warehouse_id and owner != warehouse_id:
            if is_default:
                lock.wait_for_processes(PROCESSES_SECONDS)
                lock.close()
                _exchange(home, owner, warehouse_id)
                lock = stack.enter_context(closing(HomeLock(home)))
            else:
                print_stderr(
                    f"warning: {home} has the records of another warehouse, which the UI shows too; "
                    "set DAGSTER_HOME to a folder of its own for each warehouse"
                )
        if warehouse_id and not owner_file.exists():
            owner_file.write_text(f"{warehouse_id}\n", "utf-8")
        if not (home / "dagster.yaml").exists():
            shutil.copyfile(INSTANCE_TEMPLATE, home / "dagster.yaml")
        stack.pop_all()
    os.environ["DAGSTER_HOME"] = str(home)
    return lock


def _exchange(home: Path, owner: str, warehouse_id: str) -> None:
    aside, former = (home.with_name(f"{home.name}-{identity[:8]}") for identity in (owner, warehouse_id))
    number = 1
    while aside.exists():
        number += 1
        aside = home.with_name(f"{home.name}-{owner[:8]}-{number}")
    home.rename(aside)
    if former.exists():
        former.rename(home)
    home.mkdir(exist_ok=True)
    print_stderr(f"Dagster's records so far are those of another warehouse: they are now in {aside}")
