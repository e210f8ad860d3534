"""The caller's last check of a creating call: it comes when the connection is open, and before the first byte."""

import socket
import ssl
import threading

import httpx
import pytest

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.errors import NotSent, UnknownOutcome
from smsonline.rate_limit import RateLimiter

CONFIG = ClientConfig(connect_timeout_seconds=5, read_timeout_seconds=5)
CREATE = ("create_invoice", {"amount": "5"})
STOP = "KILL_SWITCH: the operator stopped it"


class Listener:
    """Accepts one connection on ``wire``, opens it as far as it goes, and keeps what came over it afterwards."""

    def __init__(self, wire, route, certificate):
        self.route, self.received, self.ended = route, b"", threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        wire.script = self.serve

    def serve(self, connection, server):
        try:
            if self.route == "tunnel":
                server.receive(connection)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            if self.route in ("tls", "tunnel"):
                connection = self.context.wrap_socket(connection, server_side=True)
            self.received = connection.recv(65536)
        finally:
            connection.close()
            self.ended.set()

    def request(self):
        assert self.ended.wait(5)
        return self.received


@pytest.fixture(params=["direct", "tls", "forward", "tunnel"])
def route(request, wire, monkeypatch, own_certificate):
    """A listener, and the credentials that lead to it by this route."""
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    credentials = wire.credentials("https" if request.param == "tls" else "http")
    if request.param == "forward":
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{wire.port}")
        credentials = Credentials("7", "canary-secret", "http://vendor.test/v3")
    if request.param == "tunnel":
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{wire.port}")
        credentials = Credentials("7", "canary-secret", "https://127.0.0.1/v3")
    return Listener(wire, request.param, own_certificate), credentials


def test_refused_request_sends_no_byte(route):
    listener, credentials = route
    with Client(credentials, config=CONFIG) as client, pytest.raises(NotSent, match=STOP):
        client.create(*CREATE, confirm=lambda: STOP)
    assert listener.request() == b""


def test_confirmed_request_is_sent_after_one_check(route):
    listener, credentials = route
    checks = []
    with Client(credentials, config=CONFIG) as client, pytest.raises(UnknownOutcome):
        client.create(*CREATE, confirm=lambda: checks.append(bytes(listener.received)) or "")
    assert checks == [b""]
    assert listener.request().startswith(b"PUT ")


def test_failing_check_sends_no_byte(wire, own_certificate):
    listener = Listener(wire, "direct", own_certificate)

    def fail():
        raise OSError("the ledger cannot be read")

    with Client(wire.credentials(), config=CONFIG) as client, pytest.raises(NotSent, match="OSError"):
        client.create(*CREATE, confirm=fail)
    assert listener.request() == b""


def test_check_waits_for_the_request_budget(vendor):
    """What happens during the wait is seen: the check comes after it."""
    stopped = []
    limiter = RateLimiter(100, 1000, sleep=lambda _: stopped.append(STOP))
    limiter.block_for(4)
    with Client(vendor.credentials(), rate_limiter=limiter) as client, pytest.raises(NotSent, match=STOP):
        client.create(*CREATE, confirm=lambda: stopped[0] if stopped else "")
    assert vendor.requests == []


def test_check_waits_for_the_name_and_the_connection(wire, monkeypatch, own_certificate):
    listener, stopped, resolve = Listener(wire, "direct", own_certificate), [], socket.getaddrinfo

    def resolve_slowly(*arguments, **options):
        stopped.append(STOP)
        return resolve(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)
    with Client(wire.credentials(), config=CONFIG) as client, pytest.raises(NotSent, match=STOP):
        client.create(*CREATE, confirm=lambda: stopped[0] if stopped else "")
    assert listener.request() == b""


def test_no_connection_needs_no_check(unused_port):
    credentials = Credentials("7", "canary-secret", f"http://127.0.0.1:{unused_port}")
    with Client(credentials, config=CONFIG) as client, pytest.raises(NotSent, match="ConnectError"):
        client.create(*CREATE, confirm=lambda: pytest.fail("there is no connection"))


def test_check_comes_before_a_transport_of_a_test(vendor):
    transport = httpx.MockTransport(lambda _: pytest.fail("it was sent"))
    with Client(vendor.credentials(), transport=transport) as client, pytest.raises(NotSent, match=STOP):
        client.create(*CREATE, confirm=lambda: STOP)
