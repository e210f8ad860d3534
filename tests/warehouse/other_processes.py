"""Other processes that open a warehouse file or are locked out of it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('locked', flush=True); sys.stdin.read()"


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "locked\n"
        yield holder
        holder.communicate()


def opens_in_another_process(path: Path) -> bool:
    return (
        subprocess.run([sys.executable, "-c", LOCK, str(path)], stdin=subprocess.DEVNULL, check=False).returncode == 0
    )


def is_locked(path: Path) -> bool:
    """Whether another process is kept out."""
    script = f"import duckdb; duckdb.connect({str(path)!r})"
    tried = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert not tried.returncode or "Could not set lock" in tried.stderr, tried.stderr
    return tried.returncode != 0
