"""A canary for the key and for private contents: after real runs, good and bad, it is in no byte left behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from forked import Command

from smsonline.client import Client
from smsonline.config import Credentials
from smsonline.sandbox import Sandbox, serve
from warehouse.database.opening import open_warehouse

CANARY = "canary-c41d8e0b6f29"
LOUD = (
    "import logging; logging.basicConfig(level=logging.DEBUG); "
    "from pipelines.cli.app import app; import sys; app(sys.argv[1:])"
)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bytes, Sandbox, Credentials]]:
    """A home in which commands ran with everything logged, all they printed, and the sandbox they ran against."""
    home = tmp_path_factory.mktemp("home")
    sandbox = Sandbox(api_key=CANARY)
    printed = b""
    with serve(sandbox) as address:
        account = Credentials(sandbox.user_id, CANARY, address.base_url, address.v2_base_url)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSONLINE_")}
        environment |= {"SMSONLINE_USER_ID": sandbox.user_id, "SMSONLINE_API_KEY": CANARY}
        environment |= {"SMSONLINE_BASE_URL": address.base_url, "SMSONLINE_V2_BASE_URL": address.v2_base_url}
        for kind in (None, "http_500", "html", "redirect", "not_ok", "http_401", "extra_field"):
            if kind:
                sandbox.faults.add("*", kind, times=40)
            arguments = ("sync", "balances", "inventory", "coupons", "--json")
            reported = Command(arguments, home, environment, loud=True).run()
            printed += (reported.stdout + reported.stderr).encode()
            sandbox.faults.clear()
            sandbox.advance(600)
        completed = subprocess.run(
            [sys.executable, "-c", LOUD, "status"], cwd=home, env=environment, capture_output=True, check=False
        )
        yield home, printed + completed.stdout + completed.stderr, sandbox, account


def test_the_key_is_in_no_file_and_no_output(left):
    home, printed, _, _ = left
    assert b"httpx" in printed, "the runs were loud enough to prove something"
    assert CANARY.encode() not in printed
    for file in home.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
    for body in bodies(home):
        assert CANARY.encode() not in body


def test_private_data_is_in_no_file_and_no_output(left):
    home, printed, _, account = left
    with Client(account) as client:
        orders = client.get("inventory", {"limit": "1000"}).payload["body"]
    messages = [message for order in orders for message in order["sms"]]
    private = {order["phoneNumber"] for order in orders} | {message["text"] for message in messages}
    assert len(private) > 50
    preserved = [printed, *bodies(home), *(file.read_bytes() for file in home.rglob("*") if file.is_file())]
    for secret in private:
        assert all(secret.encode() not in blob for blob in preserved)


def bodies(home: Path) -> list[bytes]:
    with open_warehouse(home / "data/warehouse.duckdb", read_only=True) as connection:
        rows = connection.execute("SELECT body FROM raw.responses WHERE body IS NOT NULL").fetchall()
    return [zstandard.decompress(row[0]) for row in rows]
