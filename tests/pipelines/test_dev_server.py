"""``make up``: what it checks before anything starts. The rest is tested in ``up`` and in ``tests/browser``."""

import os
import signal
import socket
from pathlib import Path

import pytest

from pipelines import dev_server
from pipelines.settings import load_settings
from pipelines.up.child_processes import ChildProcess
from pipelines.up.home_health import DATABASES
from pipelines.up.home_locks import HomeLock
from smsonline.sandbox import Sandbox
from warehouse.status import read_loaded_datasets

ONE_LINE = "error: "


@pytest.fixture(autouse=True)
def nothing_is_set(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SMSONLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("SANDBOX", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ChildProcess, "launch", lambda *_: pytest.fail("something was started"))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
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


def test_warnings_of_the_top_ups_are_printed_at_the_start(capfd, monkeypatch, an_account):
    cents = {"THRESHOLD": 5000, "TARGET": 8000, "AMOUNT_MIN": 1000, "AMOUNT_MAX": 5000}
    cents |= {"CAP_DAY": 10_000, "CAP_WEEK": 20_000, "CAP_MONTH": 50_000, "APPROVAL_ABOVE": 1000}
    monkeypatch.setenv("SMSONLINE_TOPUP_MODE", "auto")
    dev_server.check_settings()
    assert "warning: no top-up is requested: SMSONLINE_TOPUP_THRESHOLD_CENTS" in capfd.readouterr().err
    for name, value in cents.items():
        monkeypatch.setenv(f"SMSONLINE_TOPUP_{name}_CENTS", str(value))
    dev_server.check_settings()
    address, approval = capfd.readouterr().err.splitlines()
    assert address.startswith("warning: SMSONLINE_TOPUP_NOTIFY is not set")
    assert approval.startswith("warning: mode auto asks a person before every usual payment")


def test_a_taken_port_is_one_line_before_anything_starts(capfd, an_account):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (line,) = ended(capfd, "--port", str(port))
    assert f"port {port} cannot be used" in line


def test_the_sandbox_has_a_folder_of_its_own(monkeypatch, tmp_path, an_account):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", "data/warehouse.duckdb")
    child = dev_server.sandbox_process()
    folder = tmp_path / "data" / "sandbox"
    assert os.environ["SMSONLINE_WAREHOUSE"] == str(folder / "warehouse.duckdb")
    assert os.environ["SMSONLINE_LEDGER"] == f"sqlite:///{folder / 'ledger.db'}"
    assert os.environ["DAGSTER_HOME"] == str(folder / "dagster")
    assert os.environ["SMSONLINE_BASE_URL"] == f"http://127.0.0.1:{child.arguments[0]}/v3"
    vendor = Sandbox()
    assert (os.environ["SMSONLINE_USER_ID"], os.environ["SMSONLINE_API_KEY"]) == (vendor.user_id, vendor.api_key)


def test_a_second_server_on_a_home_names_the_first(capfd, tmp_path, an_account):
    (tmp_path / "home").mkdir()
    lock = HomeLock(tmp_path / "home")
    line = ended(capfd, "--port", "0")[-1]
    assert f"(PID {os.getpid()})" in line
    assert str(tmp_path / "home") in line
    lock.close()


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("content", [b"", bytes(100_000), b"no database" * 1000])
def test_a_damaged_database_is_named_with_the_way_out(capfd, tmp_path, an_account, name, content):
    path = tmp_path / "home" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    (line,) = ended(capfd, "--port", "0")
    assert line.startswith(f"error: {path} is damaged (")
    assert "rename it" in line
    assert DATABASES[name] in line


@pytest.mark.parametrize("text", ["a: [", "nonsense: 1", "run_queue: {dequeue_interval_seconds: often}", "\0\0", ""])
def test_a_damaged_configuration_is_named_with_the_way_out(capfd, tmp_path, an_account, text):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text(text)
    line = ended(capfd, "--port", "0")[-1]
    assert line.startswith(f"error: {tmp_path / 'home' / 'dagster.yaml'} cannot be used (")
    assert "rename it" in line


def test_the_warehouse_is_created_with_its_copy(monkeypatch, tmp_path, an_account):
    warehouse_id = dev_server.prepare_warehouse(load_settings())
    assert read_loaded_datasets(Path("data/warehouse.duckdb"), "7") == (warehouse_id, set())
    assert dev_server.prepare_warehouse(load_settings()) == warehouse_id
