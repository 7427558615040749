"""Columns that arrive and that no contract knows: their names, and how a dataset that evolves takes them in.

Knows contracts; no Spark, no AWS. A column is *drift* when the contract, as it is declared, has neither its name nor an
alias of it. Where the contract says `evolve`, its column is added by a rule that looks at the spelling alone, so that
neither the order of arrival nor the split into batches can matter.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import orjson

from lakehouse.contract import Column, ColumnType, Registry, SourceContract

# Objects that are used as maps have a key for every row: of one file no more than this is told apart.
MAX_SPELLINGS_PER_FILE = 100
MAX_SPELLING_LENGTH = 200
# Wider than any table that somebody designed; what comes on top stays in `_rescued`.
MAX_ADDED_COLUMNS = 100
MAX_NAME_BYTES = 127
TEXT = ColumnType("varchar", length=65535)

# What intake calls a column whose header is empty or is there already.
_NAMELESS = re.compile(r"(^column| \(column) \d+\)?$")


@dataclass(frozen=True)
class EvolvedContract(SourceContract):
    """A contract with the columns that its dataset has got from its files, after those that it declares."""

    declared: SourceContract

    @cached_property
    def added(self) -> tuple[Column, ...]:
        """The columns that files brought, by name."""
        return self.columns[len(self.declared.columns) :]


def as_declared(contract: SourceContract) -> SourceContract:
    """The contract as its file has it."""
    return contract.declared if isinstance(contract, EvolvedContract) else contract


def added(contract: SourceContract) -> tuple[Column, ...]:
    """The columns of a dataset that only its files know."""
    return contract.added if isinstance(contract, EvolvedContract) else ()


# What arrived


class Sightings:
    """Unknown columns of one file: rows that hold a value, by the spelling as it came.

    `{"client": {"os": …}}` is `client.os`. A dataset that evolves takes an object as a whole, so there it is `client`.
    """

    def __init__(self, contract: SourceContract) -> None:
        self._contract = contract
        self.rows: dict[str, int] = {}

    def named(self, names: Iterable[str]) -> None:
        """Columns that a header names, whatever is in them."""
        for name in names:
            if name not in self.rows:
                self._look_closely(name, None)

    def rescued(self, text: str) -> None:
        """What bronze rescued of one row, as JSON."""
        for name, value in _object(text).items():
            # Nearly all of a file: a plain value under a name that was seen before.
            if name in self.rows and type(value) is not dict:
                self.rows[name] += value is not None and value != ""
            else:
                self._look_closely(name, value)

    def _look_closely(self, name: str, value: Any) -> None:
        for spelling, part in cells({name: value}, is_deep=self._contract.drift != "evolve"):
            if spelling not in self.rows:
                if len(self.rows) == MAX_SPELLINGS_PER_FILE or not is_unknown(self._contract, spelling):
                    continue
                self.rows[spelling] = 0
            self.rows[spelling] += part is not None and part != ""

    def added(self, column: Column, count: int) -> None:
        """So many values of a column that the dataset got from an earlier file."""
        if count:
            spelling = (*column.aliases, column.name)[0]
            self.rows[spelling] = self.rows.get(spelling, 0) + count


def _object(text: str) -> dict[str, Any]:
    """An object of JSON; numbers that no machine number holds, such as 1e400, as text."""
    try:
        found: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = json.loads(text, parse_float=str, parse_int=str)
    return found


def cells(item: Mapping[str, Any], *, is_deep: bool, path: str = "") -> Iterator[tuple[str, Any]]:
    """(spelling, value) of all that an object holds; those inside objects too where it `is_deep`."""
    for name, value in item.items():
        spelling = f"{path}{name}".strip()
        if is_deep and isinstance(value, dict) and value:
            yield from cells(value, is_deep=True, path=f"{path}{name}.")
        else:
            is_long = len(spelling) > MAX_SPELLING_LENGTH
            yield (f"{spelling[: MAX_SPELLING_LENGTH - 1]}…" if is_long else spelling), value


def is_unknown(contract: SourceContract, spelling: str) -> bool:
    """Whether it is drift: a second column of one name is none, nor is a name of the lake's own (`_row`)."""
    return not spelling.startswith("_") and spelling.lower() not in contract.header_lookup


# What becomes of it


def identifier(spelling: str) -> str:
    """The name that Redshift, Glue and Iceberg take unquoted: `Shoe Size` is shoe_size, `Größe` is grosse.

    A hash of the spelling tells it from others where letters or signs are lost (`price €`, `price $`) and where it is
    too long.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", spelling).casefold())
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    name = re.sub("[^a-z0-9]+", "_", plain).strip("_")
    is_lossy = not name or any(map(_is_lost, plain))
    if is_lossy or len(name) > MAX_NAME_BYTES - len("column_"):
        name = f"{name[:80]}_{hashlib.sha256(spelling.casefold().encode()).hexdigest()[:8]}".strip("_")
    return name if name[0].isalpha() else f"column_{name}"


def _is_lost(character: str) -> bool:
    """Whether it means something that its identifier does not say."""
    return (
        unicodedata.category(character)[0] == "S"
        or character in "%#&@*!?"
        or (character.isalnum() and not character.isascii())
    )


def column_for(contract: SourceContract, spelling: str) -> str | None:
    """The column that an evolving dataset gets for an unknown spelling; None where it stays in `_rescued`.

    It stays when it may well be a declared column, differently spelled, which is for a person to say; when it has a
    dot, for that would also name what is inside an object; and when it has no name of its own.
    """
    if contract.drift != "evolve" or not is_unknown(as_declared(contract), spelling):
        return None
    if "." in spelling or not can_be_named(spelling):
        return None
    name = identifier(spelling)
    return None if name in known_names(contract) else name


def can_be_named(spelling: str) -> bool:
    """Whether a header said it, whole, and said it of one column."""
    return bool(spelling) and len(spelling) < MAX_SPELLING_LENGTH and not _NAMELESS.search(spelling)


def known_names(contract: SourceContract) -> dict[str, str]:
    """Every declared spelling, as an identifier → its column."""
    return {identifier(spelling): name for spelling, name in as_declared(contract).header_lookup.items()}


def evolved(contract: SourceContract, spellings: Iterable[str]) -> SourceContract:
    """The contract with a column of text for each spelling that it can take, beside those that it has got already.

    Spellings that make one name are one column. The columns are in the order of their names, which makes the hashes of
    rows independent of what arrived first.
    """
    declared = as_declared(contract)
    aliases = {column.name: list(column.aliases) for column in added(contract)}
    known = {spelling.lower() for column in added(contract) for spelling in (column.name, *column.aliases)}
    for spelling in spellings:
        name = column_for(declared, spelling)
        if name is None or spelling.lower() in known or (name not in aliases and len(aliases) == MAX_ADDED_COLUMNS):
            continue
        known |= {name, spelling.lower()}
        aliases.setdefault(name, []).extend([spelling] if spelling.lower() != name else [])
    if not aliases:
        return declared
    # Spellings of null that hold for every declared column are those of the dataset.
    nulls = tuple(text for text in declared.columns[0].nulls if all(text in c.nulls for c in declared.columns))
    columns = (
        Column(name, TEXT, "Came with files; the contract does not declare it.", aliases=tuple(known_as), nulls=nulls)
        for name, known_as in sorted(aliases.items())
    )
    parts = {field.name: getattr(declared, field.name) for field in fields(SourceContract)}
    return EvolvedContract(**{**parts, "columns": (*declared.columns, *columns)}, declared=declared)


def evolved_registry(registry: Registry, arrived: Iterable[tuple[str, str]]) -> Registry:
    """The registry with the columns of every (dataset, spelling) that arrived, in the order of arrival."""
    spellings: dict[str, list[str]] = {}
    for dataset, spelling in arrived:
        spellings.setdefault(dataset, []).append(spelling)
    grown = {
        name: evolved(contract, spellings[name]) for name, contract in registry.sources.items() if name in spellings
    }
    return Registry({**registry.sources, **grown}, registry.gold)


def added_as(contract: SourceContract, spelling: str) -> str | None:
    """The column that a spelling has been given, if any."""
    name = column_for(contract, spelling)
    return name if name in {column.name for column in added(contract)} else None
