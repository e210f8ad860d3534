"""The command line in processes forked from a server that has imported everything.

That costs a tenth of a fresh interpreter, and dies, locks and writes like one. Some tests of each subject start the
real thing all the same.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from subprocess import CompletedProcess
from typing import Self

import pytest

FORKS = multiprocessing.get_context("forkserver")
NEEDED = ("pytest", "topup_process", "pipelines.cli.sync", "pipelines.cli.maintenance", "pipelines.cli.status")


def start_fork_server() -> None:
    """It then lives as long as this process."""
    FORKS.set_forkserver_preload(list(NEEDED))
    with pytest.MonkeyPatch.context() as patch:
        # Older Pythons do not tell the server where modules lie.
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        ensure_running()


@dataclass(frozen=True)
class Command:
    """``smsonline ARGUMENTS`` in a folder of its own, with these variables and no others.

    ``file_bytes``: no file may grow beyond it. ``loud``: everything is logged to stderr. ``humble``: without the right
    to files of others that root has.
    """

    arguments: tuple[str, ...]
    home: Path
    environment: Mapping[str, str]
    file_bytes: int | None = None
    loud: bool = False
    humble: bool = False

    def start(self) -> Self:
        start_fork_server()
        (out, to_out), (err, to_err) = FORKS.Pipe(duplex=False), FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=work, args=(self, to_out, to_err))
        with to_out, to_err:
            process.start()
        return Running(self.arguments, process, out, err)

    def run(self) -> CompletedProcess[str]:
        return self.start().ended()


@dataclass(frozen=True)
class Running:
    arguments: tuple[str, ...]
    process: ForkServerProcess
    out: Connection
    err: Connection

    def ended(self) -> CompletedProcess[str]:
        """What it printed, and its exit code; negative for a signal."""
        with ThreadPoolExecutor(2) as readers:
            out, err = readers.map(_read, (self.out, self.err))
        self.process.join(120)
        code = self.process.exitcode
        self.process.close()
        assert code is not None
        return CompletedProcess(self.arguments, code, out, err)


def _read(end: Connection) -> str:
    with end, open(end.fileno(), encoding="utf-8", closefd=False) as text:
        return text.read()


def work(command: Command, out: Connection, err: Connection) -> None:
    """The process."""
    import logging
    import resource

    from pipelines.cli.app import app

    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    out.close()
    err.close()
    os.chdir(command.home)
    os.environ.clear()
    os.environ.update(command.environment)
    if command.loud:
        logging.basicConfig(level=logging.DEBUG)
    if command.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (command.file_bytes, command.file_bytes))
    if command.humble:
        _give_up_files_of_others()
    app(list(command.arguments))


def _give_up_files_of_others() -> None:
    """Root writes to read-only files by a privilege (CAP_DAC_OVERRIDE, 1) that it can do without."""
    import ctypes

    if os.geteuid():
        return
    system, header, sets = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert system.capget(header, sets) == 0
    for stored_file in range(3):  # effective, permitted and inheritable; the other three hold capabilities from 32 on
        sets[stored_file] &= ~(1 << 1)
    assert system.capset(header, sets) == 0
