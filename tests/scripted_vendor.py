"""A vendor over HTTP on loopback whose responses a test writes down, body by body."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from tests.topups.topup_fakes import ACCOUNT, FakeClock
from topups.vendor.http_gateway import VendorGateway
from topups.vendor.records import Units

SETTINGS = ClientConfig(max_attempts=1, requests_per_second=10**6, requests_per_minute=10**6)
BALANCE = {"ok": True, "body": {"userId": ACCOUNT, "balance": 500, "totalCharges": "0"}}


def invoice(**changed: Any) -> dict[str, Any]:
    """A row of the list of payments as documented."""
    times = {"created": "2026-03-02 09:00:00", "expires_at": "2026-03-02 10:00:00"}
    ids = {"method": "cryptomus", "sesid": "session-1", "payId": "order-1", "userId": ACCOUNT}
    return {**ids, **times, "amount": 500, "status": "check", **changed}


class ScriptedVendor:
    """``bodies`` holds the response of each endpoint: JSON, or bytes to send as they are."""

    def __init__(self) -> None:
        self.bodies: dict[str, Any] = {}
        self.requests: list[str] = []
        self.base_url = ""
        self.respond = self.scripted
        self.reset()

    def reset(self) -> None:
        empty = {"ok": True, "body": []}
        created = {"ok": True, "body": "https://pay.cryptomus.com/pay/session-1"}
        self.bodies = {"balance": BALANCE, "payments": empty, "transaction": {"ok": False}, "invoice": created}
        self.requests.clear()

    def scripted(self, path: str) -> Any:
        steps = path.partition("?")[0].split("/")
        endpoint = next((name for name in self.bodies if name in steps), "")
        self.requests.append(endpoint)
        return self.bodies.get(endpoint, {"ok": False})

    def body(self, path: str) -> bytes:
        body = self.respond(path)
        return body if isinstance(body, bytes) else json.dumps(body).encode()

    @contextmanager
    def gateway(self, clock: FakeClock, **options: Any) -> Iterator[VendorGateway]:
        account = Credentials(ACCOUNT, "key-of-the-account", self.base_url, self.base_url)
        units = Units(**options.pop("units", {}))
        with Client(account, config=SETTINGS, sleep=lambda _: None, now=clock.now) as client:
            yield VendorGateway(client, ACCOUNT, units, clock, **options)


@contextmanager
def serve_scripted() -> Iterator[ScriptedVendor]:
    vendor = ScriptedVendor()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = vendor.body(self.path)
            self.send_response_only(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = respond  # noqa: N815 - the names are the library's

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Handler.wbufsize = -1
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        vendor.base_url = f"http://127.0.0.1:{server.server_port}"
        yield vendor
        server.shutdown()
