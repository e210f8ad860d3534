"""``smsonline query``: where the result goes, in which format, and when a statement is ended."""

import json

import duckdb
import pytest

from assets.datasets import DATASETS
from pipelines.cli.query import LOCKS
from warehouse.database.opening import open_warehouse
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

SQL = "SELECT 1 AS n, 'Ж, =HYPERLINK(\"x\")' AS name"
ENDLESS = "SELECT count(*) FROM range(1000000000000)"


@pytest.fixture
def warehouse(home):
    with open_warehouse(home / "data/warehouse.duckdb") as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
        connection.execute("INSERT INTO ops.watermarks (dataset) VALUES ('countries')")
    return home


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", 'n,name\n1,"Ж, =HYPERLINK(""x"")"\n'),
        ("X.CSV", 'n,name\n1,"Ж, =HYPERLINK(""x"")"\n'),
        ("x.tsv", 'n\tname\n1\t"Ж, =HYPERLINK(""x"")"\n'),
        ("x.ndjson", '{"n":1,"name":"Ж, =HYPERLINK(\\"x\\")"}\n'),
        ("x.JSONL", '{"n":1,"name":"Ж, =HYPERLINK(\\"x\\")"}\n'),
    ],
)
def test_ending_of_the_file_decides_the_format(warehouse, command, name, content):
    result = command("query", SQL, "--out", name)
    assert (result.code, result.out, result.err) == (0, "", "")
    assert (warehouse / name).read_text("utf-8") == content


def test_json_parquet_and_text_files_hold_the_rows(warehouse, command):
    for name in ("x.json", "x.Parquet", "x.txt"):
        assert command("query", SQL, "--out", name).code == 0
    assert json.loads((warehouse / "x.json").read_text("utf-8")) == [{"n": 1, "name": 'Ж, =HYPERLINK("x")'}]
    assert duckdb.sql("SELECT n FROM 'x.Parquet'").fetchall() == [(1,)]
    assert (warehouse / "x.txt").read_text("utf-8").startswith("1 rows\n")


def test_format_wins_over_the_ending_and_says_so(warehouse, command):
    result = command("query", SQL, "--format", "json", "--out", "x.csv")
    assert (result.code, result.err) == (0, "note: x.csv is written as json, as --format says\n")
    assert json.loads((warehouse / "x.csv").read_text("utf-8"))[0]["n"] == 1
    assert command("query", SQL, "--format", "csv", "--out", "rows").err == ""


@pytest.mark.parametrize("name", ["x.xlsx", "x.csv.gz", "rows", "x."])
def test_unknown_ending_is_one_line(warehouse, command, name):
    result = command("query", SQL, "--out", name, "--json")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert ".csv, .tsv" in result.document["error"]
    assert not (warehouse / name).exists()


def test_json_is_one_document(warehouse, command):
    assert command("query", SQL, "--json").document[0]["n"] == 1
    written = command("query", SQL, "--json", "--out", "x.csv").document
    assert written == {"out": "x.csv", "format": "csv", "rows": 1}
    assert (command("query", SQL, "--json", "--format", "csv").code) == 2
    assert "no_such" in command("query", "SELECT no_such", "--json").document["error"]
    assert "reads" in command("query", "DROP TABLE x", "--json").document["error"]
    report = command("report", "--json").document
    assert (warehouse / report["path"]).is_file()


@pytest.mark.parametrize("options", [[], ["--format", "csv"], ["--json"]])
def test_time_limit_ends_a_query_with_one_line(warehouse, command, monkeypatch, options):
    monkeypatch.setenv("SMSONLINE_QUERY_TIMEOUT_SECONDS", "1")
    result = command("query", ENDLESS, *options)
    assert result.code == 1
    assert result.err == (
        "error: the query took longer than 1 s: narrow it, or raise SMSONLINE_QUERY_TIMEOUT_SECONDS (0: no limit)\n"
    )


def test_no_time_limit_when_it_is_zero(warehouse, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_QUERY_TIMEOUT_SECONDS", "0")
    assert command("query", SQL).code == 0


def test_variables_of_this_program_are_no_tables(warehouse, command):
    """Each lock on its own hides them; the setting is read back as access to files hides them too."""
    assert command("query", "SELECT current_setting('python_enable_replacements') AS is_on", "--json").document == [
        {"is_on": False}
    ]
    hidden = duckdb.sql("SELECT 'canary' AS secret")
    with duckdb.connect() as connection:
        connection.execute(next(lock for lock in LOCKS if "replacements" in lock))
        with pytest.raises(duckdb.CatalogException, match="hidden"):
            connection.execute("FROM hidden")
    assert hidden.fetchall() == [("canary",)]


def test_home_is_known_in_every_option(warehouse, command, monkeypatch):
    monkeypatch.setenv("HOME", str(warehouse / "me"))
    (warehouse / "me").mkdir()
    assert command("query", SQL, "--out", "~/x.csv").code == 0
    assert command("report", "--out", "~/r.html").code == 0
    assert {path.name for path in (warehouse / "me").iterdir()} == {"x.csv", "r.html"}
    assert command("export", "~no-such-user/out").code == 2
    assert not list(warehouse.glob("~*"))


@pytest.mark.parametrize(
    ("arguments", "function"),
    [(["report"], "pipelines.cli.report.load_report_data"), (["export", "out"], "pipelines.cli.export.export_parquet")],
)
def test_ctrl_c_ends_report_and_export_with_one_line(warehouse, command, monkeypatch, arguments, function):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(function, interrupted)
    result = command(*arguments)
    assert (result.code, result.out, result.err) == (130, "", "error: interrupted; what was loaded before stays\n")
