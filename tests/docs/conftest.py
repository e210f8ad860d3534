"""A warehouse with a history of nine days, synced from the sandbox; the newest response is of this minute."""

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

# Ages of the syncs: before any "last Tuesday", before yesterday, now.
AGES = (timedelta(days=9), timedelta(hours=26), timedelta())


def sync_through(home: Path, sandbox: Sandbox, address: SandboxAddress, began: datetime) -> Path:
    """Syncs at each age, with time passing at the vendor in between; returns the path of the warehouse."""
    warehouse = home / "data" / "warehouse.duckdb"
    key = SecretStr(sandbox.api_key)
    settings = Settings(user_id=sandbox.user_id, api_key=key, base_url=address.base_url, warehouse=warehouse)
    for index, age in enumerate(AGES):
        now = began + AGES[0] - age
        if index:
            sandbox.advance((AGES[index - 1] - age).total_seconds())
        with open_pipeline(settings, now=lambda at=now: at) as pipeline:
            assert {result.outcome.status for result in pipeline.sync(list(DATASETS))} == {"ok"}
            pipeline.publish()
    return warehouse


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse file, with ``analytics.duckdb`` beside it. No test writes to either.

    Parallel test processes share one: the first makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "docs"
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
