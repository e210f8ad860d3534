"""Seeded random numbers: the same seed, tag and numbers always give the same draw, in any order of calls."""

import random
import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)


def uniform(seed: int, tag: str, *numbers: ArrayLike) -> Floats:
    """One draw in [0, 1) per element of the broadcast integer ``numbers``; always at least one-dimensional."""
    start = (seed * 0x1_0000_0001 + zlib.crc32(tag.encode())) % 2**64
    state = np.array([start], dtype=np.uint64)
    for number in numbers:
        mixed_in = np.atleast_1d(np.asarray(number)).astype(np.uint64) * GOLDEN_RATIO
        state = _splitmix64((state + GOLDEN_RATIO) ^ mixed_in)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def seeded_rng(seed: int, *key: object) -> random.Random:
    """A random number generator for one entity: for text, ids and other values drawn one at a time."""
    return random.Random("/".join(map(str, (seed, *key))))  # noqa: S311 - simulated data, no secrets


def _splitmix64(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The splitmix64 finaliser: neighbouring inputs give unrelated outputs."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
