"""``smsonline sync``: tables, output and exit codes; settings files."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import duckdb
import pytest
from sqlalchemy import make_url

from assets.datasets import DATASETS
from assets.sync import SyncResult
from pipelines.cli.sync import notes, print_results
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox
from warehouse.database.opening import open_warehouse
from warehouse.loading.batch import LoadContext, LoadCounts, LoadResult
from warehouse.loading.load_log import log_load
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

COUNTS = ("inserted", "changed", "unchanged", "rejected", "duplicates")


def by_name(document):
    return {entry["dataset"]: entry for entry in document["datasets"]}


def test_sync_fills_every_table_and_reports_json(vendor, command, home):
    result = command("sync", "--json")
    assert result.code == 0
    assert result.err == ""
    entries = by_name(result.document)
    assert list(entries) == list(DATASETS)
    with duckdb.connect(str(home / "data/warehouse.duckdb"), read_only=True) as connection:
        for name, entry in entries.items():
            rows = connection.execute(f"SELECT count(*) FROM sms.{name}").fetchone()[0]
            assert rows == entry["inserted"] > 0, name
            assert entry["status"] == "ok"
            assert entry["account_id"] == vendor.user_id


def test_second_sync_changes_nothing(vendor, command):
    command("sync")
    for name, entry in by_name(command("sync", "--json").document).items():
        assert entry["fetched"] == entry["unchanged"], name


def test_counts_add_up_for_damaged_responses(vendor, command):
    some = ("statistics", "popular", "services", "inventory", "balances")
    command("sync", *some)
    vendor.advance(1500)
    for endpoint, kind in (("statistics", "duplicate_rows"), ("popular", "null_keys"), ("services", "wrong_type")):
        vendor.faults.add(endpoint, kind)
    entries = command("sync", *some, "--json").document["datasets"]
    assert {entry["status"] for entry in entries} == {"ok"}
    for entry in entries:
        assert entry["fetched"] == sum(entry[count] for count in COUNTS), entry


def test_failing_dataset_does_not_stop_the_others(vendor, command):
    vendor.faults.add("statistics", "http_403")
    result = command("sync", "--json")
    entries = by_name(result.document)
    assert result.code == 1
    assert entries.pop("statistics")["status"] == "failed"
    assert {entry["status"] for entry in entries.values()} == {"ok"}
    assert len(result.error_lines) == 1
    assert result.error_lines[0].startswith("error: statistics: the vendor refused the credentials (HTTP 403")


REJECTS_NOTE = """note: popular: 2 of 20 records rejected; the first: country_code: missing
  smsonline query "FROM ops.rejects WHERE dataset = 'popular'"
"""


@pytest.mark.parametrize("form", ["--json", "table"])
def test_rejects_are_pointed_to_though_the_exit_code_is_0(vendor, command, form):
    vendor.faults.add("popular", "null_keys")
    for _ in range(2):  # the same response again logs no reject of its own
        result = command("sync", "popular", "balances", *[form] * (form == "--json"))
        assert (result.code, result.err) == (0, REJECTS_NOTE)


def test_a_failed_load_points_to_what_is_stored(vendor, command):
    vendor.faults.add("popular", "null_keys")
    command("sync", "popular")
    vendor.faults.add("popular", "not_ok")
    vendor.faults.add("balance", "http_403")
    result = command("sync", "popular", "balances")
    assert "ops.rejects" not in result.err  # those were of the load before
    commands = [line for line in result.err.splitlines() if line.startswith('  smsonline query "FROM ')]
    assert commands
    for line in commands:
        statement = line.removeprefix('  smsonline query "').removesuffix('"')
        assert len(command("query", statement, "--format", "csv").out.splitlines()) >= 2


def test_a_stored_response_of_a_failed_load_is_named(vendor, home):
    load = LoadContext("run", "l1", "popular", "7", datetime.now(UTC))
    path = home / "w.duckdb"
    with open_warehouse(path) as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
        for name in ("popular", "countries", "balances"):
            log_load(connection, replace(load, dataset=name), LoadResult("failed", error="no"))
        connection.execute("UPDATE ops.loads SET response_id = 'abc' WHERE dataset <> 'balances'")
    failed = [
        SyncResult(name, "7", LoadResult("failed", error="no"), 0.1) for name in ("popular", "countries", "balances")
    ]
    assert list(notes(failed, path, DATASETS)) == [
        ("popular, countries: see the response", """smsonline query "FROM raw.responses WHERE response_id = 'abc'\""""),
        ("see all loads that failed", """smsonline query "FROM ops.loads WHERE status <> 'ok'\""""),
    ]


def test_a_snapshot_refused_as_a_whole_has_no_rejects_to_show(vendor, command):
    command("sync", "statistics")
    vendor.faults.add("statistics", "shrunk")
    assert "ops.rejects" not in command("sync", "statistics").err


def test_records_of_a_held_back_response_are_no_rejects_to_show(home):
    path, held_back = home / "w.duckdb", LoadResult("failed", LoadCounts(fetched=9, rejected=2, unchanged=7), "no")
    with open_warehouse(path) as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
        log_load(connection, LoadContext("run", "l1", "services", "7", datetime.now(UTC)), held_back)
    lines = list(notes([SyncResult("services", "7", held_back, 0.1)], path, DATASETS))
    assert [text for text, _ in lines] == ["see all loads that failed"]


def test_a_warehouse_that_cannot_be_read_adds_no_error(vendor, tmp_path):
    failed = [SyncResult("popular", "7", LoadResult("failed", error="no"), 0.1)]
    assert list(notes(failed, tmp_path / "missing.duckdb", DATASETS)) == []


@pytest.mark.parametrize(("columns", "is_narrow"), [(109, True), (110, False)])
def test_a_narrow_terminal_shows_only_the_counts_that_are_not_0(monkeypatch, columns, is_narrow):
    shown = []
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout", Mock(isatty=lambda: True))
    monkeypatch.setattr("pipelines.cli.sync.print_table", lambda *table, **_: shown.append(table))
    counts = LoadCounts(fetched=1020, changed=1000, unchanged=18, rejected=2)
    print_results([SyncResult("popular", "7", LoadResult("ok", counts), 0.1)])
    ((_, header, (row,)),) = shown
    if is_narrow:
        assert header == ["dataset", "status", "fetched", "records", "seconds"]
        assert row == ["popular", "ok", "1,020", "1,000 changed, 18 unchanged, 2 rejected", "0.10"]
    else:
        assert row == ["popular", "ok", "1,020", "0", "1,000", "18", "0", "2", "0", "0.10"]


def test_named_datasets_are_synced_once_each(vendor, command):
    result = command("sync", "coupons", "invoices", "coupons", "--json")
    assert [entry["dataset"] for entry in result.document["datasets"]] == ["coupons", "invoices"]
    assert vendor.requests.by_endpoint() == {"coupons": 1, "invoices": 1}


def test_shared_response_is_requested_once(vendor, command):
    command("sync", "balances", "discount_tiers", "countries", "services")
    assert vendor.requests.count("balance") == 1
    assert vendor.requests.count("countries") == 1


def test_sync_without_a_ledger_does_not_import_sqlalchemy(vendor, home, imported):
    assert not {"sqlalchemy", "dagster"} & imported("sync", "balances")
    assert not (home / "data/ledger.db").exists()


@pytest.mark.parametrize(
    ("ledger", "file"),
    [
        ("sqlite:///data/ledger.db", "data/ledger.db"),
        ("sqlite+pysqlite:////srv/my ledger.db?timeout=5", "/srv/my ledger.db"),
    ],
)
def test_ledger_file_is_the_path_that_sqlalchemy_uses(home, ledger, file):
    assert str(Settings(ledger=ledger).ledger_file) == make_url(ledger).database == file


@pytest.mark.parametrize(
    "ledger",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///file:data/ledger.db?uri=true", "postgresql://me@host/it"],
)
def test_ledger_file_is_none_for_other_databases(home, ledger):
    assert Settings(ledger=ledger).ledger_file is None


def test_wrong_key_exits_2_with_one_line(vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_API_KEY", "not-the-key-at-all")
    result = command("sync")
    assert result.code == 2
    assert len(result.error_lines) == 1
    assert "check SMSONLINE_USER_ID and SMSONLINE_API_KEY" in result.error_lines[0]


def test_unreachable_server_exits_1_with_one_line(home, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_USER_ID", "u")
    monkeypatch.setenv("SMSONLINE_API_KEY", "some-key")
    monkeypatch.setenv("SMSONLINE_BASE_URL", "http://127.0.0.1:9/v3")
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    result = command("sync", "balances", "invoices")
    assert result.code == 1
    assert len(result.error_lines) == 1
    assert "cannot be reached" in result.error_lines[0]


@pytest.mark.parametrize("missing", ["user_id", "api_key"])
def test_missing_setting_is_named_in_one_line(vendor, command, monkeypatch, missing):
    monkeypatch.delenv(f"SMSONLINE_{missing.upper()}")
    result = command("sync")
    assert result.code == 2
    assert result.err == (
        f"error: SMSONLINE_{missing.upper()} is not set: export it, or put {missing} into smsonline.toml\n"
    )
    assert not Path("data").exists()


def test_unknown_dataset_suggests_the_nearest_name(vendor, command):
    result = command("sync", "statistic")
    assert (result.code, result.err) == (2, "error: unknown dataset 'statistic': did you mean statistics?\n")


def test_foreign_file_is_not_touched(vendor, command, home, monkeypatch):
    precious = home / "notes.txt"
    precious.write_text("not a database " * 1000)
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", str(precious))
    result = command("sync", "--json")
    assert result.code == 2
    assert len(result.error_lines) == 1
    assert "SMSONLINE_WAREHOUSE" in result.document["error"]
    assert precious.read_text() == "not a database " * 1000


def test_empty_snapshot_needs_accept_shrink(vendor, command):
    command("sync", "favourites")
    vendor.faults.add("favourites", "empty_list")
    refused = command("sync", "favourites", "--json")
    assert (refused.code, refused.document["datasets"][0]["status"]) == (1, "rejected")
    assert "--accept-shrink" in refused.error_lines[0]
    accepted = command("sync", "favourites", "--accept-shrink", "--json")
    assert (accepted.code, accepted.document["datasets"][0]["closed"]) == (0, 3)


def test_unexpected_error_is_one_line_and_a_logged_traceback(vendor, command, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("boom")

    monkeypatch.setattr("assets.loader.build_batch", broken)
    result = command("sync", "coupons")
    assert result.code == 1
    assert result.error_lines == ["error: coupons: unexpected RuntimeError; smsonline.log has the traceback"]
    assert "Traceback" not in result.err
    assert "RuntimeError: boom" in caplog.text


def test_environment_overrides_the_file(vendor: Sandbox, home, monkeypatch):
    (home / "smsonline.toml").write_text('user_id = "from the file"\nrequests_per_second = 5\n')
    settings = Settings()
    assert (settings.user_id, settings.requests_per_second) == (vendor.user_id, 5)


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("base_urll = 'x'", "base_urll in smsonline.toml"),
        ("requests_per_second = 0", "requests_per_second in smsonline.toml"),
        ("[[[", "smsonline.toml cannot be read"),
        ("[datasets.nothing]\nrecords = 'x'", "[datasets.nothing]: no such dataset"),
        ("[endpoints.balance]\npath = 3", "[endpoints.balance] path"),
        ("[datasets.statistics.fields.success_rate]\nunit = 'bananas'", "[datasets.statistics.fields.success_rate]"),
    ],
)
def test_malformed_file_names_the_entry_in_one_line(vendor, command, home, toml, named):
    (home / "smsonline.toml").write_text(toml)
    result = command("sync")
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert named in result.err
    assert "canary" not in result.err


def test_override_in_the_file_fixes_a_changed_unit(vendor, command, home):
    vendor.faults.add("statistics", "fractions")
    refused = command("sync", "statistics", "--json")
    assert refused.document["datasets"][0]["status"] == "rejected"
    assert '[datasets.statistics.fields.success_rate] unit = "fraction"' in refused.error_lines[0]
    (home / "smsonline.toml").write_text('[datasets.statistics.fields.success_rate]\nunit = "fraction"\n')
    assert command("sync", "statistics").code == 0
