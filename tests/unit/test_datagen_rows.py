"""Defects of values, rows and lines in whole deliveries: the files, read back, say what the truth says."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from datagen.defects import DEFECTS, shares_of
from datagen.defects.model import LineDefect, RowDefect, ValueDefect
from datagen.generate import Order, generate
from datagen.rows import other_version
from datagen.sinks import Folder
from datagen.text import spell
from datagen.worlds import WORLDS
from datagen.writers import FORMATS
from lakehouse.contract import SourceContract, load_registry
from tests.support.delivered import Row, judged, truth

SMALL = [defect for defect in DEFECTS.values() if isinstance(defect, ValueDefect | RowDefect | LineDefect)]
"""Those that leave the files themselves as they are."""
DAYS = 7


def deliver(folder: Path, domain: str, rows: int, shares: Mapping[str, float], seed: int = 3) -> list[SourceContract]:
    """Deliver a world, and give its contracts, parents before children."""
    order = Order(domain, rows, DAYS, seed, {**shares_of("none"), **shares})
    for _ in generate(order, Folder(folder), folder / "_truth"):
        pass
    return list(order.plan.contracts.values())


def expected(folder: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    return {(row["dataset"], row["file"], row["row_number"]): row for row in truth(folder, "expected_rows")}


def check(folder: Path, contracts: list[SourceContract]) -> list[Row]:
    """Compare the truth with the files: each row's violations, the fates of each key's rows, all of silver."""
    rows, told = judged(folder, contracts), expected(folder)
    assert told.keys() <= {row.place for row in rows}
    for row in rows:
        assert set(told.get(row.place, {}).get("violations", ())) == row.violations, row
    for contract in contracts:
        of_dataset = [row for row in rows if row.dataset == contract.dataset]
        assert fates(of_dataset, contract, {row.place: row.outcome for row in of_dataset}) == fates(
            of_dataset, contract, {place: row["outcome"] for place, row in told.items()}
        )
        found = sorted((row.values for row in of_dataset if row.outcome == "silver"), key=repr)
        assert found == sorted(truth(folder, f"silver/{contract.name}"), key=repr)
    return rows


def fates(rows: list[Row], contract: SourceContract, outcomes: Mapping[tuple[str, str, int], str]) -> Any:
    """How many rows of each key have which outcome; a row of which nothing is told is in silver."""
    by_key: dict[Any, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.values is not None:
            by_key[tuple(row.values[name] for name in contract.key)][outcomes.get(row.place, "silver")] += 1
    return by_key


def often(share: float, level: str) -> dict[str, float]:
    """A hostile delivery, in which nothing small is rare; lines are, of which some are very long."""
    return {
        defect.name: max(shares_of(level)[defect.name], share / 20 if isinstance(defect, LineDefect) else share)
        for defect in SMALL
    }


@pytest.mark.parametrize("domain", WORLDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_the_truth_says_of_every_row_can_be_read_from_the_files(tmp_path: Path, domain: str, seed: int) -> None:
    contracts = deliver(tmp_path, domain, 4_000, often(0.01, "hostile"), seed)
    rows = check(tmp_path, contracts)
    assert Counter(row.outcome for row in rows).keys() == {"silver", "quarantined", "duplicate", "superseded"}


@pytest.mark.parametrize("domain", WORLDS)
def test_every_repair_that_the_truth_tells_of_is_in_silver(tmp_path: Path, domain: str) -> None:
    rows = {row.place: row for row in check(tmp_path, deliver(tmp_path, domain, 2_000, often(0.02, "hostile")))}
    repairs = [(rows[place], repair) for place, told in expected(tmp_path).items() for repair in told["repairs"]]
    assert repairs
    for row, repair in repairs:
        assert (row.cells[repair["column"]] or None) == (repair["delivered"] or None)
        assert row.values is not None
        assert spell(row.values[repair["column"]]) == repair["value"]


@pytest.mark.parametrize("domain", WORLDS)
@pytest.mark.parametrize(
    "defect", [defect for defect in SMALL if isinstance(defect, LineDefect)], ids=lambda defect: defect.name
)
def test_a_spoilt_line_is_lost_alone(tmp_path: Path, defect: LineDefect, domain: str) -> None:
    contracts = deliver(tmp_path, domain, 600, {defect.name: 0.02 if "long" in defect.name else 0.2})
    lost = {row.place: row for row in check(tmp_path, contracts) if row.problem is not None}
    assert lost
    assert {row.violations for row in lost.values()} == {frozenset({defect.violation})}
    assert lost.keys() == {place for place, row in expected(tmp_path).items() if row["defects"] == [defect.name]}
    assert not defect.recoverable


def test_the_first_line_shows_what_a_file_is(tmp_path: Path) -> None:
    shares = {defect.name: 0.9 / 8 for defect in SMALL if isinstance(defect, LineDefect) and "long" not in defect.name}
    rows = check(tmp_path, deliver(tmp_path, "storefront", 600, shares))
    assert not [row for row in rows if row.number == 1 and row.violations]


@pytest.mark.parametrize("domain", WORLDS)
@pytest.mark.parametrize(
    "defect", [defect for defect in SMALL if isinstance(defect, RowDefect)], ids=lambda defect: defect.name
)
def test_a_row_comes_again_as_declared(tmp_path: Path, defect: RowDefect, domain: str) -> None:
    contracts = deliver(tmp_path, domain, 2_000, {defect.name: 0.05})
    rows = check(tmp_path, contracts)
    assert not any(row.violations for row in rows)
    told, by_key = expected(tmp_path), keyed(rows, contracts)
    touched = [row for row in rows if defect.name in told.get(row.place, {}).get("defects", ())]
    assert touched
    for row in touched:
        others = [other for other in by_key[key_of(row, contracts)] if other is not row]
        outcomes = [told[row.place]["outcome"], *(told[other.place]["outcome"] for other in others)]
        match defect.version:
            case "same":
                assert sorted(outcomes) == (["silver"] if defect.moves else ["duplicate", "silver"])
            case "newer":
                assert outcomes == ["silver", "superseded"]
            case "older":
                assert outcomes == ["superseded", "silver"]
        assert all((other.file != row.file) is defect.is_later for other in others)
    if defect.is_later:
        assert len({extension(row.file) for row in touched}) > 1, "they come in files of several formats"


@pytest.mark.parametrize("domain", WORLDS)
@pytest.mark.parametrize("defect", [defect for defect in SMALL if isinstance(defect, RowDefect) and defect.moves])
def test_a_late_row_is_not_where_it_belongs(tmp_path: Path, defect: RowDefect, domain: str) -> None:
    files: list[dict[Any, str]] = []
    for shares in ({}, {defect.name: 0.05}):
        contracts = deliver(tmp_path / str(len(files)), domain, 1_000, shares)
        rows = judged(tmp_path / str(len(files)), contracts)
        files.append({key_of(row, contracts): row.file for row in rows if row.outcome == "silver"})
    on_time, late = files
    moved = {key for key in on_time if late[key] != on_time[key]}
    assert late.keys() == on_time.keys()
    assert len(moved) == sum(defect.name in row["defects"] for row in truth(tmp_path / "1", "expected_rows"))


def extension(name: str) -> str:
    return max((form.extension for form in FORMATS if name.endswith(form.extension)), key=len)


def keyed(rows: list[Row], contracts: list[SourceContract]) -> Mapping[Any, list[Row]]:
    by_key: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        by_key[key_of(row, contracts)].append(row)
    return by_key


def key_of(row: Row, contracts: list[SourceContract]) -> Any:
    key = next(contract.key for contract in contracts if contract.dataset == row.dataset)
    return row.dataset, *(row.values[name] for name in key if row.values)


def test_every_defect_happens_in_a_hostile_delivery(tmp_path: Path) -> None:
    """An entry that never happens is dead: it fits nothing, or makes nothing of what it fits."""
    happened: set[str] = set()
    for domain in WORLDS:
        deliver(tmp_path / domain, domain, 12_000, {**shares_of("hostile"), **often(0.01, "hostile")})
        for table in ("expected_rows", "expected_files"):
            happened |= {name for row in truth(tmp_path / domain, table) for name in row["defects"]}
    assert [name for name in DEFECTS if name not in happened] == []


def test_a_row_that_no_version_can_be_ordered_by_has_no_other_version() -> None:
    contract = load_registry().sources["storefront.users"]
    rows = pa.table({"updated_at": pa.array([None], pa.timestamp("us"))})
    with pytest.raises(ValueError, match="without updated_at"):
        other_version(random.Random(1), rows, contract, "newer")
