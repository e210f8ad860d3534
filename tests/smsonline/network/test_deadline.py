"""No request takes longer than its deadline, whatever is slow."""

import socket
import threading
import time

import httpcore
import pytest

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.errors import NotSent, TimedOut, UnknownOutcome
from smsonline.network.deadline import DeadlineBackend

DEADLINE = 0.4
CONFIG = ClientConfig(
    max_attempts=1, connect_timeout_seconds=30, read_timeout_seconds=30, total_timeout_seconds=DEADLINE
)


def drip(prefix, repeated, seconds=0.02):
    """Sends ``repeated`` again and again."""

    def script(connection, server):
        server.receive(connection)
        connection.sendall(prefix)
        while not server.finished.wait(seconds):
            connection.sendall(repeated)

    return script


def flood(repeated):
    def script(connection, server):
        server.receive(connection)
        while not server.finished.is_set():
            connection.sendall(repeated)

    return script


def silent(connection, server):
    server.receive(connection)
    server.finished.wait(5)


SLOW = {
    "silence": silent,
    "status line": drip(b"HTTP/1.1 200 OK", b" "),
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"x"),
    "informational": drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "informational flood": flood(b"HTTP/1.1 102 Processing\r\n\r\n" * 100),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n[", b" "),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "body without length": drip(b"HTTP/1.1 200 OK\r\n\r\n[", b" "),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW)
def test_slow_response_ends_at_the_deadline(wire, script):
    wire.script = script
    started = time.monotonic()
    with (
        Client(wire.credentials(), config=CONFIG) as client,
        pytest.raises(TimedOut, match=r"not complete after 0\.4 s"),
    ):
        client.get("balance")
    assert DEADLINE <= time.monotonic() - started < DEADLINE + 1


@pytest.mark.parametrize("call", [("create_invoice", {"amount": "5"}), ("v2_create_invoice", {"amount": "5"})])
@pytest.mark.parametrize("name", ["headers", "informational", "body"])
def test_slow_response_to_a_create_is_unknown(wire, name, call):
    wire.script = SLOW[name]
    started = time.monotonic()
    with Client(wire.credentials(), config=CONFIG) as client, pytest.raises(UnknownOutcome):
        client.create(*call)
    assert time.monotonic() - started < DEADLINE + 1


def slow_receiver(connection, server):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while not server.finished.wait(0.01) and connection.recv(4096):
        pass


def test_slow_upload_ends_at_the_deadline(wire):
    wire.script = slow_receiver
    started = time.monotonic()
    with Client(wire.credentials(), config=CONFIG) as client, pytest.raises(UnknownOutcome):
        client.create("create_invoice", {"amount": "5", "coupon_code": "x" * 5_000_000})
    assert time.monotonic() - started < DEADLINE + 1


@pytest.mark.parametrize("call", ["get", "create"])
def test_slow_tls_ends_at_the_deadline(wire, call):
    def script(connection, server):
        connection.sendall(b"\x16\x03\x03\x3e\x80")  # a handshake record of 16,000 bytes, one after the other
        while not server.finished.wait(0.02):
            connection.sendall(b"\x02")

    wire.script = script
    started = time.monotonic()
    with (
        Client(wire.credentials("https"), config=CONFIG) as client,
        pytest.raises(TimedOut if call == "get" else NotSent),
    ):
        client.get("balance") if call == "get" else client.create("create_invoice", {"amount": "5"})
    assert time.monotonic() - started < DEADLINE + 1


def test_slow_resolver_ends_at_the_deadline(monkeypatch):
    release = threading.Event()

    def resolve(*_, **__):
        release.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    started = time.monotonic()
    with (
        Client(Credentials("7", "canary-secret", "http://vendor.test/v3"), config=CONFIG) as client,
        pytest.raises(TimedOut, match=r"not complete after 0\.4 s"),
    ):
        client.get("balance")
    release.set()
    assert time.monotonic() - started < DEADLINE + 1


class RefusingBackend(httpcore.SyncBackend):
    """Every address takes as long as allowed; the time passes on a clock of its own."""

    def __init__(self, clock):
        self.clock = clock
        self.tried = []

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.tried.append((host, timeout))
        self.clock[0] += timeout
        raise httpcore.ConnectTimeout("slow")


def test_many_silent_addresses_share_one_deadline(monkeypatch):
    clock = [100.0]
    addresses = [(2, 1, 6, "", (f"192.0.2.{number}", 80)) for number in range(9)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr("smsonline.network.deadline.time.monotonic", lambda: clock[0])
    backend = DeadlineBackend()
    backend._backend = RefusingBackend(clock)
    backend.start_request(112)
    with pytest.raises(httpcore.ConnectTimeout):
        backend.connect_tcp("vendor.test", 80, timeout=5)
    assert backend._backend.tried == [("192.0.2.0", 5), ("192.0.2.1", 5), ("192.0.2.2", 2)]
    assert not backend.connected


def test_deadline_counts_again_for_each_request(wire):
    def script(connection, server):
        for _ in range(6):
            server.receive(connection)
            server.finished.wait(0.1)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    wire.script = script
    with Client(wire.credentials(), config=CONFIG) as client:
        for _ in range(6):
            assert client.get("balance").payload == []


def test_second_address_is_used_when_the_first_refuses(wire, monkeypatch):
    wire.script = lambda connection, server: (
        server.receive(connection),
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"),
    )
    resolve = socket.getaddrinfo

    def resolve_vendor(host, port, *arguments, **options):
        hosts = ["127.0.0.9", "127.0.0.1"] if host == "vendor.test" else [host]
        return [address for name in hosts for address in resolve(name, port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve_vendor)
    with Client(Credentials("7", "canary-secret", f"http://vendor.test:{wire.port}/v3"), config=CONFIG) as client:
        assert client.get("balance").payload == []
