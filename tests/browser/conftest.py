"""An installed Chromium for each module, and one Dagster server for all modules that need one."""

import os
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from dagster_server import DagsterServer, dagster_server
from playwright.sync_api import Browser, sync_playwright

from warehouse.schema.mart_views import marts

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not executable:
        pytest.fail("no Chromium: install the package chromium, or name its executable in CHROMIUM")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterServer]:
    """``make up`` on the sandbox, whose daemon has loaded every dataset by itself, and the marts by request.

    By itself the daemon makes them at its next look, after five minutes; test_mart_assets evaluates that tick.
    """
    settings = {"SMSONLINE_TOPUP_MODE": "dry_run"}
    with dagster_server(tmp_path_factory.mktemp("up"), settings) as server:
        server.wait_for(lambda: any(run["status"] == "SUCCESS" for run in server.runs("sync_datasets")))
        server.run(server.launch("__ASSET_JOB", [*(f"marts/{name}" for name in marts()), "report"]), "SUCCESS")
        yield server


class HangingSync(NamedTuple):
    """A run of ``sync_datasets`` that waits for the vendor.

    ``launch_seconds`` is how long a reconcile before it took to start once it had left the queue.
    """

    run: dict[str, Any]
    launch_seconds: float


@pytest.fixture(scope="session")
def hanging_sync(server: DagsterServer) -> HangingSync:
    """From here on the vendor does not respond to a request for statistics; it rejects that for coupons before."""
    reconcile = server.run(server.launch("topup_reconcile_job"), "SUCCESS")
    server.fail("coupons", "http_403")
    server.fail("statistics", "timeout")
    run = server.run(server.launch("sync_datasets", ["sms/coupons", "sms/statistics"]), "STARTED")
    return HangingSync(run, reconcile["startTime"] - server.queued_until(reconcile["runId"]))
