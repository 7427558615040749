"""Truth, defects and writers put together: the files of a shop, day by day."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from datagen import storefront
from datagen.defects import (
    DEFECTS,
    Defect,
    Delivery,
    FileDefect,
    HeaderDefect,
    LineDefect,
    RowDefect,
    ValueDefect,
    repeat_rows,
    spoil_lines,
    spoil_values,
)
from datagen.text import as_text
from datagen.writers import FORMATS, Format
from lakehouse.contract import load_registry

DOMAIN = "storefront"
DATASETS = ("users", "transactions", "events")
MESSY: Sequence[Defect] = tuple(DEFECTS.values())


@dataclass(frozen=True)
class File:
    """A file of one dataset. `rows` counts what was meant to be in it; `defects` names what is wrong with all of it.

    `is_spare` says that the same rows arrive in a good file too.
    """

    dataset: str
    name: str
    data: bytes
    rows: int
    defects: tuple[str, ...] = ()
    is_spare: bool = False


def storefront_files(
    rows: int, days: int, seed: int, defects: Sequence[Defect] = (), first_day: date = storefront.FIRST_DAY
) -> Iterator[File]:
    """About `rows` rows over `days` days: for every day and dataset one file, formats in turn; spoilt ones besides.

    Takes the memory of one day. The same arguments give the same bytes.
    """
    plan = _plan(days, seed, defects)
    for number, day in enumerate(storefront.days(rows, days, seed, first_day)):
        for dataset, records in day.datasets().items():
            place = number * len(DATASETS) + DATASETS.index(dataset)
            yield from _deliver(dataset, day.day, records, place, plan[place], seed, defects)


def write(file: File, folder: Path) -> Path:
    """Put a file below the folder of its dataset."""
    path = folder / file.dataset / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.data)
    return path


def _format(place: int) -> Format:
    """Formats in turn: seven of them and three datasets a day bring every dataset in every format within a week."""
    return FORMATS[place % len(FORMATS)]


def _plan(days: int, seed: int, defects: Sequence[Defect]) -> list[list[Defect]]:
    """Which files get which defects of a header or a whole file: of each kind at least one where one fits."""
    chance = random.Random(f"{seed}/files")  # noqa: S311 - a simulation, not a secret
    plan: list[list[Defect]] = [[] for _ in range(days * len(DATASETS))]
    for defect in defects:
        if isinstance(defect, FileDefect | HeaderDefect):
            fitting = [
                place for place in range(len(plan)) if isinstance(defect, HeaderDefect) or defect.fits(_format(place))
            ]
            count = max(1, round(len(fitting) * defect.share)) if fitting else 0
            for place in chance.sample(fitting, count):
                plan[place].append(defect)
    return plan


def _deliver(
    dataset: str,
    day: date,
    records: Sequence[dict[str, object]],
    place: int,
    planned: Sequence[Defect],
    seed: int,
    defects: Sequence[Defect],
) -> Iterator[File]:
    chance = random.Random(f"{seed}/file/{place}")  # noqa: S311 - a simulation, not a secret
    contract, form = load_registry().sources[f"{DOMAIN}.{dataset}"], _format(place)
    rows = [as_text(record) for record in records]
    rows = repeat_rows(chance, rows, contract, [defect for defect in defects if isinstance(defect, RowDefect)])
    spoil_values(chance, rows, contract, [defect for defect in defects if isinstance(defect, ValueDefect)])
    names = {name: name for name in contract.column_names}
    for defect in planned:
        if isinstance(defect, HeaderDefect):
            names = defect.rename(chance, names, contract)
    types = {shown: contract.column(name).type.logical for name, shown in names.items()}
    shown_rows = [{shown: row[name] for name, shown in names.items()} for row in rows]
    text = form.write(shown_rows, list(names.values()), types)
    text = spoil_lines(chance, text, form.kind, [defect for defect in defects if isinstance(defect, LineDefect)])
    delivery = Delivery(f"{dataset}-{day.isoformat()}{form.extension}", text, form)
    headers = tuple(defect.name for defect in planned if isinstance(defect, HeaderDefect))
    yield File(dataset, delivery.name, delivery.data, len(rows), headers)
    for defect in planned:
        if isinstance(defect, FileDefect):
            name, data = defect.spoil(delivery, defect.name)
            yield File(dataset, name, data, len(rows), (*headers, defect.name), is_spare=True)
