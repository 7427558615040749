"""Typed columns by the hundred thousand, without a Python object for each value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datagen.chance import Indices, Words

Bytes = npt.NDArray[np.uint8]
MICROS = 1_000_000
DAY_SECONDS = 86_400


def epoch_seconds(day: date) -> int:
    """The first instant of a day in UTC, as seconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def instants(seconds: Indices, is_null: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Seconds since 1970 as timestamp[us] without zone."""
    return pa.array(seconds * MICROS, pa.int64(), mask=is_null).cast(pa.timestamp("us"))


def chosen(pool: pa.Array, indices: Indices, is_null: npt.NDArray[np.bool_] | None = None) -> pa.DictionaryArray:
    """Values of a pool by their places; kept as a dictionary, so that each is spelled once only."""
    return pa.DictionaryArray.from_arrays(pa.array(indices.astype(np.int32), mask=is_null), pool)


def groups(texts: Sequence[Sequence[str]]) -> Indices:
    """Of groups that stand one after another in a pool: the place where each begins, and how many it has."""
    counts = np.array([len(group) for group in texts])
    return np.stack([np.cumsum(counts) - counts, counts], axis=1)


def money(minor_units: Sequence[int] | Indices, precision: int, scale: int = 2) -> pa.Array:
    """Whole minor units as decimal128(precision, scale)."""
    units = np.asarray(minor_units, np.int64)
    # 128 bits each, the lower half first: what a number below 2**63 has in the upper half is its sign.
    halves = np.stack([units, units >> 63], axis=1).astype("<i8")
    return pa.Array.from_buffers(pa.decimal128(precision, scale), len(units), [None, pa.py_buffer(halves)])


def digits(numbers: Indices, width: int) -> Bytes:
    """Each number as `width` decimal digits, with leading zeros: a matrix of bytes, one row a number."""
    groups = -(-width // 4)
    fours = np.empty((len(numbers), groups), np.uint32)
    rest = numbers
    for place in range(groups - 1, -1, -1):
        left = rest // 10_000
        fours[:, place] = _four_digits()[rest - left * 10_000]
        rest = left
    return fours.view(np.uint8).reshape(len(numbers), groups * 4)[:, groups * 4 - width :]


def hexadecimal(words: Words, width: int) -> Bytes:
    """The upper bits of each word as `width` (16 at most) hexadecimal digits, one row a word."""
    fours = np.empty((len(words), 4), np.uint32)
    for place in range(4):
        fours[:, place] = _four_hexadecimal()[
            (words >> np.uint64(48 - 16 * place) & np.uint64(0xFFFF)).astype(np.int64)
        ]
    return fours.view(np.uint8).reshape(len(words), 16)[:, :width]


def texts(*parts: str | Bytes) -> pa.StringArray:
    """Strings of one length, put together from fixed text and matrices of bytes."""
    count = next(len(part) for part in parts if not isinstance(part, str))
    blocks = [np.frombuffer(part.encode(), np.uint8) if isinstance(part, str) else part for part in parts]
    width = sum(block.shape[-1] for block in blocks)
    matrix = np.empty((count, width), np.uint8)
    place = 0
    for block in blocks:
        matrix[:, place : place + block.shape[-1]] = block
        place += block.shape[-1]
    return text_array(matrix)


def text_array(matrix: Bytes, is_null: npt.NDArray[np.bool_] | None = None) -> pa.StringArray:
    """Rows of a matrix of bytes as strings."""
    count, width = matrix.shape
    offsets = np.arange(0, (count + 1) * width, max(width, 1), dtype=np.int32)[: count + 1]
    array = pa.Array.from_buffers(
        pa.utf8(), count, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(matrix))]
    )
    return with_nulls(array, is_null)


def with_nulls(array: pa.StringArray, is_null: npt.NDArray[np.bool_] | None) -> pa.StringArray:
    """The strings, null where told; the characters stay where they are."""
    if is_null is None or not is_null.any():
        return array
    valid = pa.array(~is_null).buffers()[1]
    return pa.Array.from_buffers(pa.utf8(), len(array), [valid, *array.buffers()[1:]])


@cache
def _four_digits() -> npt.NDArray[np.uint32]:
    """Four characters of every number below 10,000, as the 32 bits that they take in memory."""
    return np.frombuffer("".join(f"{number:04}" for number in range(10_000)).encode(), np.uint32)


@cache
def _four_hexadecimal() -> npt.NDArray[np.uint32]:
    return np.frombuffer("".join(f"{number:04x}" for number in range(65_536)).encode(), np.uint32)
