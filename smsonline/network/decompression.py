"""Decompresses a response step by step: a small body may unpack to any size, and must not do so at once."""

import zlib
from collections.abc import Iterator
from itertools import chain

ACCEPTED_ENCODINGS = "gzip, deflate"
MAX_STEP_BYTES = 1024 * 1024
GZIP, ZLIB, DEFLATE = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS


class BrokenCompression(ValueError):
    """The body is not what its ``Content-Encoding`` says."""


def decompress(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The body of a response with this ``Content-Encoding``, at most 1 MiB at a time.

    Raises ``BrokenCompression`` for damaged or incomplete data, and for an encoding that was not asked for.
    """
    names = [name for name in (name.strip().lower() for name in encoding.split(",")) if name not in ("", "identity")]
    if not names:
        return chunks
    if names not in (["gzip"], ["x-gzip"], ["deflate"]):
        raise BrokenCompression("it is compressed in a way that was not asked for")
    return _inflate(chunks, is_gzip=names != ["deflate"])


def _inflate(chunks: Iterator[bytes], *, is_gzip: bool) -> Iterator[bytes]:
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) > 1:
            break
    if not start:
        return
    has_zlib_header = start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2]) % 31 == 0
    window_bits = GZIP if is_gzip else ZLIB if has_zlib_header else DEFLATE
    decompressor, complete_members = zlib.decompressobj(window_bits), 0
    try:
        for data in chain([start], chunks):
            rest = data
            while rest:
                if decompressor.eof:  # gzip allows several members, one after the other
                    decompressor, complete_members = zlib.decompressobj(window_bits), complete_members + 1
                yield decompressor.decompress(rest, MAX_STEP_BYTES)
                rest = decompressor.unconsumed_tail or decompressor.unused_data
        yield decompressor.flush()
    except zlib.error as error:
        if complete_members:  # what follows a complete member is padding
            return
        raise BrokenCompression(str(error)) from None
    if not (decompressor.eof or complete_members):
        raise BrokenCompression("the compressed body ends too early")
