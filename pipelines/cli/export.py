"""``smsonline export``."""

import sys
import time
from pathlib import Path

from pipelines.cli.console import exit_on_error, load_command_settings, print_json, print_table
from pipelines.settings import expand_home
from warehouse.database.opening import published_path
from warehouse.export.manifest import MANIFEST_NAME
from warehouse.export.parquet_export import export_parquet

COLUMNS = ("table", "rows", "files", "bytes")


def run_export(folder: Path, *, as_json: bool) -> None:
    """Exports the analysts' copy into ``folder`` and prints what the folder contains."""
    began = time.perf_counter()
    with exit_on_error(as_json=as_json):
        folder = expand_home(folder)
        exported = export_parquet(published_path(load_command_settings().warehouse), folder)
    tables = []
    for name, table in exported.manifest["tables"].items():
        sizes = [file["bytes"] for file in table["files"]]
        tables.append({"table": name, "rows": table["rows"], "files": len(sizes), "bytes": sum(sizes)})
    manifest, seconds = folder / MANIFEST_NAME, round(time.perf_counter() - began, 3)
    if as_json:
        head = {"folder": str(folder), "manifest": str(manifest), "exported_at": exported.manifest["exported_at"]}
        print_json({**head, "tables": tables, "files_kept": exported.reused_files, "seconds": seconds})
        return
    rows = [[f"{value:,}" if isinstance(value, int) else value for value in table.values()] for table in tables]
    print_table("export", COLUMNS, rows, right=COLUMNS[1:])
    files = sum(table["files"] for table in tables)
    sys.stdout.write(f"{files:,} files in {folder}, {exported.reused_files:,} unchanged; {manifest} describes them\n")
