"""Columns that no contract declares: what is seen of them, what they are called, and which a dataset takes in."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse import drift
from lakehouse.contract import load_registry
from lakehouse.contract.columns import IDENTIFIER
from lakehouse.drift import Sightings, column_for, evolved, identifier

USERS = load_registry().sources["storefront.users"]
EVOLVING = replace(USERS, drift="evolve")


def seen(contract: Any, *rows: dict[str, Any]) -> dict[str, int]:
    sightings = Sightings(contract)
    for row in rows:
        sightings.rescued(json.dumps(row))
    return sightings.rows


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("shoe_size", "shoe_size"),
        ("Shoe Size", "shoe_size"),
        ("  shoe--size ", "shoe_size"),
        ("shoe__size_", "shoe_size"),
        ("Größe", "grosse"),
        ("\uff33\U0001d422ze", "size"),  # full width, and mathematical bold
        ("Prénom (2)", "prenom_2"),
        ("2026 sales", "column_2026_sales"),
    ],
)
def test_a_spelling_becomes_a_name(spelling: str, name: str) -> None:
    assert identifier(spelling) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [("price €", "price $"), ("名前", "住所"), ("a" * 200, "a" * 201), ("?", "!")],
)
def test_spellings_that_lose_something_keep_apart(one: str, other: str) -> None:
    assert identifier(one) != identifier(other)


@given(st.text(max_size=300))
def test_every_spelling_makes_a_name_that_contracts_take(spelling: str) -> None:
    assert IDENTIFIER.fullmatch(identifier(spelling))
    assert identifier(identifier(spelling)) == identifier(spelling)


def test_what_is_unknown_is_counted_by_its_spelling() -> None:
    rows: list[dict[str, Any]] = [
        {"Shoe Size": "38", "client": {"os": "x", "v": {"major": 1}}, "tags": [1]},
        {"Shoe Size": "", "client": {}, "void": None},
        {"Shoe Size": 39.5, "EMail": "second of its name", "e-mail": "x", "_row": 3},
    ]
    assert seen(USERS, *rows) == {
        "Shoe Size": 2,
        "client.os": 1,
        "client.v.major": 1,
        "tags": 1,
        "client": 1,
        "void": 0,
    }
    assert seen(EVOLVING, *rows)["client"] == 2, "one that evolves takes objects whole"


@pytest.mark.parametrize("number", ["1e400", "-1e999", "1" * 5000, "[1e400]", '{"y": 1e400}'])
def test_a_number_that_no_machine_number_holds_is_counted_as_any_value(number: str) -> None:
    sightings = Sightings(USERS)
    sightings.rescued(f'{{"x": {number}}}')
    assert list(sightings.rows.values()) == [1]


def test_a_map_with_a_key_for_every_row_is_not_told_apart_for_ever() -> None:
    found = seen(USERS, *({f"user {number}": 1} for number in range(1000)), {"user 3": 1}, {"x" * 900: 1})
    assert len(found) == drift.MAX_SPELLINGS_PER_FILE
    assert found["user 3"] == 2
    (long,) = seen(USERS, {"x" * 900: 1})
    assert len(long) == drift.MAX_SPELLING_LENGTH


@pytest.mark.parametrize(
    ("spelling", "column"),
    [
        ("Shoe Size", "shoe_size"),
        ("user-id", None),  # may well be user_id
        ("Email Address", None),  # … or an alias
        ("email", None),
        ("client.os", None),  # would also name what is inside an object
        ("column 7", None),  # has no name of its own
        ("size (column 4)", None),
        ("", None),
        ("x" * drift.MAX_SPELLING_LENGTH, None),
        ("_row", None),
    ],
)
def test_only_what_is_certainly_new_is_taken_in(spelling: str, column: str | None) -> None:
    assert column_for(EVOLVING, spelling) == column
    assert column_for(USERS, spelling) is None


def test_neither_order_nor_repetition_changes_the_columns() -> None:
    spellings = ["tier", "Shoe Size", "shoe-size", "tier"]
    results = {tuple((c.name, c.type) for c in evolved(EVOLVING, order).columns) for order in permutations(spellings)}
    (columns,) = results
    assert [name for name, _ in columns] == [*USERS.column_names, "shoe_size", "tier"]
    by_steps = evolved(evolved(evolved(EVOLVING, ["tier"]), ["Shoe Size"]), ["shoe-size"])
    assert by_steps == evolved(EVOLVING, ["tier", "Shoe Size", "shoe-size"])
    assert by_steps.header_lookup["shoe-size"] == "shoe_size"
    assert evolved(EVOLVING, ["email", "a.b"]) == EVOLVING


def test_added_columns_read_nulls_as_the_dataset_does() -> None:
    (column,) = drift.added(evolved(EVOLVING, ["tier"]))
    assert set(USERS.columns[0].nulls) == set(column.nulls)


def test_there_is_an_end_to_what_is_added() -> None:
    grown = evolved(EVOLVING, [f"c{number}" for number in range(drift.MAX_ADDED_COLUMNS + 5)])
    assert len(drift.added(grown)) == drift.MAX_ADDED_COLUMNS
    assert drift.added_as(grown, f"c{drift.MAX_ADDED_COLUMNS + 1}") is None
