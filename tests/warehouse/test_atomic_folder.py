"""An export replaces the previous one in one step, and no other folder."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import WarehouseError, WarehouseUnwritable
from warehouse.export import atomic_folder, manifest
from warehouse.export.manifest import exported_files, read_manifest, sha256_of
from warehouse.export.parquet_export import export_parquet

# A process that dies for real at one step of an export.
DYING = """
import os, signal, sys
from pathlib import Path
from warehouse.export import atomic_folder, parquet_export

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def countdown(real, left):
    def step(*arguments):
        left[0] -= 1
        return real(*arguments) if left[0] else die()
    return step

{patch}
parquet_export.export_parquet(Path(sys.argv[1]), Path(sys.argv[2]))
"""
# What an export looks for in the copy, and one table of each kind.
COPY = """
CREATE SCHEMA ops; CREATE SCHEMA sms; CREATE SCHEMA marts;
CREATE TABLE ops.watermarks AS SELECT 'inventory' AS dataset, now() AS seen_at;
CREATE TABLE ops.schema_fingerprint AS SELECT 'abc' AS fingerprint;
CREATE TABLE sms.inventory_history AS
    SELECT i AS order_id, TIMESTAMPTZ '2026-03-04 00:00:00+00' + to_days(i::INT) AS valid_from FROM range(ORDERS) r(i);
CREATE VIEW sms.inventory AS SELECT order_id FROM sms.inventory_history;
CREATE VIEW marts.orders AS SELECT count(*) AS orders, now() AS at FROM sms.inventory;
"""
DEATHS = {
    "before the first table": "parquet_export.write_table = die",
    "in the middle": "parquet_export.write_table = countdown(parquet_export.write_table, [2])",
    "before the manifest": "parquet_export.write_manifest = die",
    "before the swap": "atomic_folder._move_into_place = die",
    "after the swap": "atomic_folder._exchange = lambda *a, real=atomic_folder._exchange: real(*a) and die()",
    "between two renames": "atomic_folder._exchange = lambda *a: False\n"
    "atomic_folder.Path.rename = countdown(atomic_folder.Path.rename, [MOVES])",
}


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two states of a small copy, one with an order more than the other."""
    paths = []
    for number in (1, 2):
        paths.append(tmp_path_factory.mktemp("state") / "analytics.duckdb")
        with duckdb.connect(str(paths[-1])) as connection:
            connection.execute(COPY.replace("ORDERS", str(number)))
    return paths


def orders(folder: Path) -> int:
    """How many orders the export holds; every file must be the one that the manifest means."""
    manifest = read_manifest(folder)
    assert all(file.is_unchanged(folder) for file in exported_files(manifest))
    listed = {"manifest.json", *(file.path for file in exported_files(manifest))}
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == listed
    with duckdb.connect() as connection:
        pattern = folder / "sms.inventory_history/**/*.parquet"
        history = connection.execute(f"SELECT count(*) FROM '{pattern}'").fetchall()[0][0]
        assert connection.execute(f"SELECT count(*) FROM '{folder}/sms.inventory.parquet'").fetchall() == [(history,)]
    return int(history)


def beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir())


@pytest.mark.parametrize("death", DEATHS)
def test_killed_export_leaves_a_whole_one(states, tmp_path, death):
    out = tmp_path / "out"
    export_parquet(states[0], out)
    # A file is renamed for each day of each growing table; then come the folders: old away, new in.
    moves = sum(bool(file.content) or "=1970" in file.path for file in exported_files(read_manifest(out)))
    script = DYING.format(patch=DEATHS[death].replace("MOVES", str(moves + 2)))
    completed = subprocess.run([sys.executable, "-c", script, states[1], out], capture_output=True, check=False)
    assert completed.returncode == -signal.SIGKILL, completed.stderr
    if death == "between two renames":
        assert not out.exists()
    else:
        assert orders(out) == (2 if death == "after the swap" else 1)
        assert len(beside(out)) == 2
    # This one fails as well, and yet puts the export back where it belongs.
    with pytest.raises(WarehouseUnwritable), atomic_folder.replace_folder(out):
        raise OSError(28, "No space left on device")
    assert orders(out) == (2 if death == "after the swap" else 1)
    export_parquet(states[1], out)
    assert (orders(out), beside(out)) == (2, ["out"])


def test_killed_first_export_leaves_no_folder(states, tmp_path):
    script = DYING.format(patch=DEATHS["before the swap"])
    subprocess.run([sys.executable, "-c", script, states[0], tmp_path / "out"], capture_output=True, check=False)
    assert not (tmp_path / "out").exists()
    export_parquet(states[0], tmp_path / "out")
    assert (orders(tmp_path / "out"), beside(tmp_path / "out")) == (1, ["out"])


def test_reader_sees_a_whole_export_or_a_new_manifest(states, tmp_path):
    out, over, seen = tmp_path / "out", threading.Event(), []
    export_parquet(states[0], out)

    def read() -> None:
        while not over.is_set():
            text = (out / "manifest.json").read_text("utf-8")  # always there, always whole
            files = exported_files(json.loads(text))
            whole = all(file.is_unchanged(out) for file in files)
            seen.append(whole or (out / "manifest.json").read_text("utf-8") != text)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(1, 7):
            export_parquet(states[turn % 2], out)
    finally:
        over.set()
        reader.join()
    assert seen
    assert all(seen)


def test_file_removed_during_the_check_has_changed(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"rows")
    file = manifest.ExportedFile("a.parquet", 1, 4, sha256_of(tmp_path / "a.parquet"))
    assert file.is_unchanged(tmp_path)

    def hash_late(path: Path) -> str:
        path.unlink()
        return sha256_of(path)

    monkeypatch.setattr(manifest, "sha256_of", hash_late)
    assert not file.is_unchanged(tmp_path)


def test_two_exports_into_one_folder_come_one_after_the_other(states, tmp_path):
    out = tmp_path / "out"
    threads = [threading.Thread(target=export_parquet, args=(state, out)) for state in [*states, *states]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert orders(out) in (1, 2)
    assert beside(out) == ["out"]


def test_folders_are_renamed_where_they_cannot_be_exchanged(states, tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_folder, "_exchange", lambda *_: False)
    for turn in (0, 1):
        export_parquet(states[turn], tmp_path / "out")
        assert (orders(tmp_path / "out"), beside(tmp_path / "out")) == (turn + 1, ["out"])


@pytest.mark.parametrize("name", ["notes.txt", "sms.statistics.parquet.bak", "sms.inventory_history/mine/a.parquet"])
def test_a_file_that_no_export_wrote_is_named_and_stays(states, tmp_path, name):
    out = tmp_path / "out"
    export_parquet(states[0], out)
    foreign = out / name
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("mine")
    with pytest.raises(WarehouseUnwritable, match=f"holds {name}, which no export wrote: name a new or empty folder"):
        export_parquet(states[1], out)
    assert foreign.read_text() == "mine"
    foreign.unlink()
    export_parquet(states[1], out)
    assert orders(out) == 2


def test_only_new_empty_or_exported_folders_are_accepted(states, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WarehouseUnwritable, match="is a file"):
        export_parquet(states[0], tmp_path / "file")
    with pytest.raises(WarehouseUnwritable, match="file/out cannot be written"):
        export_parquet(states[0], tmp_path / "file" / "out")
    with pytest.raises(WarehouseUnwritable, match=r"holds analytics.duckdb"):
        export_parquet(states[0], states[0].parent)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(WarehouseUnwritable, match="working folder"):
        export_parquet(states[0], Path())
    monkeypatch.undo()
    (tmp_path / "empty").chmod(0o750)
    export_parquet(states[0], tmp_path / "empty")
    assert (orders(tmp_path / "empty"), (tmp_path / "empty").stat().st_mode & 0o777) == (1, 0o750)
    export_parquet(states[0], tmp_path / "deep" / "down" / "out")
    (tmp_path / "link").symlink_to("empty")
    export_parquet(states[1], tmp_path / "link")
    assert ((tmp_path / "link").is_symlink(), orders(tmp_path / "empty")) == (True, 2)


def test_a_full_disk_leaves_the_old_export_and_nothing_else(states, tmp_path):
    out = tmp_path / "out"
    export_parquet(states[0], out)
    script = (
        "import resource, sys; from pathlib import Path; from warehouse.export.parquet_export import export_parquet\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
        "export_parquet(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", script, states[1], out], capture_output=True, text=True, check=False
    )
    assert f"WarehouseUnwritable: {out} cannot be written" in completed.stderr.splitlines()[-1]
    assert (orders(out), beside(out)) == (1, ["out"])


def test_unreadable_table_is_named_and_old_export_stays(states, tmp_path):
    out, copy = tmp_path / "out", tmp_path / "analytics.duckdb"
    export_parquet(states[0], out)
    copy.write_bytes(states[1].read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute("CREATE VIEW marts.roots AS SELECT ('x' || order_id)::BIGINT AS root FROM sms.inventory")
    with pytest.raises(WarehouseError, match=r"^marts.roots cannot be read, nothing was exported: .*Could not convert"):
        export_parquet(copy, out)
    assert (orders(out), beside(out)) == (1, ["analytics.duckdb", "out"])


@pytest.mark.parametrize("moment", ["while the tables are written", "just before the exchange"])
def test_file_added_during_an_export_is_not_deleted(states, tmp_path, monkeypatch, moment):
    out = tmp_path / "out"
    export_parquet(states[0], out)
    name = "parquet_export.write_manifest" if moment.startswith("while") else "atomic_folder._exchange"
    module = __import__(f"warehouse.export.{name.split('.', maxsplit=1)[0]}", fromlist=["_"])
    original = getattr(module, name.split(".")[1])

    def interrupted(*arguments):
        (out / "notes.txt").write_text("mine")
        return original(*arguments)

    monkeypatch.setattr(f"warehouse.export.{name}", interrupted)
    with pytest.raises(WarehouseUnwritable, match=r"out holds notes.txt, which no export wrote"):
        export_parquet(states[1], out)
    assert (out / "notes.txt").read_text() == "mine"
    (out / "notes.txt").unlink()
    assert (orders(out), beside(out)) == (1, ["out"])
