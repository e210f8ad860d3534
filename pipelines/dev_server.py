"""``make up``: Dagster's UI and daemon on this machine, with the sandbox beside them when ``SANDBOX=1``."""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipelines.bootstrap import configured_datasets, open_pipeline
from pipelines.cli.console import MISCONFIGURED, exit_on_error, exit_with_error, load_command_settings, print_stderr

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[1]
WORKSPACE = ROOT / "workspace.yaml"
INSTANCE_TEMPLATE = Path(__file__).with_name("dagster.yaml")


def main(arguments: list[str] | None = None) -> int:
    """Runs until Ctrl-C or SIGTERM; returns the exit code. A wrong setting ends it before anything starts."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="port of the UI on 127.0.0.1 (3000)")
    port = parser.parse_args(arguments).port
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell that put it in the background ignores SIGINT
        signal.signal(number, _interrupt)
    with sandbox() if os.environ.get("SANDBOX") == "1" else nullcontext():
        check_settings()
        check_port(port)
        home = prepare_home(Path(os.environ.get("DAGSTER_HOME") or ROOT / ".dagster"))
        print_stderr(f"Dagster comes up on http://{HOST}:{port} (its records: {home}); Ctrl-C ends it")
        return run_dagster(port)


@contextmanager
def sandbox() -> Iterator[None]:
    """Serves the sandbox, with the settings of this process and its children pointing at it."""
    from smsonline.sandbox import Sandbox, serve

    vendor = Sandbox()
    with serve(vendor) as address:
        os.environ |= {
            "SMSONLINE_USER_ID": vendor.user_id,
            "SMSONLINE_API_KEY": vendor.api_key,
            "SMSONLINE_BASE_URL": address.base_url,
            "SMSONLINE_V2_BASE_URL": address.v2_base_url,
            "SMSONLINE_WAREHOUSE": str(Path("data", "sandbox.duckdb").resolve()),
            "SMSONLINE_LEDGER": f"sqlite:///{Path('data', 'sandbox-ledger.db').resolve()}",
        }
        print_stderr(f"sandbox on {address.url}; its warehouse is {os.environ['SMSONLINE_WAREHOUSE']}")
        yield


def check_settings() -> None:
    """Ends the process with the documented exit code when a setting is missing or wrong. Makes no API call."""
    from pipelines.defs.schedules import sync_schedule

    with exit_on_error():
        settings = load_command_settings()
        sync_schedule(configured_datasets(settings))
        with open_pipeline(settings):
            pass


def check_port(port: int) -> None:
    """Ends the process when the UI's port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            exit_with_error(f"port {port} cannot be used: {error}; choose another with --port", MISCONFIGURED)


def prepare_home(home: Path) -> Path:
    """Creates Dagster's home with the instance configuration for one machine, unless it has one."""
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(INSTANCE_TEMPLATE, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def run_dagster(port: int) -> int:
    """Runs UI and daemon until they end; passes Ctrl-C on to them and waits until they have shut down."""
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev"]
    command += ["--workspace", str(WORKSPACE), "--host", HOST, "--port", str(port)]
    # A group of its own: Ctrl-C then reaches it once, from here, and not a second time from the terminal.
    with subprocess.Popen(command, process_group=0) as child:  # noqa: S603
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            child.wait()
            return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
