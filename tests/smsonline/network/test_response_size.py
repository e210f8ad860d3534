"""A body has a limit, as it came and unpacked, and never takes much more memory than that."""

import gzip
import tracemalloc
import zlib
from itertools import chain

import pytest

from smsonline.client import Client
from smsonline.config import ClientConfig
from smsonline.errors import ConnectionLost, InvalidResponse, ResponseTooLarge, UnknownOutcome
from smsonline.network.decompression import MAX_STEP_BYTES, BrokenCompression, decompress

LIMIT = 2_000_000
CONFIG = ClientConfig(max_response_bytes=LIMIT)


def raw_deflate(data):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def respond(head, chunks=()):
    def script(connection, server):
        server.receive(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head + b"\r\n\r\n")
        for chunk in chunks:
            connection.sendall(chunk)

    return script


def compressed(encoding, body):
    return respond(b"Content-Encoding: %s\r\nContent-Length: %d" % (encoding, len(body)), [body])


def endless(chunk):
    while True:
        yield chunk


ZEROS = bytes(200 * LIMIT)
NESTED = gzip.compress(gzip.compress(ZEROS))
BOMBS = {
    "gzip": compressed(b"gzip", gzip.compress(ZEROS)),
    "x-gzip": compressed(b"x-gzip", gzip.compress(ZEROS)),
    "gzip members": compressed(b"gzip", gzip.compress(bytes(LIMIT // 8)) * 20),
    "zlib": compressed(b"deflate", zlib.compress(ZEROS)),
    "raw deflate": compressed(b"deflate", raw_deflate(ZEROS)),
    "chunked without end": respond(b"Transfer-Encoding: chunked", endless(b"8000\r\n" + b" " * 0x8000 + b"\r\n")),
    "no length, no end": respond(b"X-Length: none", endless(b"[" * 9999)),
    "length": respond(b"Content-Length: 1000000000", endless(b" " * 9999)),
    "one byte": respond(b"Content-Length: %d" % (LIMIT + 1), [b"[" + b" " * (LIMIT - 1) + b"]"]),
    "empty gzip blocks": respond(
        b"Content-Encoding: gzip",
        chain([gzip.compress(b"")[:10]], endless(b"\0\0\0\xff\xff" * 9999)),
    ),
}


@pytest.mark.parametrize("script", BOMBS.values(), ids=BOMBS)
def test_larger_response_is_refused_once(wire, script):
    wire.script = script
    with Client(wire.credentials(), config=CONFIG) as client:
        tracemalloc.start()
        try:
            with pytest.raises(ResponseTooLarge) as caught:
                client.get("balance")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert str(caught.value) == (
        "balance: the response is too large (more than 2 MB); "
        "raise max_response_mb if the vendor really has so much, otherwise check SMSONLINE_BASE_URL"
    )
    assert len(wire.requests) == 1
    assert peak < 3 * LIMIT


@pytest.mark.parametrize("name", ["gzip", "chunked without end"])
def test_larger_response_to_a_create_is_unknown(wire, name):
    wire.script = BOMBS[name]
    with Client(wire.credentials(), config=CONFIG) as client, pytest.raises(UnknownOutcome, match="more than 2 MB"):
        client.create("v2_create_invoice", {"amount": "5"})
    assert len(wire.requests) == 1


@pytest.mark.parametrize("size", [0, 1, 2, 70_000, MAX_STEP_BYTES, LIMIT - 2])
@pytest.mark.parametrize(
    ("encoding", "compress"),
    [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"deflate", raw_deflate), (b"identity", bytes)],
)
def test_body_up_to_the_limit_is_read(wire, encoding, compress, size):
    body = b"[" + b" " * size + b"]"
    wire.script = compressed(encoding, compress(body))
    with Client(wire.credentials(), config=CONFIG) as client:
        assert client.get("balance").body == body


def test_memory_of_a_refused_text_is_limited(wire):
    body = b'"' + b"x" * (LIMIT - 2) + b'"'
    wire.script = respond(b"Content-Length: %d" % LIMIT, [body])
    with Client(wire.credentials(), config=CONFIG, sleep=lambda _: None) as client:
        tracemalloc.start()
        try:
            with pytest.raises(InvalidResponse, match="neither an object"):
                client.get("balance")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 3 * LIMIT


BROKEN = {
    "no gzip": (b"gzip", b"no gzip"),
    "cut": (b"gzip", gzip.compress(b"[]" * 99)[:-9]),
    "no zlib": (b"deflate", b"\xff\xffno"),
    "brotli": (b"br", b"\x0b\x01\x80[]\x03"),
    "zstandard": (b"zstd", b"\x28\xb5\x2f\xfd"),
    "twice": (b"gzip, gzip", NESTED[:999]),
}


@pytest.mark.parametrize(("encoding", "body"), BROKEN.values(), ids=BROKEN)
def test_broken_compression_is_an_invalid_response(wire, encoding, body):
    wire.script = compressed(encoding, body)
    with Client(wire.credentials(), sleep=lambda _: None) as client, pytest.raises(InvalidResponse):
        client.get("balance")
    assert len(wire.requests) == 4


@pytest.mark.parametrize("length", [3, 10**9])
def test_missing_bytes_are_a_lost_connection(wire, length):
    wire.script = respond(b"Content-Length: %d" % length, [b"[]"])
    with Client(wire.credentials(), config=CONFIG, sleep=lambda _: None) as client, pytest.raises(ConnectionLost):
        client.get("balance")


def test_bytes_after_the_length_are_ignored(wire):
    wire.script = respond(b"Content-Length: 2", [b"[]" + b" garbage" * 99])
    with Client(wire.credentials(), config=CONFIG) as client:
        assert client.get("balance").payload == []


@pytest.mark.parametrize("split", [1, 2, 5])
@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 9])
def test_gzip_in_parts_with_padding_is_unpacked(split, padding):
    body = gzip.compress(b"first ") + gzip.compress(b"second") + padding
    chunks = [body[start : start + split] for start in range(0, len(body), split)]
    assert b"".join(decompress(iter(chunks), "GZIP")) == b"first second"


def test_unpacking_stays_within_one_step():
    steps = list(decompress(iter([gzip.compress(bytes(5 * MAX_STEP_BYTES))]), "gzip"))
    assert max(map(len, steps)) <= MAX_STEP_BYTES
    assert sum(map(len, steps)) == 5 * MAX_STEP_BYTES


def test_empty_body_needs_no_compression():
    assert b"".join(decompress(iter([]), "gzip")) == b""
    with pytest.raises(BrokenCompression):
        decompress(iter([]), "br")
