"""``smsonline report``: where the page goes, that it replaces nothing else, and what a user reads when it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from report_warehouse import make, without

WAREHOUSE = Path("data/warehouse.duckdb")


@pytest.fixture
def small(home):
    """A warehouse whose page is made quickly."""
    return make(home / WAREHOUSE, without("freshness"))


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_synced_warehouse_gives_a_page_with_its_own_figures(vendor, command):
    assert command("sync").code == 0
    done = command("report")
    assert (done.code, done.out, done.err) == (0, "data/report.html\n", "")
    text = Path("data/report.html").read_text("utf-8")
    balance = vendor.world.account.balance_cents / 100
    assert f"${balance:,.2f}" in text and f"Balance of account {vendor.user_id}" in text
    assert "10 of 10" in text and "12 of 12 countries" in text
    assert vendor.api_key not in text and vendor.world.account.orders
    assert not [order.phone for order in vendor.world.account.orders.values() if order.phone in text]


def test_a_missing_warehouse_gives_a_page_and_a_line_that_say_what_to_run_first(home, command):
    done = command("report")
    assert (done.code, done.out) == (0, "data/report.html\n")
    assert done.err.splitlines() == [
        "There is no warehouse at data/warehouse.duckdb yet. Run smsonline sync first; the page says so too."
    ]
    assert "smsonline sync" in (home / "data/report.html").read_text("utf-8")
    assert not (home / WAREHOUSE).exists()


def test_out_names_the_file_and_a_page_that_is_there_is_replaced(small, home, command):
    (home / "page.html").write_text("<!DOCTYPE html><p>the old one</p>")
    assert command("report", "--out", "page.html").out == "page.html\n"
    assert "Data freshness" in (home / "page.html").read_text("utf-8")
    assert names(home) == ["data", "page.html"]
    assert names(home / "data") == ["warehouse.duckdb"]


def test_a_link_is_followed_and_stays_a_link(small, home, command):
    (home / "link.html").symlink_to("page.html")
    (home / "page.html").touch()
    assert command("report", "--out", "link.html").code == 0
    assert (home / "link.html").is_symlink()
    assert "Data freshness" in (home / "page.html").read_text("utf-8")


@pytest.mark.parametrize("kind", ["warehouse", "text", "pipe", "lost link"])
def test_what_is_no_page_is_never_replaced(small, home, command, kind):
    out = home / "out"
    if kind == "warehouse":
        out = home / WAREHOUSE
    elif kind == "text":
        out.write_text("my notes")
    elif kind == "pipe":
        os.mkfifo(out)
    else:
        out.symlink_to("nowhere")
    before = out.lstat()
    done = command("report", "--out", str(out))
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert "is no page" in done.err and "--out" in done.err
    after = out.lstat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("out", "told"), [("no/such/folder.html", "No such file"), ("data", "it is a folder"), ("", "names no file")]
)
def test_a_place_that_cannot_be_written_is_one_line(small, home, command, out, told):
    done = command("report", "--out", out)
    assert (done.code, done.out, len(done.error_lines)) == (2, "", 1)
    assert told in done.err
    assert names(home / "data") == ["warehouse.duckdb"]


def test_a_page_that_cannot_be_finished_leaves_the_old_one(small, home, command, monkeypatch):
    old = "<!doctype html><p>the old one</p>"
    (home / "page.html").write_text(old)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    done = command("report", "--out", "page.html")
    assert (done.code, len(done.err.splitlines())) == (2, 1) and "No space left" in done.err
    assert (home / "page.html").read_bytes() == old.encode()
    assert names(home) == ["data", "page.html"]


def test_a_file_that_is_no_warehouse_is_one_line(home, command, monkeypatch):
    (home / "notes.txt").write_text("no database")
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "notes.txt")
    done = command("report", "--out", "page.html")
    assert (done.code, len(done.err.splitlines()), names(home)) == (2, 1, ["notes.txt"])


def test_the_other_commands_do_not_load_what_draws():
    script = "import sys, pipelines.cli.app, pipelines.report.data; print({'altair', 'vl_convert'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
