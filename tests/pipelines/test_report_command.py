"""``smsonline report``: the path of the page, protection of other files, and error messages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from report_warehouse import make_warehouse, without_marts

WAREHOUSE = Path("data/warehouse.duckdb")


@pytest.fixture
def small_warehouse(home):
    """A warehouse with one mart, whose page is generated quickly."""
    return make_warehouse(home / WAREHOUSE, without_marts("freshness"))


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_page_of_synced_warehouse_has_its_figures(vendor, command):
    assert command("sync").code == 0
    result = command("report")
    assert (result.code, result.out, result.err) == (0, "data/report.html\n", "")
    text = Path("data/report.html").read_text("utf-8")
    balance = vendor.state.account.balance_cents / 100
    assert f"${balance:,.2f}" in text and f"Balance of account {vendor.user_id}" in text
    assert "10 of 10" in text and "12 of 12 countries" in text
    assert vendor.api_key not in text and vendor.state.account.orders
    assert not [order.phone for order in vendor.state.account.orders.values() if order.phone in text]


def test_missing_warehouse_names_the_command_to_run(home, command):
    result = command("report")
    assert (result.code, result.out) == (0, "data/report.html\n")
    assert result.err.splitlines() == [
        "There is no warehouse at data/warehouse.duckdb yet. Run smsonline sync first; the page says so too."
    ]
    assert "smsonline sync" in (home / "data/report.html").read_text("utf-8")
    assert not (home / WAREHOUSE).exists()


def test_out_option_replaces_an_existing_page(small_warehouse, home, command):
    (home / "page.html").write_text("<!DOCTYPE html><p>previous page</p>")
    assert command("report", "--out", "page.html").out == "page.html\n"
    assert "Data freshness" in (home / "page.html").read_text("utf-8")
    assert names(home) == ["data", "page.html"]
    assert names(home / "data") == ["warehouse.duckdb"]


def test_link_is_followed_and_stays_a_link(small_warehouse, home, command):
    (home / "link.html").symlink_to("page.html")
    (home / "page.html").touch()
    assert command("report", "--out", "link.html").code == 0
    assert (home / "link.html").is_symlink()
    assert "Data freshness" in (home / "page.html").read_text("utf-8")


@pytest.mark.parametrize("kind", ["warehouse", "text", "pipe", "dangling link"])
def test_other_files_are_never_replaced(small_warehouse, home, command, kind):
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
    result = command("report", "--out", str(out))
    assert (result.code, result.out, len(result.err.splitlines())) == (2, "", 1)
    assert "is no page" in result.err and "--out" in result.err
    after = out.lstat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("out", "reason"), [("no/such/folder.html", "No such file"), ("data", "it is a folder"), ("", "names no file")]
)
def test_unwritable_path_is_a_one_line_error(small_warehouse, home, command, out, reason):
    result = command("report", "--out", out)
    assert (result.code, result.out, len(result.error_lines)) == (2, "", 1)
    assert reason in result.err
    assert names(home / "data") == ["warehouse.duckdb"]


def test_failed_write_leaves_the_previous_page(small_warehouse, home, command, monkeypatch):
    previous = "<!doctype html><p>previous page</p>"
    (home / "page.html").write_text(previous)

    def write_to_full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_to_full_disk)
    result = command("report", "--out", "page.html")
    assert (result.code, len(result.err.splitlines())) == (2, 1) and "No space left" in result.err
    assert (home / "page.html").read_bytes() == previous.encode()
    assert names(home) == ["data", "page.html"]


def test_file_that_is_no_warehouse_is_a_one_line_error(home, command, monkeypatch):
    (home / "notes.txt").write_text("no database")
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "notes.txt")
    result = command("report", "--out", "page.html")
    assert (result.code, len(result.err.splitlines()), names(home)) == (2, 1, ["notes.txt"])


def test_other_commands_do_not_import_the_drawing_libraries():
    script = "import sys, pipelines.cli.app, pipelines.report.data; print({'altair', 'vl_convert'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
