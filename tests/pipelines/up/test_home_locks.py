"""One ``make up`` on a home at a time, and none while a process of Dagster uses it."""

import fcntl
import os

import pytest

from pipelines.up import home_locks
from pipelines.up.home_locks import PROCESSES, HomeInUse, HomeLock, mark_home_in_use


@pytest.fixture(autouse=True)
def unmarked(tmp_path, monkeypatch):
    """This process uses no home before and after a test."""
    files: list = []
    monkeypatch.setattr(home_locks, "_shared", files)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    yield files
    for file in files:
        file.close()


def test_a_second_lock_names_the_holder(tmp_path):
    first = HomeLock(tmp_path)
    with pytest.raises(HomeInUse, match=rf"make up runs already on {tmp_path} \(PID {os.getpid()}\): end it first"):
        HomeLock(tmp_path)
    first.close()
    HomeLock(tmp_path).close()


def test_a_process_id_of_an_earlier_life_is_replaced(tmp_path):
    (tmp_path / home_locks.UP).write_text("123456789")
    lock = HomeLock(tmp_path)
    assert (tmp_path / home_locks.UP).read_text() == str(os.getpid())
    lock.close()


def test_a_home_that_no_process_uses_is_free_at_once(tmp_path):
    lock = HomeLock(tmp_path)
    lock.wait_for_processes(0)
    mark_home_in_use()  # the lock was given back
    lock.close()


def test_a_home_that_a_process_uses_is_refused(tmp_path, unmarked):
    mark_home_in_use()
    lock = HomeLock(tmp_path)
    with pytest.raises(HomeInUse, match=f"another process of Dagster .* uses {tmp_path}"):
        lock.wait_for_processes(0)
    unmarked.pop().close()
    lock.wait_for_processes(0)
    lock.close()


def test_any_number_of_processes_use_a_home(tmp_path):
    with (tmp_path / PROCESSES).open("ab") as another:
        fcntl.flock(another, fcntl.LOCK_SH)
        mark_home_in_use()


@pytest.mark.parametrize("home", ["", "missing"])
def test_without_a_home_nothing_is_marked(tmp_path, monkeypatch, unmarked, home):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", home)
    mark_home_in_use()
    assert unmarked == []
    assert list(tmp_path.iterdir()) == []
