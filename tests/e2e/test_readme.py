"""Every command of the README works."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from smsonline.sandbox import Sandbox, serve

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
LINES = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.S)
    for line in block.splitlines()
]
COMMANDS = [line.removeprefix(".venv/bin/smsonline ") for line in LINES if line.startswith(".venv/bin/smsonline ")]
TARGETS = [line.removeprefix("make ") for line in LINES if line.startswith("make ")]


def test_every_readme_command_is_tested():
    tested = len(COMMANDS) + len(TARGETS) + sum(line.startswith("export SMSONLINE_") for line in LINES)
    assert tested == len(LINES)
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_exists(target):
    subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_every_smsonline_command_works_in_order(tmp_path):
    sandbox = Sandbox()
    with serve(sandbox) as address:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSONLINE_")}
        environment |= {"SMSONLINE_USER_ID": sandbox.user_id, "SMSONLINE_API_KEY": sandbox.api_key}
        environment |= {"SMSONLINE_BASE_URL": address.base_url, "SMSONLINE_V2_BASE_URL": address.v2_base_url}
        for command in COMMANDS:
            script = "import sys; from pipelines.cli.app import app; app(sys.argv[1:])"
            arguments = [sys.executable, "-c", script, *shlex.split(command)]
            process = subprocess.run(
                arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert process.returncode == 0, (command, process.stderr)
