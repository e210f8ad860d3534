"""Not reached, broken off, not HTTP: three faults, three lines, three remedies."""

import random
import socket
import struct

import pytest

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.errors import (
    ConnectionFailed,
    ConnectionLost,
    InvalidResponse,
    NotHttp,
    NotSent,
    RequestRejected,
    ServerError,
    TimedOut,
    TransientError,
    UnknownOutcome,
)

CONFIG = ClientConfig(max_attempts=1, read_timeout_seconds=0.3, total_timeout_seconds=2)
HEAD = b"HTTP/1.1 200 OK\r\n"


def respond(*chunks, reset=False, wait=False):
    """Receives the request, sends these bytes, and closes the connection, with a reset or after a while."""

    def script(connection, server):
        server.receive(connection)
        for chunk in chunks:
            connection.sendall(chunk)
        if wait:
            server.finished.wait(5)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script


BROKEN_OFF = {
    "at once": respond(),
    "reset at once": respond(reset=True),
    "in the status line": respond(b"HTT"),
    "in the headers": respond(HEAD + b"Content-Le"),
    "in the body": respond(HEAD + b"Content-Length: 99\r\n\r\n[1,"),
    "reset in the body": respond(HEAD + b"Content-Length: 99\r\n\r\n[1,", reset=True),
    "in a chunk": respond(HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\n[1,"),
    "before the last chunk": respond(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n"),
    "after an informational response": respond(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}
NOT_HTTP = {
    "text": respond(b"Your Uber code is 428113\r\n"),
    "text without an end of line": respond(b"428113"),
    "text without an end": respond(b"428113", wait=True),
    "text, then a reset": respond(b"428113\r\n", reset=True),
    "mail server": respond(b"220 mail.test ESMTP\r\n", wait=True),
    "TLS": respond(b"\x15\x03\x01\x00\x02\x02\x46"),
    "zeros": respond(b"\0" * 99),
    "status is no number": respond(b"HTTP/1.1 abc\r\n\r\n"),
    "status of five digits": respond(b"HTTP/1.1 20000 OK\r\n\r\n[]"),
    "header without a name": respond(HEAD + b": 428113\r\n\r\n[]"),
    "length is no number": respond(HEAD + b"Content-Length: Uber\r\n\r\n[]"),
    "two lengths": respond(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]"),
    "chunk without a size": respond(HEAD + b"Transfer-Encoding: chunked\r\n\r\nUber\r\n[]\r\n0\r\n\r\n"),
    "headers without an end": respond(HEAD + b"X-Uber: 428113\r\n" * 9999),
}


@pytest.mark.parametrize("script", BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_closed_connection_is_broken_off(wire, script):
    wire.script = script
    with (
        Client(wire.credentials(), config=CONFIG) as client,
        pytest.raises(ConnectionLost, match="broke off") as caught,
    ):
        client.get("balance")
    assert caught.value.hint.startswith("try again later")
    assert caught.value.response is None


@pytest.mark.parametrize("endpoint", [("balance", {}), ("inventory", {"limit": "9"})])
@pytest.mark.parametrize("script", NOT_HTTP.values(), ids=NOT_HTTP)
def test_foreign_protocol_is_not_http(wire, script, endpoint):
    wire.script = script
    with (
        Client(wire.credentials(), config=CONFIG) as client,
        pytest.raises(NotHttp, match="does not speak HTTP") as caught,
    ):
        client.get(*endpoint)
    assert "SMSONLINE_BASE_URL" in caught.value.hint
    assert "428113" not in str(caught.value)
    assert "Uber" not in str(caught.value)


@pytest.mark.parametrize("script", [*BROKEN_OFF.values(), *NOT_HTTP.values()], ids=[*BROKEN_OFF, *NOT_HTTP])
def test_broken_response_to_a_create_is_unknown(wire, script):
    wire.script = script
    with Client(wire.credentials(), config=CONFIG) as client, pytest.raises(UnknownOutcome):
        client.create("v2_create_invoice", {"amount": "5"})
    assert len(wire.requests) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_closed_port_and_unknown_host_are_not_reached(unused_port, host):
    address = f"http://{host}:{unused_port}/v3"
    with Client(Credentials("7", "canary-secret", address, address), config=CONFIG) as client:
        with pytest.raises(ConnectionFailed, match="cannot be reached"):
            client.get("balance")
        with pytest.raises(NotSent):
            client.create("create_invoice", {"amount": "5"})


def refuse_tls(connection, server):
    connection.recv(9)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "kind"),
    [(refuse_tls, NotHttp), (lambda connection, server: connection.recv(9999), ConnectionLost)],
    ids=["no TLS", "closed"],
)
def test_failed_handshake_has_its_own_error(wire, script, kind):
    wire.script = script
    with Client(wire.credentials("https"), config=CONFIG) as client:
        with pytest.raises(kind):
            client.get("balance")
        with pytest.raises(NotSent):
            client.create("create_invoice", {"amount": "5"})


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"HTTP/1.1 500 Internal Server Error", ServerError),
        (b"HTTP/1.0 503 Busy", ServerError),
        (b"HTTP/1.1 200 OK", InvalidResponse),
        (b"HTTP/1.1 418", RequestRejected),
    ],
)
def test_response_without_a_body_keeps_its_error(wire, head, kind):
    wire.script = respond(head + b"\r\n\r\n")
    with Client(wire.credentials(), config=CONFIG) as client, pytest.raises(kind):
        client.get("balance")


RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n" + b'{"ok":true,"body":[]}'


@pytest.mark.parametrize("seed", range(60))
def test_damaged_response_is_never_taken_for_an_unreachable_vendor(wire, seed):
    chance = random.Random(seed)
    damaged = bytearray(RESPONSE[: chance.choice([len(RESPONSE), chance.randrange(1, len(RESPONSE))])])
    for _ in range(chance.randrange(4)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    wire.script = respond(bytes(damaged), reset=chance.random() < 0.2)
    with Client(wire.credentials(), config=CONFIG) as client:
        try:
            client.get("balance")
        except TransientError as error:
            assert isinstance(error, ConnectionLost | NotHttp | InvalidResponse | TimedOut | ServerError)
        except RequestRejected:
            assert bytes(damaged) != RESPONSE
