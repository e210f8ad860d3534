"""A warehouse with nine days behind it, synced from the sandbox, whose newest answer is of this minute."""

import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from assets.datasets import DATASETS
from pipelines.bootstrap import open_pipeline
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, SandboxAddress, serve

# Ages of the syncs: one before any "last Tuesday", one before yesterday, one of now.
AGES = (timedelta(days=9), timedelta(hours=26), timedelta())


def sync_through(home: Path, sandbox: Sandbox, address: SandboxAddress, began: datetime) -> Path:
    """Syncs at each age, with time passing at the vendor in between; returns the warehouse's file."""
    warehouse = home / "data" / "warehouse.duckdb"
    key = SecretStr(sandbox.api_key)
    settings = Settings(user_id=sandbox.user_id, api_key=key, base_url=address.base_url, warehouse=warehouse)
    for place, age in enumerate(AGES):
        passed = AGES[0] - age
        if place:
            sandbox.advance((AGES[place - 1] - age).total_seconds())
        with open_pipeline(settings, now=lambda at=began + passed: at) as path:
            assert {result.outcome.status for result in path.sync(list(DATASETS))} == {"ok"}
            path.publish()
    return warehouse


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse file; ``analytics.duckdb`` lies beside it. No test writes to either.

    Tests that run in several processes at once share one: who comes second waits for it.
    """
    mine = tmp_path_factory.getbasetemp()
    home = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "docs"
    home.mkdir(exist_ok=True)
    warehouse = home / "data" / "warehouse.duckdb"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "done").exists():
            began = datetime.now(UTC) - AGES[0]
            sandbox = Sandbox(now=lambda: began)
            with serve(sandbox) as address:
                warehouse = sync_through(home, sandbox, address, began)
            (home / "done").touch()
    return warehouse
