"""What holds for every command: wrong settings, warnings, and a standard output that is unusable, ASCII or gone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from smsonline.sandbox import Sandbox, serve

NAMES = "SELECT 'Türkiye 中国 Ελλάδα 😀' AS name"
PRINTING = {
    "sync": ["sync", "countries", "balances"],
    "status": ["status"],
    "query table": ["query", NAMES],
    "query csv": ["query", NAMES, "--format", "csv"],
    "query long": ["query", "SELECT 'Ж' FROM range(2000)"],
    "export": ["export", "expört"],
    "report": ["report", "--out", "räport.html"],
    "replay": ["replay", "countries"],
    "prune": ["prune", "--dry-run"],
    "doctor": ["doctor"],
    "topup plan": ["topup", "plan"],
    "topup run": ["topup", "run"],
    "topup reconcile": ["topup", "reconcile"],
    "topup list": ["topup", "list"],
    "topup pause": ["topup", "pause", "--why", "Ж"],
    "topup resume": ["topup", "resume"],
}
# Each in a process of its own, forked from one that has imported everything.
PROCESSES = """
import json, os, sys, traceback
import pipelines.cli.demo, pipelines.cli.doctor, pipelines.cli.export, pipelines.cli.maintenance, pipelines.cli.query
import pipelines.cli.report, pipelines.cli.status, pipelines.cli.sync, pipelines.cli.topup.payments
import pipelines.cli.topup.plan, pipelines.cli.topup.run, assets.replay, alembic.command
from pipelines.cli.app import main

stdout, codes = sys.argv[1], {}
for number, (name, arguments) in enumerate(json.loads(sys.argv[2]).items()):
    if os.fork() == 0:
        code = 0
        try:
            os.dup2(os.open(f"{number}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            if stdout == "closed":
                os.close(1)
                sys.stdout = None
            elif stdout == "gone":
                reader, writer = os.pipe()
                os.close(reader)
                os.dup2(writer, 1)
            else:
                path = f"{number}.out" if stdout == "file" else stdout
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), 1)
            sys.argv = ["smsonline", *arguments]
            main()
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            traceback.print_exc()
            code = 99
        try:
            sys.stdout.flush()
        except OSError:
            code = 120  # what the interpreter exits with
        os._exit(code)
    codes[name] = os.waitstatus_to_exitcode(os.wait()[1])
print(json.dumps(codes))
"""


@dataclass(frozen=True)
class Workplace:
    """A working folder with settings and a synced warehouse."""

    folder: Path
    environment: dict[str, str]

    def run(self, stdout: str, names: Iterable[str] = PRINTING, **environment: str) -> dict[str, tuple[int, list[str]]]:
        """Exit code and lines on stderr of every printing command, or those named, with this standard output."""
        commands = {name: PRINTING[name] for name in names}
        process = subprocess.run(
            [sys.executable, "-c", PROCESSES, stdout, json.dumps(commands)],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        codes = json.loads(process.stdout)
        errors = [(self.folder / f"{number}.err").read_text().splitlines() for number in range(len(codes))]
        return {name: (code, lines) for (name, code), lines in zip(codes.items(), errors, strict=True)}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    folder, sandbox = tmp_path_factory.mktemp("workplace"), Sandbox()
    with serve(sandbox) as address:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SMSONLINE_")}
        settings = {
            "SMSONLINE_USER_ID": sandbox.user_id,
            "SMSONLINE_API_KEY": sandbox.api_key,
            "SMSONLINE_BASE_URL": address.base_url,
            "SMSONLINE_V2_BASE_URL": address.v2_base_url,
        }
        location = Workplace(folder, inherited | settings | {"PYTHONIOENCODING": "utf-8"})
        smsonline(location, "sync")
        yield location


def smsonline(location: Workplace, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    script = "from pipelines.cli.app import main; main()"
    command = [sys.executable, "-c", script, *arguments]
    captured = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, cwd=location.folder, env=location.environment, text=True, check=False, **captured)


def test_names_in_other_scripts_are_replaced(workplace):
    results = workplace.run("file", PYTHONIOENCODING="ascii")
    assert {name: result for name, result in results.items() if result != (0, [])} == {}
    printed = [(workplace.folder / f"{number}.out").read_bytes().decode("ascii") for number in range(len(PRINTING))]
    assert all(printed)
    shown = dict(zip(PRINTING, printed, strict=True))
    assert "T?rkiye" in shown["query table"]
    assert "??, " not in shown["query csv"]
    assert "-----" in shown["query long"]


def test_latin_1_keeps_its_letters(workplace):
    assert workplace.run("file", ["query table"], PYTHONIOENCODING="latin-1") == {"query table": (0, [])}
    assert "Türkiye" in (workplace.folder / "0.out").read_bytes().decode("latin-1")


def test_reader_that_closes_early_ends_every_command_quietly(workplace):
    results = workplace.run("gone")
    assert {name: result for name, result in results.items() if result != (0, [])} == {}


@pytest.mark.parametrize(
    ("stdout", "line"),
    [
        ("closed", "error: the output cannot be used: stdout is closed; redirect it to a file or /dev/null"),
        pytest.param(
            "/dev/full",
            "error: the output cannot be used: No space left on device",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full"),
        ),
    ],
)
def test_unusable_output_is_one_line_in_every_command(workplace, stdout, line):
    results = workplace.run(stdout)
    assert {name: result for name, result in results.items() if result != (1, [line])} == {}


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_closed_stream_of_a_real_shell(workplace, stream):
    script = f'"$0" -c "from pipelines.cli.app import main; main()" "$@" {1 if stream == "stdout" else 2}>&-'
    command = ["bash", "-c", script, sys.executable, "query", "SELECT 42 AS answer", "--json"]
    result = subprocess.run(
        command, cwd=workplace.folder, env=workplace.environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == (1 if stream == "stdout" else 0)
    assert len(result.stderr.splitlines()) == (1 if stream == "stdout" else 0)
    assert stream == "stdout" or json.loads(result.stdout) == [{"answer": 42}]


def test_long_output_through_head_is_quiet(workplace):
    script = (
        '"$0" -c "from pipelines.cli.app import main; main()" query "FROM range(200000)" --format csv | head -1;'
        " echo ${PIPESTATUS[0]}"
    )
    result = subprocess.run(
        ["bash", "-c", script, sys.executable],
        cwd=workplace.folder,
        env=workplace.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == ("range\n0\n", "")


def test_wrong_command_line_with_json_is_a_document(workplace):
    for arguments in (["topup", "show", "--json"], ["status", "--json", "--nothing"], ["nothing", "--json"]):
        result = smsonline(workplace, *arguments)
        assert (result.returncode, list(json.loads(result.stdout))) == (2, ["error"]), arguments


def test_redirected_output_of_a_failing_reader_keeps_the_exit_code(workplace):
    reader, writer = os.pipe()
    os.close(reader)
    assert smsonline(workplace, "sync", "nothing", stderr=writer).returncode == 2
    os.close(writer)


EVERY = {
    **{name: arguments for name, arguments in PRINTING.items() if " " not in name or name.startswith("topup")},
    "query": ["query", "SELECT 1"],
    **{f"topup {name}": ["topup", name, "1"] for name in ("show", "approve", "reject", "close")},
}


@pytest.mark.parametrize("name", EVERY)
def test_wrong_settings_are_one_line_in_every_command(home, command, monkeypatch, name):
    monkeypatch.setenv("SMSONLINE_USER_ID", "7")
    monkeypatch.setenv("SMSONLINE_API_KEY", "canary-3f0e")
    for toml, line in {
        "usr_id = 'u'": "usr_id in smsonline.toml: there is no such setting; did you mean user_id?",
        "[datasets.statistics]\ncadence_minutes = 7": "[datasets.statistics] cadence_minutes = 7: it can be 1, 2, 3",
        "[endpoints.balances]\npath = 'x'": "[endpoints.balances]: no such endpoint; did you mean balance?",
        "[topup]\ncap_dya_cents = 7": "topup.cap_dya_cents: the top-up policy has no such entry; did you mean cap_day",
        "ledger = 'sqlite://l.db'": "ledger in smsonline.toml: three slashes precede a relative path",
        "\N{BYTE ORDER MARK}requests_per_second = 0": "requests_per_second in smsonline.toml: Input should be greater",
    }.items():
        (home / "smsonline.toml").write_text(toml, "utf-8")
        result = command(*EVERY[name], "--json")
        assert (result.code, len(result.err.splitlines())) == (2, 1), toml
        assert result.document["error"].startswith(line)
        assert result.err.startswith(f"error: {line}")
    assert [path.name for path in home.iterdir()] == ["smsonline.toml"]


@pytest.mark.parametrize("name", EVERY)
def test_warnings_are_printed_once_by_every_command(home, command, monkeypatch, name):
    monkeypatch.setenv("SMSONLINE_WAREHOSE", "elsewhere.duckdb")
    (home / "smsonline.toml").write_text("api_key = 'k'\n")
    (home / "smsonline.toml").chmod(0o644)
    result = command(*EVERY[name])
    assert [line for line in result.err.splitlines() if line.startswith("warning: ")] == [
        "warning: SMSONLINE_WAREHOSE is no setting; did you mean SMSONLINE_WAREHOUSE?",
        "warning: smsonline.toml holds api_key and others can read it: chmod 600 smsonline.toml",
    ]
    assert "warning" not in result.out
