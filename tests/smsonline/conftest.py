"""A vendor on loopback whose responses, and failures to respond, each test scripts."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from smsonline.config import Credentials

KEY = "canary-KEY/9f+c3&e7=d1 ü"


@dataclass(frozen=True)
class ReceivedRequest:
    method: str
    target: str
    body: bytes
    connection: tuple[str, int]


Script = Callable[["Handler"], None]


@dataclass
class Vendor:
    base_url: str = ""
    requests: list[ReceivedRequest] = field(default_factory=list)
    script: Script = lambda handler: handler.respond(200, b'{"ok":true,"body":[]}')
    finished: threading.Event = field(default_factory=threading.Event)

    def wait_for_requests(self) -> list[ReceivedRequest]:
        """All requests, once there is one: a client may time out before the server's thread has read its request."""
        deadline = time.monotonic() + 5
        while not self.requests and time.monotonic() < deadline:
            time.sleep(0.001)
        return self.requests

    def credentials(self) -> Credentials:
        return Credentials("7", KEY, self.base_url, self.base_url)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    # Headers and body are two writes; otherwise each response waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    vendor: Vendor

    def respond(self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def drop(self) -> None:
        self.close_connection = True

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.vendor.requests.append(ReceivedRequest(self.command, self.path, body, self.client_address))
        self.vendor.script(self)

    do_GET = do_PUT = do_POST = do_PATCH = handle_any  # noqa: N815

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignored: some tests close the connection."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    server = Server(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"vendor": vendor}))
    vendor.base_url = f"http://127.0.0.1:{server.server_port}/v3"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield vendor
    finally:
        vendor.finished.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
