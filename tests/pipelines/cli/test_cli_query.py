"""``smsonline query``: four output formats, and SQL errors in one line."""

import csv
import io
import json

import duckdb
import pytest
from pydantic import SecretStr

from pipelines.bootstrap import open_pipeline
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, serve


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """A working folder whose warehouse holds three datasets; nobody writes to it."""
    folder, sandbox = tmp_path_factory.mktemp("synced"), Sandbox()
    with serve(sandbox) as address:
        key = SecretStr(sandbox.api_key)
        warehouse = folder / "data/warehouse.duckdb"
        settings = Settings(user_id=sandbox.user_id, api_key=key, base_url=address.base_url, warehouse=warehouse)
        with open_pipeline(settings) as path:
            assert all(r.outcome.status == "ok" for r in path.sync(["countries", "statistics", "inventory"]))
            path.publish()
    return folder


@pytest.fixture
def filled(synced, home, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", str(synced / "data/warehouse.duckdb"))
    return command


def test_table_format_prints_every_row(filled):
    result = filled("query", "SELECT country_code, carrier FROM sms.countries ORDER BY ALL")
    assert result.code == 0
    assert result.out.startswith("27 rows")


def test_csv_json_and_parquet_contain_the_same_rows(filled, home):
    sql = "SELECT country_code, carrier FROM sms.countries ORDER BY ALL;"
    rows = json.loads(filled("query", sql, "--format", "json").out)
    listed = list(csv.DictReader(io.StringIO(filled("query", sql, "--format", "csv").out)))
    assert filled("query", sql, "--format", "parquet", "--out", "countries.parquet").out == ""
    with duckdb.connect() as connection:
        stored = connection.execute("SELECT * FROM 'countries.parquet'").fetchall()
    assert rows == listed == [{"country_code": code, "carrier": carrier} for code, carrier in stored]
    assert len(rows) == 27


def test_query_keeps_all_digits(filled):
    sql = "SELECT 9007199254740993::BIGINT AS id, TIMESTAMPTZ '2026-01-02 03:04:05+00' AS at"
    assert "9007199254740993" in filled("query", sql).out
    assert filled("query", sql, "--format", "csv").out == "id,at\n9007199254740993,2026-01-02 03:04:05+00\n"


@pytest.mark.parametrize(
    "sql",
    [
        "DESCRIBE sms.countries",
        "SUMMARIZE sms.countries",
        "SHOW TABLES FROM sms",
        "EXPLAIN FROM sms.countries",
        "PIVOT sms.countries ON carrier IN ('any') USING count(*) GROUP BY country",
        "FROM sms.countries -- a remark at the end",
        "FROM sms.countries; -- and one behind the semicolon",
        "SELECT *, 'ü;' AS \"--\" FROM sms.countries ; ; /* Ende — */",
    ],
)
def test_every_read_only_statement_works_in_every_format(filled, sql):
    rows = filled("query", sql, "--format", "json").document
    listed = list(csv.DictReader(io.StringIO(filled("query", sql, "--format", "csv").out)))
    assert len(rows) == len(listed) > 0
    assert filled("query", sql).out.startswith(f"{len(rows)} rows")


def test_empty_result_is_an_empty_document(filled):
    sql = "FROM sms.countries WHERE false"
    assert filled("query", sql, "--format", "json").document == []
    assert filled("query", sql).out.startswith("0 rows")


@pytest.mark.parametrize(
    ("sql", "nearest"),
    [
        ("FROM sms.statistic", "Did you mean sms.statistics?"),
        ("FROM statistics", "Did you mean sms.statistics?"),
        ("FROM sm.statistics", "Did you mean sms.statistics?"),
        ("FROM success_rates", "Did you mean marts.success_rates?"),
        ("FROM sms.statistics_asof(now())", "Did you mean sms.statistics_as_of(...)?"),
        ("FROM raw.response", "Did you mean raw.responses?"),
        ("FROM ops.reject", "Did you mean ops.rejects?"),
        ("FROM path", "There are "),
        ("SELECT country_cod FROM sms.countries", "Did you mean country_code?"),
        ("SELECT c.country_cod FROM sms.countries c", "Did you mean country_code?"),
        ("FROM sms.countries JOIN sms.statistics USING (countrycode)", "Did you mean country_code?"),
        ("SELECT * EXCLUDE (carier) FROM sms.countries", "Did you mean carrier?"),
        ("SELECT max(carier) FROM sms.countries_as_of(now())", "Did you mean carrier?"),
        ("WITH c AS (SELECT carrier AS network FROM sms.countries) SELECT netwrk FROM c", "Did you mean network?"),
        ("SELECT zzz FROM sms.countries", "There are carrier, country_code, country, "),
        ('FROM sms.countries WHERE country = "Peru"', "Text stands in single quotes: 'Peru'"),
        ("SELECT x.country FROM sms.countries c", 'Candidate tables: "c"'),
        ("SELECT rond(1.5)", '"round"'),
        ("SELEC 1", "syntax error"),
        ("SELECT 'x", "unterminated"),
        ("SELECT 'a'::INT", "Could not convert"),
    ],
)
def test_sql_error_is_one_line_with_the_nearest_name(filled, sql, nearest):
    result = filled("query", sql)
    assert (result.code, result.out) == (1, "")
    assert len(result.err.splitlines()) == 1
    assert nearest in result.err
    assert "store." not in result.err


def test_query_without_a_warehouse_suggests_a_sync(home, command):
    result = command("query", "SELECT 1")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "run smsonline sync first" in result.err


def test_query_on_a_file_without_tables_suggests_a_sync(home, command):
    (home / "data").mkdir()
    duckdb.connect("data/warehouse.duckdb").close()
    result = command("query", "FROM sms.statistics")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "run smsonline sync first" in result.err


def test_query_before_any_load_suggests_a_sync(vendor, command):
    vendor.faults.add("countries", "http_403")
    assert command("sync", "countries").code == 2
    result = command("query", "FROM sms.countries", "--format", "json")
    assert (result.code, result.document) == (0, [])
    assert "run smsonline sync" in result.err


def test_missing_or_unwritable_output_file_is_one_line(filled):
    assert "--out" in filled("query", "SELECT 1", "--format", "parquet").err
    result = filled("query", "SELECT 1", "--format", "csv", "--out", "no/such/folder.csv")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
