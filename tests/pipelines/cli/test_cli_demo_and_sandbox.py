"""``smsonline demo`` and ``smsonline sandbox``."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest


def test_demo_prints_success_rates_and_can_be_repeated(home, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_TOPUP_MODE", "nonsense: the user's settings have no part in the demo")
    for _ in range(2):
        result = command("demo")
        assert result.code == 0, result.err
        assert "where a delivered message costs least" in result.out
        assert "DRY_RUN_WOULD_CREATE" in result.out
        assert "first sync" in result.out
        assert "second sync, 3 hours later" in result.out
    monkeypatch.delenv("SMSONLINE_TOPUP_MODE")
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "data/demo/warehouse.duckdb")
    assert "540 rows" in command("query", "FROM marts.success_rates").out


def test_demo_touches_nothing_outside_its_folder(home, command):
    (home / "data").mkdir()
    files_of_user = {
        name: home / "data" / name for name in ("warehouse.duckdb", "analytics.duckdb", "ledger.db", "demo.duckdb")
    }
    for name, file in files_of_user.items():
        file.write_text(name)
    for _ in range(2):
        assert command("demo").code == 0
        for file in (home / "data/demo").glob("warehouse.duckdb"):
            file.with_name("warehouse.duckdb.wal").write_bytes(b"of an earlier demo")
    assert {name: file.read_text() for name, file in files_of_user.items()} == {name: name for name in files_of_user}
    assert {file.name for file in (home / "data").iterdir()} == {*files_of_user, "demo"}
    files = {file.name for file in (home / "data/demo").iterdir()}
    assert {"warehouse.duckdb", "analytics.duckdb", "ledger.db", "report.html"} <= files


def test_sandbox_serves_on_loopback_until_interrupted(home):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["sandbox", "--port", str(port), "--fault", "balance=http_503:1"]
    script = f"from pipelines.cli.app import app; app({arguments!r})"
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True) as server:
        try:
            lines = [server.stderr.readline() for _ in range(3)]
            url = f"http://127.0.0.1:{port}/v3/customers/sandbox/balance?apiKey=sandbox-key"
            with pytest.raises(urllib.error.HTTPError):
                _when_up(url)
            assert _when_up(url).startswith(b'{"ok":true')
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=20) == 0
    assert f"SMSONLINE_BASE_URL=http://127.0.0.1:{port}/v3" in lines[1]


def _when_up(url: str) -> bytes:
    for _ in range(2000):
        try:
            with urllib.request.urlopen(url) as response:
                return response.read()
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            os.sched_yield()
    raise AssertionError("the sandbox did not come up")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--fault", "balance=explode"], "explode"),
        (["--fault", "nowhere=http_500"], "nowhere"),
        (["--fault", "balance"], "ENDPOINT=KIND"),
    ],
)
def test_unknown_fault_exits_with_one_line(home, command, arguments, named):
    result = command("sandbox", *arguments)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert named in result.err


def test_port_in_use_exits_with_one_line(home, command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = command("sandbox", "--port", str(taken.getsockname()[1]))
    assert result.code == 2
    assert len(result.error_lines) == 1
    assert "--port" in result.error_lines[0]
