"""Random numbers that are the same on every machine: integers only, drawn from streams that are named.

Every stream has a name, such as ("7", "storefront", "visits", "2026-01-03", 2), so that any part of a world can be made
by itself and in any order. No floating point takes part: not every processor rounds the last bit alike.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

_TABLE_BITS = 16
_SHARE_BITS = 24


class Weights:
    """Shares of a whole, made ready for quick picking: index i comes up with `shares[i]` of their sum.

    Shares are exact to 1/65,536; one that is smaller comes up never.
    """

    def __init__(self, shares: Sequence[int]) -> None:
        total = sum(shares)
        edges = [round_half_up(cumulated << _TABLE_BITS, total) for cumulated in itertools.accumulate(shares)]
        counts = [end - start for start, end in itertools.pairwise([0, *edges])]
        self.table: Indices = np.repeat(np.arange(len(shares)), counts)


def zipf(count: int) -> Weights:
    """Weights of ranks 1 to `count`, each falling as 1/rank: few make most of it."""
    return Weights([2**32 // rank for rank in range(1, count + 1)])


class Chance:
    """One stream. Methods give arrays of `count` numbers and move the stream on."""

    def __init__(self, *name: object) -> None:
        digest = hashlib.sha256("/".join(map(str, name)).encode()).digest()
        self._bits: Any = np.random.PCG64(int.from_bytes(digest[:16], "big"))

    def words(self, count: int) -> Words:
        """64 random bits each."""
        words: Words = self._bits.random_raw(count)
        return words

    def below(self, count: int, limit: int | Indices) -> Indices:
        """Whole numbers from 0 to limit - 1; the limit is below 2**31, one for all or one for each."""
        return scaled(self.words(count), limit)

    def between(self, count: int, low: int, high: int) -> Indices:
        """Whole numbers from low to high, both included."""
        return self.below(count, high - low + 1) + low

    def happens(self, count: int, share: float) -> Flags:
        """True for that share of them, about."""
        flags: Flags = (self.words(count) >> np.uint64(64 - _SHARE_BITS)) < np.uint64(int(share * (1 << _SHARE_BITS)))
        return flags

    def pick(self, count: int, weights: Weights) -> Indices:
        """Indices by weight."""
        return picked(self.words(count), weights)


def scaled(words: Words, limit: int | Indices) -> Indices:
    """The upper 32 bits of each word as a whole number below the limit."""
    wide = np.uint64(limit) if isinstance(limit, int) else limit.astype(np.uint64)
    return (((words >> np.uint64(32)) * wide) >> np.uint64(32)).astype(np.int64)


def picked(words: Words, weights: Weights) -> Indices:
    """Indices by weight, one for each word."""
    indices: Indices = weights.table[(words >> np.uint64(64 - _TABLE_BITS)).astype(np.int64)]
    return indices


def traits(numbers: Indices, *name: object) -> Words:
    """64 random bits that belong to a number for good: what user 17 is like can be asked for at any time.

    The finalizer of SplitMix64 (Steele, Lea and Flood 2014) over the number and a key made from the name.
    """
    key = int.from_bytes(hashlib.sha256("/".join(map(str, name)).encode()).digest()[:8], "big")
    word = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Words = word ^ (word >> np.uint64(31))
    return mixed


def round_half_up(numerator: int, denominator: int) -> int:
    """numerator / denominator as a whole number."""
    return (2 * numerator + denominator) // (2 * denominator)
