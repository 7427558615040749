"""Every world beside its contracts, discovered: the columns, their types, and values that nobody refuses or repairs."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from datagen.truth import arrow_type
from datagen.world import World
from datagen.worlds import MOST_SEED, WORLDS, world_of
from lakehouse.contract import Column, load_registry


def _worlds() -> Sequence[World]:
    """The greatest seed makes the longest ids."""
    return [world_of(domain)(6_000, 20, seed, date(2026, 1, 1), 2_000) for domain in WORLDS for seed in (7, MOST_SEED)]


@pytest.mark.parametrize("world", _worlds(), ids=lambda world: f"{world.domain}-{world.seed}")
def test_a_world_has_the_columns_types_and_values_of_its_contracts(world: World) -> None:
    sources = load_registry().sources
    assert {f"{world.domain}.{dataset}" for dataset in world.datasets} == {
        name for name in sources if name.startswith(f"{world.domain}.")
    }
    seen: dict[str, dict[str, set[Any]]] = {}
    for part in world.slices:
        for dataset, births in world.births(part).items():
            columns = sources[f"{world.domain}.{dataset}"].columns
            for table in filter(None, (births.table, births.changed)):
                assert [(field.name, _plain(field.type)) for field in table.schema] == [
                    (column.name, arrow_type(column.type)) for column in columns
                ]
                values = seen.setdefault(dataset, {})
                for column in columns:
                    values.setdefault(column.name, set()).update(table[column.name].to_pylist())
    assert set(seen) == set(world.datasets)
    for dataset, values in seen.items():
        for column in sources[f"{world.domain}.{dataset}"].columns:
            broken = [value for value in values[column.name] if not _keeps_rules(column, value)]
            assert not broken, (dataset, column.name, broken[:5])


def _plain(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _keeps_rules(column: Column, value: Any) -> bool:
    """Whether a clean value is one that nobody refuses, takes for another or puts right."""
    if value is None:
        return not column.required
    if column.minimum is not None and (value, not column.exclusive_minimum) < (column.minimum, True):
        return False
    if column.maximum is not None and (value, column.exclusive_maximum) > (column.maximum, False):
        return False
    if not isinstance(value, str):
        return True
    return (
        len(value.encode()) <= (column.type.length or 0)
        and (not column.values or value in column.values)
        and (column.pattern is None or re.fullmatch(column.pattern, value) is not None)
        and value.lower() not in column.nulls
        and column.synonyms.get(value.lower(), value) == value
        and value == value.strip() == html.unescape(value)
        and not _looks_like_mojibake(value)
    )


def _looks_like_mojibake(value: str) -> bool:
    """Whether it could be UTF-8 that somebody read as Latin-1."""
    try:
        return value.encode("latin-1").decode() != value
    except UnicodeError:
        return False
