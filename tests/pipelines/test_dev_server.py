"""``make up``: what it checks before anything starts, and what it prepares. The rest is proved in tests/browser."""

import os
import signal
import socket
import subprocess

import pytest

from pipelines import dev_server

ONE_LINE = "error: "


@pytest.fixture(autouse=True)
def nothing_is_set(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SMSONLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("SANDBOX", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("something was started"))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def an_account(monkeypatch):
    monkeypatch.setenv("SMSONLINE_USER_ID", "7")
    monkeypatch.setenv("SMSONLINE_API_KEY", "canary-3f0e")


def ended(capfd, *arguments: str) -> list[str]:
    with pytest.raises(SystemExit) as stop:
        dev_server.main(list(arguments))
    assert stop.value.code == 2
    out, err = capfd.readouterr()
    assert out == ""
    return err.splitlines()


def test_a_missing_account_is_one_line_before_anything_starts(capfd, tmp_path):
    (line,) = ended(capfd)
    assert line.startswith("error: SMSONLINE_USER_ID is not set")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("toml", "names"),
    [
        ("datasets = [", "smsonline.toml cannot be read"),
        ("[datasets.balances]\ncadence_minutes = 7", "[datasets.balances] cadence_minutes = 7"),
        ("[datasets.nothing]\ncadence_minutes = 5", "[datasets.nothing]: no such dataset"),
        ("[endpoints.nothing]\npath = 'x'", "nothing"),
    ],
)
def test_a_wrong_settings_file_is_one_line_before_anything_starts(capfd, tmp_path, an_account, toml, names):
    (tmp_path / "smsonline.toml").write_text(toml)
    (line,) = ended(capfd)
    assert names in line
    assert "canary" not in line


def test_a_taken_port_is_one_line_before_anything_starts(capfd, an_account):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (line,) = ended(capfd, "--port", str(port))
    assert f"port {port} cannot be used" in line


def test_the_instance_configuration_is_put_in_place_once_and_never_overwritten(tmp_path):
    home = dev_server.prepare_home(tmp_path / "new" / "home")
    assert (home / "dagster.yaml").read_text() == dev_server.INSTANCE_TEMPLATE.read_text()
    assert os.environ["DAGSTER_HOME"] == str(home)
    (home / "dagster.yaml").write_text("# mine\n")
    dev_server.prepare_home(home)
    assert (home / "dagster.yaml").read_text() == "# mine\n"


def test_the_sandbox_has_a_warehouse_of_its_own(monkeypatch, tmp_path, an_account):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "data/warehouse.duckdb")
    with dev_server.sandbox():
        assert os.environ["SMSONLINE_WAREHOUSE"] == str(tmp_path / "data" / "sandbox.duckdb")
        assert os.environ["SMSONLINE_BASE_URL"].startswith("http://127.0.0.1:")
        assert os.environ["SMSONLINE_API_KEY"] == "sandbox-key"
