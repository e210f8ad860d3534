"""``smsonline status``: fresh, stale, never; quick to start."""

import shutil

import duckdb
import pytest
from pydantic import SecretStr

from assets.datasets import DATASETS
from pipelines.bootstrap import open_pipeline
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, serve


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """The folder of a warehouse in which everything was synced just now."""
    sandbox, folder = Sandbox(), tmp_path_factory.mktemp("synced")
    with serve(sandbox) as address:
        given = {"user_id": sandbox.user_id, "api_key": SecretStr(sandbox.api_key), "base_url": address.base_url}
        with open_pipeline(Settings(**given, warehouse=folder / "warehouse.duckdb")) as path:
            assert {result.outcome.status for result in path.sync(list(DATASETS))} == {"ok"}
            path.publish()
    return folder


@pytest.fixture
def filled(synced, home):
    """A working folder with a copy of it."""
    shutil.copytree(synced, home / "data")


def test_everything_is_fresh_after_a_sync(filled, vendor, command):
    result = command("status", "--json")
    assert result.code == 0
    rows = {row["dataset"]: row for row in result.document["datasets"]}
    assert list(rows) == list(DATASETS)
    assert not any(row["stale"] for row in rows.values())
    assert rows["balances"]["rows"] == 1
    account = result.document["accounts"][0]
    assert (account["account_id"], account["balance_cents"] > 0) == (vendor.user_id, True)


def test_the_text_names_the_balance(filled, vendor, command):
    assert f"account {vendor.user_id}: balance " in command("status").out


def test_a_dataset_older_than_two_cadences_is_stale(filled, command, home):
    with duckdb.connect(str(home / "data/warehouse.duckdb")) as connection:
        connection.execute("UPDATE ops.loads SET finished_at = now() - INTERVAL 31 MINUTE WHERE dataset = 'statistics'")
    result = command("status", "--json")
    assert result.code == 1
    assert [row["dataset"] for row in result.document["datasets"] if row["stale"]] == ["statistics"]


def test_without_a_warehouse_the_next_step_is_named(home, command):
    result = command("status")
    assert result.code == 1
    assert "run smsonline sync" in result.err
    assert all(row["stale"] for row in command("status", "--json").document["datasets"])


def test_rejects_drift_and_last_error_are_shown(vendor, command):
    command("sync", "popular")
    vendor.advance(1500)
    vendor.faults.add("popular", "extra_field", times=1)
    command("sync", "popular")
    vendor.faults.add("popular", "not_ok")
    command("sync", "popular")
    row = next(row for row in command("status", "--json").document["datasets"] if row["dataset"] == "popular")
    assert (row["last_status"], row["drift"]) == ("failed", 1)
    assert "popular" in row["last_error"]


@pytest.mark.parametrize("arguments", [["--help"], ["status"]])
def test_help_and_status_start_without_pandas_and_dagster(home, imported, arguments):
    assert not {"pandas", "dagster", "numpy", "pyarrow", "httpx"} & imported(*arguments)
