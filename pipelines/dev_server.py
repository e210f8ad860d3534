"""``make up``: Dagster's UI and daemon on this machine, with a sandbox instead of the vendor when ``SANDBOX=1``."""

import argparse
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipelines.bootstrap import configured_datasets, configured_policy, open_pipeline, topup_notes
from pipelines.cli.console import (
    FAILED,
    MISCONFIGURED,
    exit_on_error,
    exit_with_error,
    load_command_settings,
    print_stderr,
    print_warning,
)
from pipelines.settings import Settings
from pipelines.up.child_processes import ChildFailed, ChildProcess
from pipelines.up.home import PROCESSES_SECONDS, open_home
from pipelines.up.home_health import find_problem, set_aside_leftovers
from pipelines.up.home_locks import HomeInUse
from pipelines.up.supervisor import DamagedHome, Supervisor

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[1]
SANDBOX_FOLDER = Path("data", "sandbox")
SANDBOX_USER, SANDBOX_KEY = "sandbox", "sandbox-key"
WAREHOUSE_SECONDS = 5
INTERRUPTED = "The process of this run ended with make up."
SERVER_ENDED = "The process of this run ended with the code server."


def main(arguments: list[str] | None = None) -> int:
    """Runs until Ctrl-C or SIGTERM; returns the exit code. A wrong setting ends it before anything starts."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="port of the UI on 127.0.0.1 (3000)")
    parser.add_argument("--sandbox", action="store_true", help="as SANDBOX=1: a sandbox, with data/sandbox/ for itself")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # also where a shell ignores SIGINT for it
        signal.signal(number, _interrupt)
    is_sandbox = options.sandbox or os.environ.get("SANDBOX", "").lower() in ("1", "true", "yes")
    try:
        children = [sandbox_process()] if is_sandbox else []
        settings = check_settings()
        check_port(options.port)
        with (
            locked_home(settings, is_sandbox=is_sandbox) as home,
            tempfile.TemporaryDirectory(prefix="smsonline-up-") as folder,
        ):
            children += dagster_processes(Path(folder), options.port)
            print_stderr(f"Dagster comes up on http://{HOST}:{options.port} (its records: {home}); Ctrl-C ends it")
            Supervisor(home, children, lambda: end_runs(INTERRUPTED)).run()
    except (ChildFailed, DamagedHome) as error:
        exit_with_error(str(error), FAILED)
    except KeyboardInterrupt:
        return 0


def sandbox_process() -> ChildProcess:
    """The sandbox as a process; the settings of this process and of its children point at it from here on."""
    port = _free_port()
    folder = SANDBOX_FOLDER.resolve()
    os.environ |= {
        "SMSONLINE_USER_ID": SANDBOX_USER,
        "SMSONLINE_API_KEY": SANDBOX_KEY,
        "SMSONLINE_BASE_URL": f"http://{HOST}:{port}/v3",
        "SMSONLINE_V2_BASE_URL": f"http://{HOST}:{port}/cs",
        "SMSONLINE_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "SMSONLINE_LEDGER": f"sqlite:///{folder / 'ledger.db'}",
        "DAGSTER_HOME": str(folder / "dagster"),
    }
    print_stderr(f"sandbox on http://{HOST}:{port}; all that belongs to it is in {folder}")
    return ChildProcess("sandbox", "pipelines.up.sandbox_server", [str(port)], lambda: _accepts(port), stop_seconds=0.5)


def check_settings() -> Settings:
    """Ends the process with the documented exit code when a setting is missing or wrong. Makes no API call."""
    from pipelines.defs.schedules import sync_schedule

    with exit_on_error():
        settings = load_command_settings()
        policy = configured_policy(settings)
        off = [] if policy.mode == "off" else [f"no top-up is requested: {problem}" for problem in policy.problems()]
        for line in (*topup_notes(settings, policy), *off):
            print_warning(line)
        sync_schedule(configured_datasets(settings))
        with open_pipeline(settings):
            pass
    return settings


def check_port(port: int) -> None:
    """Ends the process when the UI's port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            exit_with_error(f"port {port} cannot be used: {error}; choose another with --port", MISCONFIGURED)


@contextmanager
def locked_home(settings: Settings, *, is_sandbox: bool) -> Iterator[Path]:
    """The Dagster home of the warehouse, checked, and ours alone. Ends the process with one line on a problem."""
    configured = os.environ.get("DAGSTER_HOME")
    home, is_default = Path(configured or ROOT / ".dagster").resolve(), is_sandbox or not configured
    with exit_on_error(interrupted="interrupted; nothing was started"), ExitStack() as stack:
        try:
            warehouse_id = prepare_warehouse(settings)
            lock = stack.enter_context(closing(open_home(home, warehouse_id, is_default=is_default)))
            lock.wait_for_processes(PROCESSES_SECONDS)
            if problem := find_problem(home, thorough=True):
                raise DamagedHome(problem.line)
            for line in set_aside_leftovers(home):
                print_stderr(line)
            end_runs(INTERRUPTED)
        except (HomeInUse, DamagedHome) as error:
            exit_with_error(str(error), MISCONFIGURED)
        running = stack.pop_all()
    with running:
        yield home


def prepare_warehouse(settings: Settings) -> str | None:
    """Creates the warehouse and its copy where they are missing; returns the warehouse's id, None while it is locked.

    What was loaded is read from the copy. One that belongs to another warehouse is made again here.
    """
    from warehouse.database.opening import open_warehouse
    from warehouse.errors import WarehouseLocked
    from warehouse.publishing.publish import publish
    from warehouse.schema.definitions import sync_schema
    from warehouse.schema.migrations import migrate
    from warehouse.sql import scalar

    tables = [dataset.table for dataset in configured_datasets(settings).values()]
    try:
        with open_warehouse(settings.warehouse, wait_seconds=WAREHOUSE_SECONDS) as connection:
            migrate(connection)
            sync_schema(connection, tables)
            warehouse_id = str(scalar(connection, "SELECT warehouse_id FROM ops.warehouse"))
        publish(settings.warehouse, tables)
    except WarehouseLocked as error:
        print_stderr(f"warning: {error}; whether Dagster's records belong to it is not checked")
        return None
    return warehouse_id


def dagster_processes(folder: Path, port: int) -> list[ChildProcess]:
    """Code server, daemon and UI. The code server is a process of its own, which the other two connect to.

    ``dagster dev`` starts it behind a proxy and does not notice when it is killed: no tick is evaluated then.
    """
    address, workspace = folder / "code-server", folder / "workspace.yaml"
    workspace.write_text(f"load_from: [{{grpc_server: {{socket: {address}, location_name: smsonline}}}}]\n")
    code = ["api", "grpc", "--socket", str(address), "--module-name", "pipelines.definitions"]
    code += ["--location-name", "smsonline", "--log-level", "warning"]
    ui = ["--workspace", str(workspace), "--host", HOST, "--port", str(port)]
    daemon = ["run", "--workspace", str(workspace)]
    return [
        ChildProcess(
            "code server", "dagster", code, lambda: _accepts(address), lambda: end_runs(SERVER_ENDED, address)
        ),
        ChildProcess("daemon", "dagster._daemon", daemon, stop_seconds=1.5),
        ChildProcess("UI", "dagster_webserver", ui, stop_seconds=1),
    ]


def end_runs(reason: str, server: Path | None = None) -> None:
    """Ends the records of runs that have no process any more. Raises ``DamagedHome`` when Dagster cannot be opened."""
    from pipelines.defs.interrupted_runs import end_interrupted_runs

    path = Path(os.environ["DAGSTER_HOME"], "dagster.yaml")
    try:
        if not path.read_text("utf-8").strip():
            raise ValueError("it is empty")
        count = end_interrupted_runs(reason, str(server or ""))
    except Exception as error:  # whatever Dagster raises for its configuration
        text = " ".join(str(error).split())[:300]
        raise DamagedHome(
            f"{path} cannot be used ({text}): correct it, or rename it and start again, which writes a new one"
        ) from None
    if count:
        print_stderr(f"{count} unfinished {'run' if count == 1 else 'runs'} had no process any more: ended")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _accepts(address: int | Path) -> bool:
    """Whether a process listens on the port, or on the socket at a path."""
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as probe:
        return probe.connect_ex((HOST, address) if isinstance(address, int) else str(address)) == 0


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
