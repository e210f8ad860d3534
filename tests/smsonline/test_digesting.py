"""The digest that is taken while a body comes is that of the body."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsonline import digesting
from smsonline.answers import digest
from smsonline.digesting import digested


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_body_and_digest_are_those_of_the_whole_however_it_comes(chunks: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digesting, "BLOCK_BYTES", 64)
        body = b"".join(chunks)
        assert digested(chunks) == (body, digest(body))


@pytest.mark.parametrize("size", [2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_the_last_bytes_of_a_large_body_count(size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert digested([body[:5], body[5:]]) == (body, digest(body))


def test_a_small_body_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(*_: object) -> None:
        pytest.fail("a thread for a few bytes")

    monkeypatch.setattr(digesting.ThreadPoolExecutor, "submit", submit)
    assert digested([b"small", b" body"]) == (b"small body", digest(b"small body"))


def test_a_connection_that_breaks_is_told_and_leaves_no_thread() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * 2**20
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        digested(chunks())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("digest")]
