"""The files beside the ledger: in two places, each of them enough, and never a reason to go on where one is broken."""

import fcntl
import os
import stat
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread

import pytest
from topup_fakes import START

from topups.ledger import companion_files, open_ledger
from topups.ledger.companion_files import CompanionFileError, CompanionFiles, LedgerWatermark, companion_places

WATERMARK = LedgerWatermark("ledger-1", 7, "ab" * 32, START)


@pytest.fixture
def places(tmp_path):
    return [tmp_path / "data/ledger.db", tmp_path / "state/smsonline/ledger-0123"]


@pytest.fixture
def files(places):
    return CompanionFiles(places)


@pytest.fixture
def block(places):
    """Makes a place unusable: its folder is a file."""

    def apply(*numbers: int) -> None:
        for number in numbers:
            places[number].parent.parent.mkdir(parents=True, exist_ok=True)
            places[number].parent.write_text("")

    return apply


def test_watermark_lies_in_each_place_for_the_owner(files, places):
    files.write_watermark(WATERMARK)
    assert files.read_watermarks() == [WATERMARK, WATERMARK]
    for base in places:
        path = base.with_name(base.name + ".watermark")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("number", [0, 1])
def test_one_place_is_enough(files, block, number):
    block(number)
    files.write_watermark(WATERMARK)
    files.pause("paused by anna")
    files.record_notice("disk", START)
    assert files.read_watermarks() == [WATERMARK]
    assert files.pause_reason() == "paused by anna"
    assert files.last_notice_at("disk") == START


def test_without_a_place_writing_fails(files, block):
    block(0, 1)
    for write in (lambda: files.write_watermark(WATERMARK), lambda: files.pause("why")):
        with pytest.raises(CompanionFileError, match=r"cannot be written: .*ledger\.db.* \(.*\), .*ledger-0123"):
            write()
    files.record_notice("disk", START)
    assert files.last_notice_at("disk") is None
    assert (files.read_watermarks(), files.pause_reason()) == ([], "")


def test_watermark_does_not_go_back(files):
    files.write_watermark(WATERMARK)
    files.write_watermark(LedgerWatermark("ledger-1", 5, "cd" * 32, START - timedelta(hours=1)))
    assert files.read_watermarks()[0] == WATERMARK
    files.write_watermark(LedgerWatermark("ledger-1", 5, "cd" * 32), replace=True)
    assert files.read_watermarks()[0] == LedgerWatermark("ledger-1", 5, "cd" * 32, START)
    files.write_watermark(LedgerWatermark("ledger-2", 1, "ef" * 32))
    assert files.read_watermarks()[0] == LedgerWatermark("ledger-2", 1, "ef" * 32, START)


@pytest.mark.parametrize("kind", ["watermark", "notices"])
def test_two_writers_lose_nothing(places, kind):
    """The second one starts when the first one has read, and comes with the later request."""
    later = START + timedelta(minutes=5)

    def write(files: CompanionFiles, at: datetime) -> None:
        if kind == "watermark":
            files.write_watermark(replace(WATERMARK, requested_at=at))
        else:
            files.record_notice(f"{at}", at)

    second = Thread(target=write, args=(CompanionFiles(places), later))

    class Overtaken(CompanionFiles):
        def _read_all(self, kind):
            texts = super()._read_all(kind)
            second.start()
            second.join(0.2)  # it waits for the first one
            return texts

    write(Overtaken(places), START)
    second.join()
    files = CompanionFiles(places)
    if kind == "watermark":
        assert [watermark.requested_at for watermark in files.read_watermarks()] == [later, later]
    else:
        assert (files.last_notice_at(f"{START}"), files.last_notice_at(f"{later}")) == (START, later)


def test_folder_that_another_program_locks_delays_only(files, places, monkeypatch):
    monkeypatch.setattr(companion_files, "LOCK_SECONDS", 0.02)
    places[0].parent.mkdir()
    folder = os.open(places[0].parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    files.write_watermark(WATERMARK)
    assert files.read_watermarks() == [WATERMARK, WATERMARK]
    os.close(folder)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "7", "\0" * 80, '{"ledger_id": "a"}'),
        '{"ledger_id":"a","seq":"x","hash":"b","requested_at":null}',
        '{"ledger_id":"a","seq":1,"hash":"b","requested_at":"2026-03-02T09:00:00"}',
    ],
)
def test_damaged_watermark_is_named(files, places, text):
    files.write_watermark(WATERMARK)
    places[0].with_name("ledger.db.watermark").write_text(text)
    damaged, intact = files.read_watermarks()
    assert damaged.problem == f"{places[0]}.watermark cannot be read"
    assert intact == WATERMARK


@pytest.mark.promise("what cannot be read stops")
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", None])
def test_pause_file_that_says_nothing_pauses(files, places, content):
    path = places[1].with_name("ledger-0123.paused")
    path.parent.mkdir(parents=True)
    path.mkdir() if content is None else path.write_bytes(content)
    assert str(path) in files.pause_reason()


def test_resume_ends_a_pause_everywhere(files, places):
    files.pause("paused by anna")
    places[0].with_name("ledger.db.paused").unlink()
    assert files.pause_reason() == "paused by anna"
    files.resume()
    assert files.pause_reason() == ""
    files.resume()


def test_pause_file_that_stays_is_named(files, places):
    path = places[0].with_name("ledger.db.paused")
    path.mkdir(parents=True)
    with pytest.raises(CompanionFileError, match=r"ledger\.db\.paused cannot be removed .*stay paused"):
        files.resume()


def test_notices_are_remembered_by_their_key(files, places):
    files.record_notice("a", START)
    files.record_notice("b", START + timedelta(hours=1))
    places[1].with_name("ledger-0123.notices").write_text("{")
    assert files.last_notice_at("a") == START
    files.record_notice("a", START + timedelta(hours=2))
    assert files.last_notice_at("a") == START + timedelta(hours=2)
    assert files.last_notice_at("c") is None


def test_places_are_named_after_the_ledger(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = {"XDG_STATE_HOME": str(tmp_path / "state")}
    warehouse = tmp_path / "w/warehouse.duckdb"
    relative = companion_places("sqlite:///data/ledger.db", warehouse, home)
    absolute = companion_places(f"sqlite:///{tmp_path}/data/ledger.db", warehouse, home)
    as_uri = companion_places(f"sqlite:///file:{tmp_path}/data/ledger.db?uri=true", warehouse, home)
    assert relative == absolute == as_uri
    assert relative[0] == tmp_path / "data/ledger.db"
    assert relative[1].parent == tmp_path / "state/smsonline"
    assert companion_places("sqlite:///other.db", warehouse, home)[1] != relative[1]
    assert companion_places("sqlite://", warehouse, home) == []


def test_places_of_a_server_hold_no_password(tmp_path):
    home, warehouse = {"XDG_STATE_HOME": str(tmp_path)}, tmp_path / "w/warehouse.duckdb"
    before = companion_places("postgresql+psycopg://anna:old@db/name", warehouse, home)
    assert before == companion_places("postgresql+psycopg://anna:new@db/name", warehouse, home)
    assert before[0].parent == tmp_path / "w"
    assert before[1] == tmp_path / "smsonline" / before[0].name


def test_state_folder_is_that_of_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for home in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}):
        assert companion_places("sqlite:////x/l.db", tmp_path, home)[1].parent == tmp_path / ".local/state/smsonline"


@pytest.mark.parametrize("name", ["memory/ledger.db", "a%20b/ledger.db", "a%2520b/ledger.db"])
def test_files_lie_beside_the_ledger_in_any_folder(tmp_path, name):
    url = f"sqlite:///{tmp_path / name}"
    with open_ledger(url):
        beside, _ = companion_places(url, tmp_path, {"XDG_STATE_HOME": str(tmp_path)})
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600
