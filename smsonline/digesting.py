"""Takes a digest of a body while it comes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

# Smaller parts take longer to hand over than to digest.
BLOCK_BYTES = 2**20


def digested(chunks: Iterable[bytes]) -> tuple[bytes, str]:
    """The body that ``chunks`` make, and its digest as ``smsonline.answers.digest`` has it.

    Blocks of a large body are digested in another thread, which needs no interpreter for it, while the next one comes.
    """
    found = hashlib.sha256()
    whole = []
    with ThreadPoolExecutor(1, "digest") as beside:  # starts no thread for a small body
        for block in _blocks(chunks):
            whole.append(block)
            if len(block) >= BLOCK_BYTES:
                beside.submit(found.update, block)
    if whole and len(whole[-1]) < BLOCK_BYTES:
        found.update(whole[-1])
    return b"".join(whole), found.hexdigest()


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, in pieces of at least ``BLOCK_BYTES`` but for the last."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= BLOCK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
