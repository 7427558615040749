"""Typed columns → the text that a careful writer gives them; defects and writers work on text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from datagen.columns import DAY_SECONDS, MICROS, Bytes, text_array

Row = dict[str, str | None]
"""One row as text by column name."""


def spell(value: Any) -> str | None:
    """One typed value as text: instants in ISO 8601 with Z, booleans as true and false, null as None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='seconds')}Z"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def typed(texts: Sequence[str | None], type_: pa.DataType) -> pa.Array:
    """The values that `spell` wrote."""
    if pa.types.is_timestamp(type_):
        texts = [text and text.removesuffix("Z") for text in texts]
    return pa.array(texts, pa.string()).cast(type_)


def spell_column(column: pa.Array) -> pa.Array:
    """A typed column as text; a dictionary stays one, so that each of its values is spelled once."""
    if isinstance(column, pa.DictionaryArray):
        return pa.DictionaryArray.from_arrays(column.indices, pool_text(column.dictionary, spell_pool))
    if pa.types.is_timestamp(column.type):
        return _spell_instants(column)
    return spell_pool(column)


def spell_pool(values: pa.Array) -> pa.Array:
    """Any values as text, one Python object each where Arrow has no cast that spells as we do."""
    if pa.types.is_string(values.type):
        return values
    if any(is_kind(values.type) for is_kind in _SPELLED_BY_ARROW):
        return values.cast(pa.string())
    return pa.array([spell(value) for value in values.to_pylist()], pa.string())


class _Pools:
    """Texts made from pools, which are few and live long: made once for each pool and way of making."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int, object], tuple[pa.Array, pa.Array]] = {}

    def text(self, pool: pa.Array, make: Callable[[pa.Array], pa.Array], way: object) -> pa.Array:
        key = (pool.buffers()[-1].address if pool.buffers()[-1] else 0, len(pool), way)
        found = self._made.get(key)
        if found is None or not found[0].equals(pool):
            if len(self._made) > _MAX_POOLS:
                self._made.clear()
            found = self._made[key] = (pool, make(pool))
        return found[1]


# The types that Arrow spells as `spell` does.
_SPELLED_BY_ARROW = (pa.types.is_integer, pa.types.is_decimal, pa.types.is_date, pa.types.is_boolean)
_MAX_POOLS = 2_000
_DAYS_AT_ONCE = 2
_DAYS_A_BLOCK = 512
_POOLS = _Pools()


def pool_text(pool: pa.Array, make: Callable[[pa.Array], pa.Array], way: object = None) -> pa.Array:
    """`make(pool)`, remembered. `way` tells two makers apart that are the same function with other settings."""
    return _POOLS.text(pool, make, (make, way) if way is None else way)


def rows_of(columns: Sequence[pa.Array], names: Sequence[str], places: pa.Array) -> list[Row]:
    """Some rows of text columns as dictionaries."""
    taken = [column.take(places).to_pylist() for column in columns]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*taken, strict=True)]


def instant(text: str) -> datetime:
    """The instant that `spell` wrote, with its zone."""
    return datetime.fromisoformat(text)


def _spell_instants(column: pa.Array) -> pa.StringArray:
    micros = column.cast(pa.int64()).fill_null(0).to_numpy()
    seconds = micros // MICROS
    days = seconds // DAY_SECONDS
    first = int(days.min()) if len(days) else 0
    last = int(days.max()) if len(days) else 0
    if last - first < _DAYS_AT_ONCE:
        matrix = _instants(first)[seconds - first * DAY_SECONDS].view(np.uint8).reshape(-1, 20)
    else:
        matrix = np.empty((len(micros), 20), np.uint8)
        # Blocks of days, so that the next file's are the same.
        block = first // _DAYS_A_BLOCK
        matrix[:, :11] = _dates(block * _DAYS_A_BLOCK, (last // _DAYS_A_BLOCK + 1) * _DAYS_A_BLOCK)[
            days - block * _DAYS_A_BLOCK
        ]
        matrix[:, 11:] = _times()[seconds - days * DAY_SECONDS]
    is_null = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    return text_array(matrix, is_null)


@cache
def _times() -> Bytes:
    """`HH:MM:SSZ` of every second of a day."""
    seconds = np.arange(DAY_SECONDS)
    text = "".join(f"{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}Z" for at in seconds.tolist())
    return np.frombuffer(text.encode(), np.uint8).reshape(-1, 9)


@lru_cache(maxsize=2)
def _instants(first: int) -> np.ndarray[Any, Any]:
    """`YYYY-MM-DDTHH:MM:SSZ` of every second of some days, the first of them counted since 1970."""
    matrix = np.empty((_DAYS_AT_ONCE, DAY_SECONDS, 20), np.uint8)
    matrix[:, :, :11] = _dates(first, first + _DAYS_AT_ONCE - 1)[:, None]
    matrix[:, :, 11:] = _times()
    return matrix.reshape(-1, 20).view("V20").reshape(-1)


@lru_cache(maxsize=64)
def _dates(first: int, last: int) -> Bytes:
    """`YYYY-MM-DDT` of every day from one to another, both counted since 1970."""
    days = (datetime(1970, 1, 1, tzinfo=UTC).date() + timedelta(days=number) for number in range(first, last + 1))
    return np.frombuffer("".join(f"{_iso(day)}T" for day in days).encode(), np.uint8).reshape(-1, 11)


def _iso(day: date) -> str:
    return day.isoformat()
