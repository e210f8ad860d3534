"""Real processes: a child of ``make up``, and a run as the child's own process, end when ``make up`` is killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

DEADLINE_SECONDS = 20
# A child that starts a process by multiprocessing, as the code server starts its runs.
FAMILY = """
import multiprocessing, time
import grandchild
if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=grandchild.report).start()
    time.sleep(600)
"""
GRANDCHILD = """
import os, time
def report():
    print(os.getppid(), os.getpid(), flush=True)
    time.sleep(600)
"""
PARENT = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-m", "pipelines.up.child", str(os.getpid()), "family"])
time.sleep(600)
"""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_child_and_its_run_end_with_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "family.py").write_text(FAMILY)
    (tmp_path / "grandchild.py").write_text(GRANDCHILD)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"}
    with subprocess.Popen([sys.executable, "-c", PARENT], env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        processes = [int(text) for text in parent.stdout.readline().split()]
        assert [is_alive(process) for process in processes] == [True, True]
        parent.kill()
    wait_until(lambda: not any(is_alive(process) for process in processes))
