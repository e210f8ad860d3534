"""Repeatable chance: the same seed, tag and numbers always give the same draw, in any order of asking."""

from __future__ import annotations

import random
import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The splitmix64 finaliser: neighbouring numbers come out unrelated."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def draws(seed: int, tag: str, *numbers: ArrayLike) -> Floats:
    """One draw in [0, 1) per element of the broadcast integer ``numbers``; always at least one-dimensional."""
    start = (seed * 0x1_0000_0001 + zlib.crc32(tag.encode())) % 2**64
    state = np.array([start], dtype=np.uint64)
    for number in numbers:
        state = _mix((state + GOLDEN) ^ (np.atleast_1d(np.asarray(number)).astype(np.uint64) * GOLDEN))
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def source(seed: int, *parts: object) -> random.Random:
    """A generator of its own for one entity, for text, ids and other things drawn one at a time."""
    return random.Random("/".join(map(str, (seed, *parts))))  # noqa: S311 - a toy world, no secrets
