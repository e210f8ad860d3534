"""``smsonline export``: table and JSON output, refused folders, and independence from running syncs."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from warehouse.database.opening import open_warehouse


@pytest.fixture
def filled(vendor, command):
    command("sync", "countries", "statistics", "balances")
    return command


def test_export_prints_table_and_json(filled, home):
    result = filled("export", "out")
    assert (result.code, result.err) == (0, "")
    assert "sms.statistics_history" in result.out
    assert result.out.splitlines()[-1].endswith("out/manifest.json describes them")

    document = filled("export", "out", "--json").document
    assert (document["folder"], document["files_kept"] > 0) == ("out", True)
    manifest = json.loads((home / document["manifest"]).read_text("utf-8"))
    rows = {table["table"]: table["rows"] for table in document["tables"]}
    assert rows == {name: table["rows"] for name, table in manifest["tables"].items()}
    assert len(pd.read_parquet("out/sms.statistics.parquet")) == rows["sms.statistics"] > 0
    assert set(manifest["datasets"]) == {"countries", "statistics", "balances"}


def test_export_does_not_wait_for_a_warehouse_writer(filled, home):
    with open_warehouse(home / "data/warehouse.duckdb"):
        script = "import sys; from pipelines.cli.app import app; app(sys.argv[1:])"
        result = subprocess.run(
            [sys.executable, "-c", script, "export", "out"], capture_output=True, timeout=30, check=False
        )
    assert result.returncode == 0, result.stderr


def test_export_without_a_sync_suggests_one(home, command):
    result = command("export", "out", "--json")
    assert (result.code, len(result.error_lines)) == (2, 1)
    assert "run smsonline sync first" in result.document["error"]
    assert not (home / "out").exists()


def test_export_refuses_a_folder_with_foreign_files(filled, home):
    (home / "mine").mkdir()
    (home / "mine/notes.txt").write_text("mine")
    result = filled("export", "mine")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "holds notes.txt, which no export wrote" in result.err
    assert [path.name for path in (home / "mine").iterdir()] == ["notes.txt"]


def test_export_imports_neither_pandas_nor_dagster(home):
    script = (
        "import sys\nfrom pipelines.cli.app import app\n"
        "try:\n    app(['export', 'out'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pandas', 'dagster', 'pyarrow'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
