"""Counts how much of the code base one command enters: ``python -m bench.trace_calls [--list] COMMAND [ARGUMENT...]``.

Runs ``smsonline COMMAND`` in this process under a profile function. Reports on stderr the functions and files of the
project that were entered, changes of file (a call in another file than the previous call of the same thread), and
calls inside pandas. Lambdas, comprehensions and module bodies are not counted. ``--list`` adds the entries per file.
"""

import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pandas

ROOT = f"{Path(__file__).resolve().parents[1]}/"
PACKAGES = tuple(f"{ROOT}{name}/" for name in ("smsonline", "warehouse", "assets", "topups", "pipelines"))
PANDAS = f"{Path(pandas.__file__).parent}/"


class CallCounter:
    """A profile function for all threads, with its counts."""

    def __init__(self) -> None:
        self.entries: Counter[str] = Counter()
        self.functions: set[tuple[str, str]] = set()
        self.file_changes = 0
        self.pandas_calls = 0
        self._thread = threading.local()

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Counts one call; the signature is that of ``sys.setprofile``."""
        if event != "call":
            return
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        if path.startswith(PANDAS):
            self.pandas_calls += 1
        elif path.startswith(PACKAGES) and not name.startswith("<"):
            self.entries[path] += 1
            self.functions.add((path, name))
            if path != getattr(self._thread, "path", None):
                self.file_changes += 1
                self._thread.path = path

    def report(self, *, listing: bool) -> str:
        """The counts as text."""
        entered = self.entries.most_common() if listing else []
        lines = [f"{count:6} {path.removeprefix(ROOT)}" for path, count in entered]
        lines += [f"functions {len(self.functions)}, files {len(self.entries)}, changes of file {self.file_changes}"]
        lines += [f"calls inside pandas {self.pandas_calls}"]
        return "\n".join(lines)


def main() -> int:
    """Runs the command and reports. Returns its exit code."""
    listing = sys.argv[1:2] == ["--list"]
    from pipelines.cli import main as run_command

    sys.argv = ["smsonline", *sys.argv[2 if listing else 1 :]]
    counter, code = CallCounter(), 0
    threading.setprofile(counter)
    sys.setprofile(counter)
    try:
        run_command()
    except SystemExit as exit_request:
        code = exit_request.code if isinstance(exit_request.code, int) else int(exit_request.code is not None)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    sys.stderr.write(counter.report(listing=listing) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
