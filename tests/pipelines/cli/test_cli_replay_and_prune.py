"""``smsonline replay`` and ``smsonline prune``: tables from raw responses, and their deletion."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from assets.datasets import DATASETS
from pipelines.bootstrap import open_pipeline
from pipelines.settings import load_settings
from smsonline.sandbox import Sandbox

HOUR = timedelta(hours=1)
# A list, a fan-out, one object, and a truncated list.
EACH_KIND = ("statistics", "services", "balances", "inventory")


def synced(
    vendor: Sandbox, hours: int, shifts: Sequence[timedelta] = (), names: Sequence[str] = tuple(DATASETS)
) -> datetime:
    """Syncs ``names`` once an hour of the sandbox's time, or at ``shifts`` from now; returns when it began."""
    began = datetime.now(UTC)
    for number in range(hours):
        shift = shifts[number] if shifts else number * HOUR
        with open_pipeline(load_settings(), now=lambda shift=shift: datetime.now(UTC) + shift) as pipeline:
            assert all(result.outcome.status == "ok" for result in pipeline.sync(names))
            pipeline.publish()
        vendor.advance(HOUR.total_seconds())
    return began


def history(file: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return {
            name: connection.execute(f"SELECT * FROM sms.{name}_history ORDER BY ALL").fetchall() for name in DATASETS
        }


@pytest.fixture
def warehouse(home: Path) -> Path:
    return home / "data/warehouse.duckdb"


def test_replay_rebuilds_identical_tables_without_the_vendor(vendor, command, warehouse):
    began = synced(vendor, 3)
    before = history(warehouse)
    requests = len(vendor.requests)
    with duckdb.connect(str(warehouse)) as connection:
        for name in DATASETS:
            connection.execute(f"DELETE FROM store.{name}")
    assert command("replay").code == 0
    assert history(warehouse) == before
    since = (began + HOUR / 2).strftime("%Y-%m-%dT%H:%M:%S")
    assert command("replay", "--since", since).code == 0
    assert history(warehouse) == before
    assert history(warehouse.with_name("analytics.duckdb")) == before
    assert len(vendor.requests) == requests


def test_replay_loads_a_rejected_response_after_an_override(vendor, command, home, warehouse):
    vendor.faults.add("popular", "fractions")
    vendor.faults.add("statistics", "fractions")
    assert command("sync", "statistics").code == 1
    (home / "smsonline.toml").write_text('[datasets.statistics.fields.success_rate]\nunit = "fraction"\n')
    replayed = command("replay", "statistics", "--json").document["datasets"][0]
    assert replayed["inserted"] == 540
    assert "540" in command("query", "SELECT count(*) FROM sms.statistics").out


def test_replay_loads_rejected_rows_after_an_override(vendor, command, home, warehouse):
    vendor.faults.add("coupons", "wrong_type")
    command("sync", "coupons")
    (home / "smsonline.toml").write_text('[datasets.coupons.fields.timing]\nnames = ["weeks"]\n')
    assert "1 rows" in command("query", "SELECT reasons FROM ops.rejects").out
    assert command("replay", "coupons").code == 0
    assert "0 rows" in command("query", "SELECT reasons FROM ops.rejects").out
    assert "3 rows" in command("query", "SELECT code FROM sms.coupons").out


def test_replay_accepts_an_accepted_shrink_again(vendor, command, warehouse):
    command("sync", "favourites")
    vendor.faults.add("favourites", "empty_list")
    command("sync", "favourites")
    command("sync", "favourites", "--accept-shrink")
    before = history(warehouse)["favourites"]
    command("replay", "favourites")
    assert history(warehouse)["favourites"] == before


def test_prune_keeps_tables_and_replay_input(vendor, command, warehouse, monkeypatch):
    synced(vendor, 3, [timedelta(days=-401), timedelta(days=-400), timedelta()], EACH_KIND)
    before = history(warehouse)
    dry = command("prune", "--dry-run", "--json").document
    assert dry["responses"] > 10
    wet = command("prune", "--json").document
    assert (wet["responses"], wet["body_bytes"]) == (dry["responses"], dry["body_bytes"])
    assert command("prune", "--json").document["responses"] == 0
    assert history(warehouse) == before
    assert command("replay").code == 0
    assert history(warehouse) == before


def test_replay_and_prune_without_a_warehouse_suggest_a_sync(home, command):
    for arguments in (["replay"], ["prune"]):
        result = command(*arguments)
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert "run smsonline sync first" in result.err
