"""Every gold table of generated deliveries, cell by cell, against SQL over the truth.

What is delivered lands in random portions in a random order, so that rows come late, before what they refer to and
after what replaces them. `LAKEHOUSE_STAR_SEEDS=all` takes three seeds instead of one.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datagen.defects import shares_of
from datagen.generate import Order, generate
from datagen.sinks import Folder
from lakehouse import tables
from lakehouse.contract import GoldContract, load_registry
from tests.support import star_cases
from tests.support.lake import TestLake
from tests.support.landing import delivered_files
from tests.support.star_of_truth import Rows, star

REGISTRY = load_registry()
SEEDS = (1, 2, 3) if os.environ.get("LAKEHOUSE_STAR_SEEDS") == "all" else (1,)
PORTIONS = 3
Table = dict[tuple[Any, ...], dict[str, Any]]
File = tuple[str, str, bytes]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_star_of_a_messy_shop_is_that_of_the_truth(lake: TestLake, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    order = Order("storefront", rows=1_000, days=14, seed=seed, shares=shares_of("messy"))
    delivered = _delivered(order, tmp_path)
    _add(star_cases.storefront(chance), delivered, chance)
    _land_in_portions(lake, "storefront", delivered, chance)
    expected = star("storefront", delivered / "_truth/silver", delivered)
    _check(lake, "storefront", expected)
    _check_cases(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_star_of_a_retailer_is_that_of_every_delivered_version(lake: TestLake, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    # The truth does not hold the versions that silver forgets; in a clean delivery they are all in the files.
    order = Order("retail", rows=600, days=14, seed=seed, shares=shares_of("none"), formats=(".ndjson",))
    delivered = _delivered(order, tmp_path)
    known = {name: _rows_of(delivered / name) for name in ("products", "customers")}
    _add(star_cases.retail(chance, known), delivered, chance, every_version_counts=tuple(known))
    _land_in_portions(lake, "retail", delivered, chance)
    _check(lake, "retail", star("retail", delivered / "_truth/silver", delivered))


# --- deliveries


def _delivered(order: Order, folder: Path) -> Path:
    for _ in generate(order, Folder(folder), folder / "_truth"):
        pass
    return folder


def _rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(folder.glob("*.ndjson")) for line in file.read_text().splitlines()]


def _add(
    histories: Iterable[star_cases.History],
    delivered: Path,
    chance: random.Random,
    every_version_counts: Sequence[str] = (),
) -> None:
    """Add rows to a delivery, in one file for each portion, and their last versions to its truth."""
    lines: dict[tuple[str, int], list[str]] = {}
    last: dict[str, list[Mapping[str, Any]]] = {}
    for dataset, versions in histories:
        for row in versions:
            lines.setdefault((dataset, chance.randrange(PORTIONS)), []).append(json.dumps(row, default=str) + "\n")
        if dataset not in every_version_counts:
            last.setdefault(dataset, []).append(versions[-1])
    for (dataset, number), rows in lines.items():
        (delivered / dataset / f"by-hand-{number}.ndjson").write_text("".join(rows))
    for dataset, rows_of_truth in last.items():
        folder = delivered / "_truth/silver" / dataset
        schema = pq.read_schema(next(folder.iterdir()))
        pq.write_table(pa.Table.from_pylist(rows_of_truth, schema), folder / "by-hand.parquet")


def _land_in_portions(lake: TestLake, domain: str, delivered: Path, chance: random.Random) -> None:
    portions: list[list[File]] = [[] for _ in range(PORTIONS)]
    first, again = delivered_files(delivered), delivered_files(delivered, again=True)
    for path in sorted(first):
        dataset, _, name = path.partition("/")
        # Two files of one name cannot wait at once, but either may come first.
        both = [files[path] for files in (first, again) if path in files]
        for file, number in zip(both, chance.sample(range(PORTIONS), len(both)), strict=True):
            portions[number].append((f"{domain}.{dataset}", name, file.read_bytes()))
    for files in portions:
        chance.shuffle(files)
        for dataset, name, content in files:
            lake.land(dataset, name, content)
        assert lake.run_all()


# --- comparison


def _check(lake: TestLake, domain: str, expected: Mapping[str, Rows]) -> None:
    contracts = REGISTRY.gold_of(domain)
    assert {contract.name for contract in contracts} == set(expected), "a table without its SQL, or SQL without a table"
    found = {contract.name: _gold_rows(lake, contract) for contract in contracts}
    dimensions = {contract.key[0]: found[contract.name] for contract in contracts if _has_surrogate(contract)}
    differences = {
        contract.name: list(_differences(contract, found[contract.name], expected[contract.name], dimensions))
        for contract in contracts
    }
    assert {name: texts[:10] for name, texts in differences.items() if texts} == {}
    for key, rows in dimensions.items():
        assert len({row[key] for row in rows}) == len(rows), f"two rows have one {key}"


def _has_surrogate(contract: GoldContract) -> bool:
    return len(contract.key) == 1 and contract.key[0].endswith("_key")


def _gold_rows(lake: TestLake, contract: GoldContract) -> list[dict[str, Any]]:
    return [row.asDict() for row in lake.read(tables.gold_table(contract)).collect()]


def _differences(
    contract: GoldContract,
    found: Sequence[Mapping[str, Any]],
    expected: Rows,
    dimensions: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Iterator[str]:
    """What differs, cell by cell. A surrogate key is read as the natural key of the row that it points at."""
    columns = [column.name for column in contract.columns]
    if sorted(columns) != sorted(expected.columns):
        yield f"columns: {columns} but {expected.columns}"
        return
    wanted = [dict(zip(expected.columns, row, strict=True)) for row in expected.rows]
    assert wanted, f"{contract.name}: nothing was compared"
    rows = [dict(row) for row in found]
    for name in set(columns) & set(dimensions):
        natural = {row[name]: {part: row[part] for part in wanted[0][name]} for row in dimensions[name]}
        for row in rows:
            row[name] = natural.get(row[name], "points at nothing")
    lake_rows, truth_rows = _by_key(contract, rows), _by_key(contract, wanted)
    if len(lake_rows) != len(rows) or len(truth_rows) != len(wanted):
        yield "a key comes twice"
    for key in lake_rows.keys() | truth_rows.keys():
        lake_row, truth_row = lake_rows.get(key), truth_rows.get(key)
        if lake_row is None or truth_row is None:
            yield f"only in {'the truth' if lake_row is None else 'the lake'}: {lake_row or truth_row}"
            continue
        for name in columns:
            if lake_row[name] != truth_row[name]:
                yield f"{key} {name}: {lake_row[name]!r}, but by the truth {truth_row[name]!r}"


def _by_key(contract: GoldContract, rows: Iterable[dict[str, Any]]) -> Table:
    return {tuple(str(row[name]) for name in contract.key): row for row in rows}


def _check_cases(expected: Mapping[str, Rows]) -> None:
    """The delivery has what is hard: otherwise the comparison says little."""

    def column(table: str, name: str) -> list[Any]:
        place = expected[table].columns.index(name)
        return [row[place] for row in expected[table].rows]

    days: list[tuple[datetime, datetime]] = list(
        zip(column("fact_session", "started_at"), column("fact_session", "ended_at"), strict=True)
    )
    assert sum(start.date() < end.date() for start, end in days) > 3
    assert sum(column("fact_session", "event_count")) == len(expected["fact_event"].rows)
    assert sum(column("daily_revenue", "unconverted_count")) > 2
    assert (
        sum(
            euros not in (0, amount)
            for euros, amount in zip(
                column("daily_revenue", "gross_eur"), column("daily_revenue", "gross_amount"), strict=True
            )
        )
        > 20
    )
    for table in ("fact_transaction", "fact_event", "fact_session"):
        assert {"user_id": "(unknown)"} in column(table, "user_key")
    assert {1, 2, 3} == set(column("user_value", "frequency_score")) == set(column("user_value", "monetary_score"))
    assert None in column("user_value", "average_order_eur")
