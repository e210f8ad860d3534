"""A copy belongs to one state of one warehouse: anything else in its place is replaced or set aside, not filled up."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.stored_file import CUT, TABLES, WHOLE, StoredFile
from warehouse.database.opening import Writer, open_warehouse, published_path
from warehouse.database.reading import open_copy
from warehouse.errors import CopyDamaged, NotAWarehouse
from warehouse.publishing.publish import is_published, publish

BLOCK = 262_144


@pytest.fixture
def stored_file(warehouse_path: Path) -> StoredFile:
    """A warehouse whose copy is up to date."""
    file = StoredFile(warehouse_path)
    file.load(WHOLE, {"a": 1, "b": 2})
    publish(file.path, TABLES)
    return file


def files_of(warehouse: Path) -> dict[Path, bytes]:
    """The warehouse with its log, to put back."""
    log = warehouse.with_name(f"{warehouse.name}.wal")
    return {path: path.read_bytes() if path.exists() else b"" for path in (warehouse, log)}


def put_back(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        path.unlink(missing_ok=True)
        if content:
            path.write_bytes(content)


def assert_copy_equals(file: StoredFile) -> None:
    assert file.state(published_path(file.path)) == file.state()
    with open_warehouse(file.path, read_only=True) as connection:
        assert is_published(connection, file.path)


@pytest.mark.parametrize("loaded_again", [True, False])
def test_restored_warehouse_gets_a_new_copy(stored_file: StoredFile, loaded_again: bool) -> None:
    backup = files_of(stored_file.path)
    for prices in ({"a": 3}, {"a": 4, "c": 5}):
        stored_file.load(WHOLE, prices)
        publish(stored_file.path, TABLES)
    put_back(backup)
    if loaded_again:
        stored_file.load(WHOLE, {"a": 9})
    assert publish(stored_file.path, TABLES)
    assert_copy_equals(stored_file)


def test_restored_pair_of_both_is_filled_up(stored_file: StoredFile) -> None:
    copy = published_path(stored_file.path)
    backup = files_of(stored_file.path) | {copy: copy.read_bytes()}
    stored_file.load(WHOLE, {"a": 3})
    publish(stored_file.path, TABLES)
    put_back(backup)
    stored_file.load(WHOLE, {"a": 7})
    assert publish(stored_file.path, TABLES)
    assert_copy_equals(stored_file)


@pytest.mark.parametrize("newer", [True, False])
def test_copy_put_back_from_a_backup_is_rebuilt(stored_file: StoredFile, newer: bool, tmp_path: Path) -> None:
    copy, stored_copy = published_path(stored_file.path), tmp_path / "stored"
    backup, older = files_of(stored_file.path), copy.read_bytes()
    stored_file.load(WHOLE, {"a": 3})
    publish(stored_file.path, TABLES)
    stored_copy.write_bytes(copy.read_bytes() if newer else older)
    if newer:
        put_back(backup)
    shutil.copy(stored_copy, copy)
    assert publish(stored_file.path, TABLES)
    assert_copy_equals(stored_file)
    assert not list(copy.parent.glob("*damaged*"))


def test_copy_of_another_warehouse_is_rebuilt(stored_file: StoredFile, tmp_path: Path) -> None:
    second = StoredFile(tmp_path / "other" / "warehouse.duckdb")
    second.load(WHOLE, {"z": 1})
    second.load(CUT, {"z": 1})
    publish(second.path, TABLES)
    shutil.copy(published_path(second.path), published_path(stored_file.path))
    assert publish(stored_file.path, TABLES)
    assert_copy_equals(stored_file)


def test_publications_have_tokens_of_their_own(stored_file: StoredFile) -> None:
    query, tokens = "SELECT warehouse_id, publication_token FROM ops.warehouse", set()
    for price in (5, 6):
        stored_file.load(WHOLE, {"a": price})
        publish(stored_file.path, TABLES)
        with open_warehouse(stored_file.path, read_only=True) as connection:
            in_warehouse = connection.execute(query).fetchall()
        with duckdb.connect(str(published_path(stored_file.path)), read_only=True) as reader:
            assert reader.execute(query).fetchall() == in_warehouse
        tokens.add(in_warehouse[0])
    assert (len(tokens), len({warehouse for warehouse, _ in tokens})) == (2, 1)


def zero_last_block(copy: Path) -> None:
    with copy.open("r+b") as file:
        file.seek(-BLOCK, os.SEEK_END)
        file.write(bytes(BLOCK))


def zero_every_block(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[: 3 * 4096] + bytes(copy.stat().st_size - 3 * 4096))


def replace_by_folder(copy: Path) -> None:
    copy.unlink()
    (copy / "inside").mkdir(parents=True)


def change_in_duckdb(copy: Path) -> None:
    with duckdb.connect(str(copy)) as connection:
        connection.execute("CREATE TABLE own_notes AS SELECT 1 AS note")


def replace_by_database(copy: Path) -> None:
    copy.unlink()
    change_in_duckdb(copy)


DAMAGES = [zero_last_block, zero_every_block, replace_by_folder, change_in_duckdb, replace_by_database]
DAMAGES += [lambda copy: copy.write_bytes(b""), lambda copy: os.truncate(copy, copy.stat().st_size - 1)]
DAMAGES += [lambda copy: os.truncate(copy, 5000), lambda copy: copy.write_bytes(b"no database " * 1000)]
NAMES = ["block", "blocks", "folder", "changed", "another database", "emptied", "a byte", "truncated", "text"]


@pytest.mark.parametrize("damage", DAMAGES, ids=NAMES)
def test_damaged_copy_is_set_aside_and_rebuilt(
    stored_file: StoredFile, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    copy = published_path(stored_file.path)
    for name in ("analytics.duckdb.damaged", "analytics.duckdb.damaged-2"):
        damage(copy)
        left = None if copy.is_dir() else copy.read_bytes()
        caplog.clear()
        assert publish(stored_file.path, TABLES)
        assert_copy_equals(stored_file)
        aside = copy.with_name(name)
        assert aside.is_dir() if left is None else aside.read_bytes() == left
        (line,) = caplog.messages
        assert f"set aside as {name}, made anew" in line
        assert "warehouse.duckdb" not in line


def test_copy_that_nobody_may_read_is_set_aside(stored_file: StoredFile, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = published_path(stored_file.path)
    opened = Path.open

    def refuse(path: Path, *arguments: str) -> object:
        if path == copy and not path.with_name(f"{path.name}.damaged").exists():
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments)

    monkeypatch.setattr(Path, "open", refuse)
    assert publish(stored_file.path, TABLES)
    assert copy.with_name("analytics.duckdb.damaged").exists()
    assert_copy_equals(stored_file)


def test_log_beside_the_copy_does_not_reach_the_new_one(stored_file: StoredFile) -> None:
    copy = published_path(stored_file.path)
    with duckdb.connect() as writer:
        writer.execute("PRAGMA disable_checkpoint_on_shutdown")
        writer.execute(f"ATTACH '{copy}' AS copy")
        writer.execute("DELETE FROM copy.store.whole")
    log = copy.with_name(f"{copy.name}.wal")
    assert log.exists()
    stored_file.load(WHOLE, {"a": 5})
    assert publish(stored_file.path, TABLES)
    assert not log.exists()
    assert_copy_equals(stored_file)


def test_log_that_somebody_left_beside_the_copy_is_noticed(stored_file: StoredFile) -> None:
    copy = published_path(stored_file.path)
    copy.with_name(f"{copy.name}.wal").write_bytes(b"not a log")
    assert publish(stored_file.path, TABLES)
    assert_copy_equals(stored_file)


def test_warehouses_in_one_folder_touch_no_others_copy(tmp_path: Path) -> None:
    files = [StoredFile(tmp_path / name) for name in ("a.duckdb", "b.duckdb", "warehouse.duckdb", "a", "a.db")]
    for price, file in enumerate(files):
        file.load(WHOLE, {file.path.name: price})
        assert publish(file.path, TABLES)
    before = {published_path(file.path): published_path(file.path).stat() for file in files}
    assert len(before) == len(files)
    files[0].load(WHOLE, {"new": 1})
    publish(files[0].path, TABLES)
    for file in files:
        assert_copy_equals(file)
        same = published_path(file.path).stat().st_ino == before[published_path(file.path)].st_ino
        assert same == (file is not files[0])


def test_copy_by_an_earlier_release_of_another_name_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    earlier = tmp_path / "analytics.duckdb"
    earlier.write_bytes(b"of an earlier release")
    file = StoredFile(tmp_path / "a.duckdb")
    for _ in range(2):
        file.load(WHOLE, {"a": 1})
        publish(file.path, TABLES)
        os.utime(published_path(file.path), (0, 0))
    assert earlier.read_bytes() == b"of an earlier release"
    (line,) = caplog.messages
    assert "analytics.duckdb is not updated any more: the copy is a.analytics.duckdb" in line


def test_a_link_to_the_warehouse_has_no_copy_of_its_own(stored_file: StoredFile, tmp_path: Path) -> None:
    link = tmp_path / "linked.duckdb"
    link.symlink_to(stored_file.path)
    assert published_path(link) == published_path(stored_file.path)
    with open_warehouse(link) as connection:
        connection.execute("INSERT INTO ops.loads (load_id) VALUES ('through the link')")
    linked = StoredFile(link)
    linked.minute = 5
    linked.load(WHOLE, {"a": 8})
    assert publish(link, TABLES)
    assert_copy_equals(stored_file)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["linked.duckdb"]


def test_a_link_at_the_copys_place_is_followed(stored_file: StoredFile, tmp_path: Path) -> None:
    copy, shared = published_path(stored_file.path), tmp_path / "shared.duckdb"
    copy.rename(shared)
    copy.symlink_to(shared)
    stored_file.load(WHOLE, {"a": 8})
    assert publish(stored_file.path, TABLES)
    assert copy.is_symlink()
    assert_copy_equals(stored_file)


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_copy_that_leads_to_the_warehouse_is_refused(stored_file: StoredFile, link: Callable[..., None]) -> None:
    copy, before = published_path(stored_file.path), stored_file.state()
    copy.unlink()
    link(copy, stored_file.path)
    with pytest.raises(NotAWarehouse, match="leads to the warehouse itself"):
        publish(stored_file.path, TABLES)
    assert stored_file.state() == before


def test_relative_and_absolute_paths_are_one_warehouse(
    stored_file: StoredFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stored_file.path.parent)
    assert not publish(Path("warehouse.duckdb"), TABLES)
    stored_file.load(WHOLE, {"a": 8})
    assert publish(Path("./warehouse.duckdb"), TABLES)
    assert not publish(stored_file.path, TABLES)
    assert published_path(Path("warehouse.duckdb")) == Path("analytics.duckdb")


def test_leftovers_go_with_the_next_lock_but_not_of_a_living_process(stored_file: StoredFile) -> None:
    folder, ended = stored_file.path.parent, 2**22 + 1  # above any process id of Linux
    removed = [f"analytics.duckdb.{ended}.new", f"analytics.duckdb.{ended}.new.wal", "analytics.duckdb.new"]
    removed += ["analytics.duckdb.new.wal", "warehouse.duckdb.rebuild", "warehouse.duckdb.rebuild.wal"]
    stay = [f"analytics.duckdb.{os.getppid()}.new", f"a.analytics.duckdb.{ended}.new", "analytics.duckdb.note.new"]
    for name in [*removed, *stay]:
        (folder / name).write_bytes(b"left")
    with open_warehouse(stored_file.path, read_only=True):
        assert all((folder / name).exists() for name in removed)
    with open_warehouse(stored_file.path, writer=Writer()):
        pass
    assert {name for name in [*removed, *stay] if (folder / name).exists()} == set(stay)


@pytest.mark.parametrize("damage", [zero_every_block, replace_by_folder, *DAMAGES[5:]], ids=["blocks", *NAMES[5:], "f"])
def test_reader_of_a_damaged_copy_learns_to_sync(stored_file: StoredFile, damage: Callable[[Path], None]) -> None:
    copy = published_path(stored_file.path)
    damage(copy)
    with pytest.raises(CopyDamaged, match="is damaged: run smsonline sync") as error, open_copy(copy) as connection:
        connection.execute("SELECT * FROM sms.whole_history").fetchall()
        connection.execute("SELECT * FROM marts.freshness").fetchall()
    assert str(stored_file.path) not in str(error.value)


@pytest.fixture(autouse=True)
def _warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "smsonline.warehouse")
