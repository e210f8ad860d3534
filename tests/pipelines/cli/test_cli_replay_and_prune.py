"""``smsonline replay`` and ``smsonline prune``: tables from raw responses, and their deletion."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from assets.datasets import DATASETS
from pipelines.bootstrap import open_pipeline
from pipelines.settings import load_settings
from smsonline.sandbox import Sandbox
from warehouse.database.opening import open_warehouse
from warehouse.raw.store import RawResponse, store_responses
from warehouse.schema.migrations import migrate

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
            if shifts:  # the sandbox stays at the present
                pipeline.max_clock_skew = max(map(abs, shifts)) + HOUR * hours
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


@pytest.mark.parametrize(
    ("environment", "days", "failed_days"),
    [
        ({}, 365, 14),
        ({"SMSONLINE_RAW_RETENTION_DAYS": "3", "SMSONLINE_FAILED_RESPONSE_RETENTION_DAYS": "2"}, 3, 2),
    ],
)
def test_prune_counts_its_retention_in_days(home, command, warehouse, monkeypatch, environment, days, failed_days):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    now = datetime.now(UTC)
    ages = {"usable": (days, None), "failed": (failed_days, "ServerError")}
    responses = [
        RawResponse(
            *("run", "7", "statistics", {}, now - timedelta(days=age) + shift, 1, 200, "", b""),
            response_id=f"{kind} {state}",
            error=error,
        )
        for kind, (age, error) in ages.items()
        for state, shift in (("young", HOUR), ("old", -HOUR))
    ]
    with open_warehouse(warehouse) as connection:
        migrate(connection)
        store_responses(connection, responses)
    document = command("prune", "--json").document
    assert (document["responses"], document["failed_responses"], document["rejects"]) == (2, 1, 0)
    assert now - datetime.fromisoformat(document["before"]) == pytest.approx(timedelta(days=days), abs=HOUR)
    with duckdb.connect(str(warehouse)) as connection:
        remaining = connection.execute("SELECT response_id FROM raw.responses ORDER BY ALL").fetchall()
    assert remaining == [("failed young",), ("usable young",)]


def test_prune_says_what_it_deletes_in_one_line(vendor, command, home):
    command("sync", "balances")
    out = command("prune", "--dry-run").out
    date = r"\d{4}-\d\d-\d\d"
    usable, failed = f"0 raw responses older than {date}", f"0 failed ones older than {date}"
    assert re.fullmatch(f"would delete {usable} and {failed}, 0 rejected records, 0 bytes of bodies\n", out)


def test_replay_and_prune_without_a_warehouse_suggest_a_sync(home, command):
    for arguments in (["replay"], ["prune"]):
        result = command(*arguments)
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert "run smsonline sync first" in result.err
