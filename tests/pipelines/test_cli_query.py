"""``smsonline query``: reads in four formats, writes nothing, explains SQL errors in one line."""

from __future__ import annotations

import csv
import io
import json

import duckdb
import pytest


@pytest.fixture
def filled(vendor, command):
    command("sync", "countries", "statistics", "inventory")
    return command


def test_a_table_shows_every_row(filled):
    done = filled("query", "SELECT country_code, carrier FROM sms.countries ORDER BY ALL")
    assert done.code == 0
    assert done.out.startswith("27 rows")


def test_csv_json_and_parquet_carry_the_same_rows(filled, home):
    sql = "SELECT country_code, carrier FROM sms.countries ORDER BY ALL;"
    rows = json.loads(filled("query", sql, "--format", "json").out)
    listed = list(csv.DictReader(io.StringIO(filled("query", sql, "--format", "csv").out)))
    assert filled("query", sql, "--format", "parquet", "--out", "countries.parquet").out == ""
    with duckdb.connect() as connection:
        stored = connection.execute("SELECT * FROM 'countries.parquet'").fetchall()
    assert rows == listed == [{"country_code": code, "carrier": carrier} for code, carrier in stored]
    assert len(rows) == 27


def test_no_digit_is_lost_on_the_way(filled):
    sql = "SELECT 9007199254740993::BIGINT AS id, TIMESTAMPTZ '2026-01-02 03:04:05+00' AS at"
    assert "9007199254740993" in filled("query", sql).out
    assert filled("query", sql, "--format", "csv").out == "id,at\n9007199254740993,2026-01-02 03:04:05+00\n"


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM store.countries",
        "INSERT INTO ops.rejects SELECT * FROM ops.rejects",
        "COPY sms.countries TO 'stolen.csv'",
        "ATTACH 'other.duckdb'",
        "CREATE TABLE x AS SELECT 1",
        "PRAGMA disable_checkpoint_on_shutdown; SELECT 1",
        "SELECT 1; DROP VIEW sms.countries",
        "SET threads = 1",
        "",
    ],
)
def test_anything_but_one_reading_statement_is_refused(filled, home, sql):
    before = (home / "data/warehouse.duckdb").read_bytes()
    done = filled("query", sql)
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert (home / "data/warehouse.duckdb").read_bytes() == before
    assert not (home / "stolen.csv").exists()


@pytest.mark.parametrize(
    ("sql", "nearest"),
    [
        ("SELECT * FROM sms.statistic", '"statistics"'),
        ("SELECT country_cod FROM sms.countries", '"country_code"'),
        ("SELEC 1", "syntax error"),
    ],
)
def test_an_sql_error_is_one_line_with_the_nearest_name(filled, sql, nearest):
    done = filled("query", sql)
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert nearest in done.err


def test_without_a_warehouse_the_next_step_is_named(home, command):
    done = command("query", "SELECT 1")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "run smsonline sync first" in done.err


def test_parquet_without_a_file_and_a_file_that_cannot_be_written_are_one_line(filled):
    assert "--out" in filled("query", "SELECT 1", "--format", "parquet").err
    done = filled("query", "SELECT 1", "--format", "csv", "--out", "no/such/folder.csv")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
