"""Files that mean harm, for several datasets: long, deep and wide, with all that a cell can hold. Seeded."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lakehouse.contract import SourceContract, load_registry
from tests.support import intake_fuzz
from tests.support.hostile_cells import long_cells, of_every_category, short_cells

_SOURCES = load_registry().sources
DATASETS = ("storefront.users", "storefront.transactions", "storefront.events", "retail.products", "fashion.members")
# What the other columns of a row hold, so that one cell decides over it.
_SOUND: Mapping[str, Mapping[str, str]] = {
    "storefront.users": {"country": "DE", "signed_up_at": "2026-01-01 00:00:00"},
    "storefront.events": {"event_type": "page_view", "occurred_at": "2026-01-01 00:00:00"},
    "storefront.transactions": {
        "user_id": "u-1", "product_id": "p-1", "quantity": "2", "unit_price": "9.50", "amount": "19.00",
        "currency": "EUR", "status": "completed", "occurred_at": "2026-01-01 00:00:00",
    },
}  # fmt: skip
LONG_BYTES = (4 << 20) - 8192


class Hostile(NamedTuple):
    """A file to land."""

    dataset: str
    name: str
    data: bytes


def hostile_files(seed: int, count: int, datasets: Sequence[str] = DATASETS) -> Iterator[Hostile]:
    """So many files, every kind in turn."""
    chance, sound = random.Random(seed), intake_fuzz.sound_files()
    kinds = list(_KINDS.items())
    for number in range(count):
        kind, make = kinds[number % len(kinds)]
        dataset = datasets[number % len(datasets)]
        data = make(chance, _SOURCES[dataset])
        if chance.random() < 0.1:
            how = intake_fuzz.Spoiling(chance.choice(intake_fuzz.SPOILINGS), chance.random(), chance.getrandbits(16))
            data = intake_fuzz.spoilt(data, how, sound)
        yield Hostile(dataset, f"{number:04d}-{kind}", data)


def _rows(chance: random.Random, contract: SourceContract, count: int) -> list[dict[str, str]]:
    """Sound rows, of which a few cells, or all of them, are not."""
    cells = {column.name: short_cells(column, chance, 60) for column in contract.columns}
    sound = _SOUND.get(contract.dataset, {})
    found = []
    for number in range(count):
        row = {**sound, contract.key[0]: f"k-{chance.getrandbits(32)}"}
        for name in chance.sample(list(cells), k=(1, 2, len(cells))[number % 3]):
            row[name] = chance.choice(cells[name])
        found.append(row)
    return found


def _csv(names: Sequence[str], rows: Sequence[Mapping[str, str]], delimiter: str = ",") -> bytes:
    def line(cells: Sequence[str]) -> str:
        return delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells)

    return "\n".join([line(names), *(line([row.get(name, "") for name in names]) for row in rows), ""]).encode()


def _ndjson(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _odd_cells(chance: random.Random, contract: SourceContract) -> bytes:
    rows = _rows(chance, contract, 40)
    return _csv(contract.column_names, rows) if chance.random() < 0.5 else _ndjson(rows)


def _long_cell(chance: random.Random, contract: SourceContract) -> bytes:
    rows = _rows(chance, contract, 3)
    for row in rows[:2]:
        row[chance.choice(contract.column_names)] = chance.choice(long_cells(LONG_BYTES))
    return _csv(contract.column_names, rows) if chance.random() < 0.5 else _ndjson(rows)


def _categories(chance: random.Random, contract: SourceContract) -> bytes:
    texts = [f"{character}{chance.choice(('', 'a', 'x1'))}{character}" for character in of_every_category()]
    return _csv(contract.column_names, [dict.fromkeys(contract.column_names, text) for text in texts], ";")


def _wide(chance: random.Random, contract: SourceContract) -> bytes:
    width = chance.choice((10_000, 200_000))
    names = [*contract.column_names, *(f"name_{number}" for number in range(width))]
    return gzip.compress(f"{','.join(names)}\n{(',' * (len(names) - 1) + chr(10)) * 60}".encode())


def _many_keys(chance: random.Random, contract: SourceContract) -> bytes:
    width = chance.choice((100, 10_000))
    rows = _rows(chance, contract, 30)
    return _ndjson([{**row, **{f"{number}.{key}": key for key in range(width)}} for number, row in enumerate(rows)])


def _deep(chance: random.Random, contract: SourceContract) -> bytes:
    depth = chance.choice((90, 500, 100_000))
    deep = '{"a":' * depth + "1" + "}" * depth
    return _ndjson(_rows(chance, contract, 5)) + f'{{"{contract.key[0]}":"k","client":{deep}}}\n'.encode()


def _long_keys(chance: random.Random, contract: SourceContract) -> bytes:
    rows = _rows(chance, contract, 5)
    return _ndjson([{**row, "k" * chance.choice((300, 100_000, 1_000_000)): "&#0;"} for row in rows])


def _wide_rows(chance: random.Random, contract: SourceContract) -> bytes:
    return _csv(contract.column_names, _rows(chance, contract, 3)) + b"," * (3 << 20) + b"\n" + b"\n\n"


def _tiny_rows(chance: random.Random, contract: SourceContract) -> bytes:
    return f"{contract.key[0]},x\n".encode() + b"".join(b"%d,\n" % chance.randrange(99) for _ in range(20_000))


_KINDS: Mapping[str, Callable[[random.Random, SourceContract], bytes]] = {
    "odd-cells": _odd_cells,
    "long-cell": _long_cell,
    "categories": _categories,
    "wide": _wide,
    "many-keys": _many_keys,
    "deep": _deep,
    "long-keys": _long_keys,
    "wide-rows": _wide_rows,
    "tiny-rows": _tiny_rows,
}
