"""A canary for the key and for private contents: after real runs, good and bad, it is in no byte left behind."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

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


# Every kind of fault with a response that is refused or fails, and two with one that is loaded.
KINDS = (
    *("http_400", "http_401", "http_403", "http_404", "http_222", "http_500", "html"),
    *("redirect", "truncated", "not_ok", "empty_list", "missing_field=orderId", "wrong_type", "extra_field"),
)
DATASETS = ("balances", "inventory", "coupons")
# What the vendor may quote from an order, in every one of its refusals.
QUOTED_NUMBER, QUOTED_CODE, QUOTED_TEXT = "13125550147", "428113", "Your Uber"
QUOTING = json.dumps(
    {
        "ok": False,
        "errorMessage": f'no order for {QUOTED_NUMBER}, last message "{QUOTED_TEXT} code is {QUOTED_CODE}"',
        "body": [{"phoneNumber": QUOTED_NUMBER, "sms": [{"text": f"{QUOTED_TEXT} code", "code": QUOTED_CODE}]}],
    }
).encode()
PAGE = f"<html><p>{QUOTED_NUMBER}</p><i title='{QUOTED_TEXT} code'>{QUOTED_CODE}</i></html>".encode()
QUOTED = [*((status, QUOTING) for status in (200, 400, 401, 403, 404, 503)), (409, PAGE), (422, PAGE)]


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
        for kind in (None, *KINDS):
            if kind:
                sandbox.faults.add("*", kind, times=40)
            reported = Command(("sync", *DATASETS, "--json"), home, environment, loud=True).run()
            printed += (reported.stdout + reported.stderr).encode()
            sandbox.faults.clear()
        for status, body in QUOTED:
            with serve_always(status, body) as base_url:
                quoting = environment | {"SMSONLINE_BASE_URL": base_url}
                reported = Command(("sync", "inventory", "--json"), home, quoting, loud=True).run()
            printed += (reported.stdout + reported.stderr).encode()
        for command in (["status"], ["query", "FROM ops.loads", "--format", "csv"], ["prune", "--json"]):
            completed = subprocess.run(
                [sys.executable, "-c", LOUD, *command], cwd=home, env=environment, capture_output=True, check=False
            )
            printed += completed.stdout + completed.stderr
        yield home, printed, sandbox, account


@contextmanager
def serve_always(status: int, body: bytes) -> Iterator[str]:
    """The base URL of a server with one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing of it is part of the test."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v3"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_key_is_in_no_file_and_no_output(left):
    home, printed, _, _ = left
    assert b"httpx" in printed, "the runs were loud enough to prove something"
    for name, blob in blobs_of(home, printed).items():
        assert CANARY.encode() not in blob, name


def test_private_data_is_in_no_file_and_no_output(left):
    home, printed, _, account = left
    with Client(account) as client:
        orders = client.get("inventory", {"limit": "1000"}).payload["body"]
    messages = [message for order in orders for message in order["sms"]]
    private = {order["phoneNumber"] for order in orders} | {message["text"] for message in messages}
    assert len(private) > 50
    for name, blob in blobs_of(home, printed).items():
        for secret in private | {QUOTED_NUMBER, QUOTED_CODE, QUOTED_TEXT}:
            assert secret.encode() not in blob, name


def test_every_refusal_left_its_response(left):
    home, *_ = left
    with open_warehouse(home / "data/warehouse.duckdb", read_only=True) as connection:
        statuses = {
            status
            for (status,) in connection.execute(
                "SELECT http_status FROM raw.responses WHERE endpoint = 'inventory' AND error IS NOT NULL"
            ).fetchall()
        }
        errors = connection.execute("SELECT count(*), count(error) FROM ops.loads WHERE status <> 'ok'").fetchone()
    assert statuses == {200, 222, 307, 400, 401, 403, 404, 409, 422, 500, 503}
    assert errors[0] == errors[1] > len(QUOTED)


def blobs_of(home: Path, printed: bytes) -> dict[str, bytes]:
    """Everything that is left, by what it is: the output, each file, each stored body."""
    with open_warehouse(home / "data/warehouse.duckdb", read_only=True) as connection:
        rows = connection.execute("SELECT response_id, body FROM raw.responses WHERE body IS NOT NULL").fetchall()
    blobs = {f"body {response_id}": zstandard.decompress(body) for response_id, body in rows}
    files = {str(file): file.read_bytes() for file in home.rglob("*") if file.is_file()}
    assert {"warehouse.duckdb", "analytics.duckdb"} <= {Path(name).name for name in files}
    assert len(blobs) > len(KINDS)
    return blobs | files | {"output": printed}
