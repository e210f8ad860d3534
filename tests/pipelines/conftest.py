"""A sandbox on loopback, and commands run in this process against it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.app import app
from smsonline.sandbox import Sandbox, serve

CANARY = "canary-7f3a91c2d4e8"


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def error_lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


Command = Callable[..., CommandResult]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs ``smsonline ARGS`` and returns its exit code and output."""

    def run(*arguments: str) -> CommandResult:
        capfd.readouterr()
        try:
            app(list(arguments))
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        return CommandResult(code, out, err)

    return run


@pytest.fixture
def imported() -> Callable[..., set[str]]:
    """Runs ``smsonline ARGS`` in a process of its own and returns the names of the modules it has imported."""

    def run(*arguments: str) -> set[str]:
        script = (
            "import sys; from pipelines.cli.app import app\n"
            f"try: app({list(arguments)!r})\n"
            "except SystemExit: pass\n"
            "print(*sys.modules, file=sys.stderr)"
        )
        process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        return set(process.stderr.splitlines()[-1].split())

    return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, without the settings of the environment."""
    import os

    for name in list(os.environ):
        if name.startswith("SMSONLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def vendor(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox whose key is a canary, and the settings that point at it."""
    sandbox = Sandbox(api_key=CANARY)
    with serve(sandbox) as address:
        monkeypatch.setenv("SMSONLINE_USER_ID", sandbox.user_id)
        monkeypatch.setenv("SMSONLINE_API_KEY", CANARY)
        monkeypatch.setenv("SMSONLINE_BASE_URL", address.base_url)
        monkeypatch.setenv("SMSONLINE_V2_BASE_URL", address.v2_base_url)
        yield sandbox
