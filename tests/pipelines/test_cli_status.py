"""``smsonline status``: fresh, stale, never; quick to start."""

import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress

import duckdb
import pytest
from pydantic import SecretStr

from assets.datasets import DATASETS
from pipelines.bootstrap import open_pipeline
from pipelines.cli.status import dataset_rows
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, serve
from tests.warehouse.other_processes import locked_by_another_process


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
    vendor.advance(600)
    vendor.faults.add("popular", "extra_field", times=1)
    command("sync", "popular")
    vendor.faults.add("popular", "not_ok")
    command("sync", "popular")
    row = next(row for row in command("status", "--json").document["datasets"] if row["dataset"] == "popular")
    assert (row["last_status"], row["drift"]) == ("failed", 1)
    assert "popular" in row["last_error"]


def change(home, statements):
    with duckdb.connect(str(home / "data/warehouse.duckdb")) as connection:
        connection.execute(statements)


def row_of(command, dataset):
    return next(row for row in command("status", "--json").document["datasets"] if row["dataset"] == dataset)


FAILED = """
UPDATE ops.loads SET status = 'failed', error = 'statistics: the vendor timed out',
    finished_at = now() - INTERVAL {} MINUTE, response_id = {}
WHERE dataset = 'statistics';
INSERT INTO ops.loads SELECT * REPLACE ('ok' AS status, NULL AS error, now() - INTERVAL 9 MINUTE AS finished_at)
FROM ops.loads WHERE dataset = 'statistics';
INSERT INTO ops.loads SELECT * FROM ops.loads WHERE dataset = 'statistics' AND status = 'failed'
"""


def test_a_failed_load_shows_reason_age_and_response(filled, command, home):
    change(home, FAILED.format(3, "'abc'"))
    row = row_of(command, "statistics")
    assert (row["last_status"], row["last_error_age_seconds"] // 60, row["stale"]) == ("failed", 3, False)
    assert (row["last_error"], row["last_error_response_id"]) == ("statistics: the vendor timed out", "abc")
    result = command("status")
    assert result.code == 0  # failed, but fresh
    lines = result.out.splitlines()
    at = lines.index("statistics: failed 3 min ago: the vendor timed out")
    assert lines[at + 1] == """  smsonline query "FROM raw.responses WHERE response_id = 'abc'\""""


def test_a_failure_without_a_response_names_no_query(filled, command, home):
    change(home, FAILED.format(3, "NULL"))
    out = command("status").out
    assert "statistics: failed 3 min ago: the vendor timed out\naccount" in out


def test_rejects_name_the_first_reason_and_a_query_that_works(vendor, command):
    vendor.faults.add("popular", "null_keys")
    command("sync", "popular")
    for _ in range(2):
        row = row_of(command, "popular")
        assert (row["rejected"], row["first_reject"]) == (2, "country_code: missing")
        text, shown = command("status").out.splitlines()[-2:]
        assert text == "popular: 2 of 20 records rejected; the first: country_code: missing"
        statement = shown.removeprefix('  smsonline query "').removesuffix('"')
        assert command("query", statement).out.startswith("2 rows")
        command("sync", "popular")  # the same response again


def test_a_load_in_the_future_is_stale_and_says_so(filled, command, home):
    change(home, "UPDATE ops.loads SET finished_at = finished_at + INTERVAL 400 DAY WHERE dataset = 'popular'")
    row = row_of(command, "popular")
    assert (row["age_seconds"], row["stale"]) == (None, True)
    result = command("status")
    assert result.code == 1
    assert "popular: its last load is in the future (clock)" in result.out
    assert not re.search(r"\s-\d", result.out)


@pytest.mark.parametrize(("seconds", "stale"), [(1790, False), (1801, True)])
def test_stale_begins_above_two_cadences(filled, command, home, seconds, stale):
    change(home, f"UPDATE ops.loads SET started_at = NULL, finished_at = now() - to_seconds({seconds})")
    assert row_of(command, "statistics")["stale"] is stale


def test_stale_is_older_than_the_limit_not_as_old():
    limit = DATASETS["statistics"].table.stale_after_seconds
    ages = (limit, limit + 0.001)
    loads = [{"dataset": "statistics", "account_id": None, "age_seconds": age} for age in ages]
    assert [row["stale"] for row in dataset_rows(DATASETS["statistics"], loads)] == [False, True]


def test_unusual_volume_is_shown_and_refuses_nothing(filled, command, home):
    twin = (
        "INSERT INTO ops.loads SELECT l.* REPLACE ({} AS fetched) FROM ops.loads l, range({}) WHERE dataset = 'popular'"
    )
    change(home, twin.format(20, 4))
    assert row_of(command, "popular")["volume"] is None
    change(home, "CREATE TABLE one AS FROM ops.loads WHERE dataset = 'popular' LIMIT 1")
    change(home, "INSERT INTO ops.loads SELECT * REPLACE (40 AS fetched) FROM one; DROP TABLE one")
    volume = {"records": 40, "usual_low": 17, "usual_high": 23, "loads": 5, "as_usual": False}
    assert row_of(command, "popular")["volume"] == volume
    result = command("status")
    assert result.code == 0
    assert "popular: 40 records in the last good load; usual are 17 to 23, by the 5 before it" in result.out


def test_a_cached_response_is_shown(filled, command, home):
    change(home, "INSERT INTO ops.drift VALUES ('popular', 'Age', 'stale', now(), now(), '86400')")
    text = "popular: a cache repeated a response older than the data, which changed nothing, "
    assert text in command("status").out
    change(home, "UPDATE ops.drift SET last_seen = now() - INTERVAL 3 DAY")
    assert text not in command("status").out


def test_several_accounts_have_rows_of_their_own(filled, vendor, command, home):
    failed = "'failed' AS status, 'inventory: no answer' AS error, 'other' AS account_id, now() AS finished_at"
    change(home, f"INSERT INTO ops.loads SELECT * REPLACE ({failed}) FROM ops.loads WHERE dataset = 'inventory'")
    rows = [row for row in command("status", "--json").document["datasets"] if row["dataset"] == "inventory"]
    assert [(row["account_id"], row["rows"] > 0, row["stale"]) for row in rows] == [
        ("other", False, True),
        (vendor.user_id, True, False),
    ]
    out = command("status").out
    assert "datasets of account other" in out and f"datasets of account {vendor.user_id}" in out
    assert re.search(r"inventory \(account other\): failed \d+ s ago: no answer", out)


def test_a_locked_warehouse_is_read_from_its_copy(filled, command, home):
    with locked_by_another_process(home / "data/warehouse.duckdb") as holder:
        result = command("status", "--json")
    assert result.code == 0
    (line,) = result.err.splitlines()
    assert line.startswith("note: data/warehouse.duckdb is held by ")
    assert line.endswith(f"(PID {holder.pid}): these are the figures of its copy analytics.duckdb")
    assert result.document["notice"] == line.removeprefix("note: ")
    assert [row["rows"] for row in result.document["datasets"] if row["dataset"] == "balances"] == [1]


def test_json_keeps_the_names_of_earlier_releases(home, command):
    names = "dataset last_ok_at age_seconds cadence_seconds stale rows rejected drift last_status last_error"
    for row in command("status", "--json").document["datasets"]:
        assert set(names.split()) < set(row)


def in_terminal(*arguments):
    """What a terminal of 80 columns shows."""
    ours, its = pty.openpty()
    script = "from pipelines.cli.app import app; app()"
    environment = os.environ | {"COLUMNS": "80", "TERM": "dumb"}
    with subprocess.Popen([sys.executable, "-c", script, *arguments], env=environment, stdout=its, stderr=its):
        os.close(its)
        shown = b""
        with suppress(OSError):  # the end of a terminal
            while chunk := os.read(ours, 65536):
                shown += chunk
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).replace("\r", "").splitlines()


def test_no_word_is_folded_in_a_terminal(filled, home, command):
    change(home, FAILED.format(3, "NULL"))
    change(home, "UPDATE ops.loads SET rejected = 20, fetched = 20, finished_at = now() - INTERVAL 99 MINUTE")
    lines = in_terminal("status")
    assert [line for line in lines if len(line) > 80] == []
    fragments, unfolded = (set(re.findall("[a-z_]+", text)) for text in (" ".join(lines), command("status").out))
    assert fragments == unfolded
    assert any(line.startswith("  discount_tiers ") for line in lines)


@pytest.mark.parametrize("arguments", [["--help"], ["status"]])
def test_help_and_status_start_without_pandas_and_dagster(home, imported, arguments):
    assert not {"pandas", "dagster", "numpy", "pyarrow", "httpx"} & imported(*arguments)
