"""A warehouse that was synced over an afternoon from a sandbox, as a pytest plugin."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from pydantic import SecretStr
from topup_afternoon import NOW, STEP, STEPS, TOP_UP, Synced

from pipelines.bootstrap import open_pipeline
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, serve
from warehouse.database.opening import open_warehouse

MONEY = ("balances", "inventory", "invoices", "discount_tiers", "coupons")


@pytest.fixture(scope="module")
def same_day() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture(scope="session")
def synced(tmp_path_factory) -> Synced:
    """Four hours of syncs that end at ``NOW``, of an account with simulated orders."""
    with time_machine.travel(NOW - (STEPS - 1) * STEP) as clock:
        return _synced(clock, tmp_path_factory)


def _synced(clock: time_machine.Traveller, folders: pytest.TempPathFactory) -> Synced:
    end, copies = folders.mktemp("end"), {}
    vendor = Sandbox()
    with serve(vendor) as address:
        settings = Settings.model_construct(
            user_id=vendor.user_id,
            api_key=SecretStr(vendor.api_key),
            base_url=address.base_url,
            v2_base_url=address.v2_base_url,
            warehouse=end / "warehouse.duckdb",
        )
        for left in reversed(range(STEPS)):
            clock.move_to(at := NOW - left * STEP)
            vendor.advance(0)
            if left == STEPS - 3:
                invoice = vendor.state.account.create_invoice("cryptomus", TOP_UP, round(at.timestamp()))
                vendor.pay(invoice.uuid, TOP_UP)
            with open_pipeline(settings) as pipeline:
                assert all(result.outcome.status == "ok" for result in pipeline.sync(MONEY))
            with open_warehouse(settings.warehouse) as connection:
                connection.execute("CHECKPOINT")
            copies[at] = folders.mktemp("copy") / "warehouse.duckdb"
            shutil.copy(settings.warehouse, copies[at])
        with open_pipeline(settings) as pipeline:
            pipeline.publish()
    return Synced(end, copies, vendor)


@pytest.fixture
def warehouse(synced, same_day, home) -> Path:
    """A copy of the synced warehouse for one test."""
    shutil.copytree(synced.end, home / "data")
    return home / "data" / "warehouse.duckdb"
