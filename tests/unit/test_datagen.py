"""Orders and their delivery as a whole: the same bytes however they are made, a truth that says when it is complete."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from datagen.defects import DEFECTS, listing, shares_of
from datagen.generate import ABOUT, TRUTH, Order, generate
from datagen.sinks import Folder
from datagen.summary import summarize
from datagen.truth import arrow_type
from datagen.worlds import WORLDS
from lakehouse.cli.home import checkout
from lakehouse.contract import load_registry

DOMAINS = pytest.mark.parametrize("domain", WORLDS)


def tree(folder: Path) -> Mapping[str, str]:
    """Name → SHA-256 of every file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def delivered(order: Order, folder: Path, cores: int = 1) -> Path:
    for _ in generate(order, Folder(folder), folder / TRUTH, cores):
        pass
    return folder


def about(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / TRUTH / ABOUT).read_text())
    return found


def test_domains_can_be_named_without_making_them() -> None:
    program = "import sys, datagen.worlds; print(*sorted({'numpy', 'pyarrow', 'faker'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


@DOMAINS
def test_the_same_order_gives_the_same_bytes_and_another_seed_others(domain: str, tmp_path: Path) -> None:
    order = Order(domain, 2_000, 5, 3)
    first = tree(delivered(order, tmp_path / "first"))
    assert tree(delivered(order, tmp_path / "again")) == first
    other = tree(delivered(replace(order, seed=4), tmp_path / "other"))
    assert sum(first.get(name) == digest for name, digest in other.items()) < len(first) / 2


def test_as_many_cores_as_you_like_give_the_same_bytes(tmp_path: Path) -> None:
    order = Order("storefront", 1_010_000, 4, 3, shares_of("none"), formats=(".csv",))
    assert len(order.shards) > 1
    assert tree(delivered(order, tmp_path / "two", cores=2)) == tree(delivered(order, tmp_path / "one"))


@DOMAINS
def test_the_truth_has_the_columns_and_types_of_the_contracts(domain: str, tmp_path: Path) -> None:
    delivered(Order(domain, 2_000, 5, 3), tmp_path)
    datasets = about(tmp_path)["datasets"]
    assert datasets
    for dataset in datasets:
        contract = load_registry().sources[dataset]
        schema = pq.read_table(tmp_path / TRUTH / "silver" / contract.name).schema
        assert schema.names == list(contract.column_names)
        assert schema.types == [arrow_type(column.type) for column in contract.columns]


def test_the_truth_is_complete_once_everything_is_delivered(tmp_path: Path) -> None:
    order = Order("storefront", 2_000, 5, 3)
    delivery = generate(order, Folder(tmp_path), tmp_path / TRUTH)
    next(delivery)
    assert about(tmp_path)["complete"] is False
    for _ in delivery:
        pass
    assert about(tmp_path)["complete"] is True
    assert {name: about(tmp_path)[name] for name in order.about()} == order.about()


def test_a_delivery_that_is_broken_off_has_no_complete_truth(tmp_path: Path) -> None:
    delivery = generate(Order("storefront", 2_000, 5, 3), Folder(tmp_path), tmp_path / TRUTH)
    next(delivery)
    delivery.close()
    assert about(tmp_path)["complete"] is False


@DOMAINS
@pytest.mark.parametrize("formats", [(".csv",), (".ndjson.gz",), (".csv", ".json", ".gz")])
def test_an_order_is_sized_by_the_bytes_of_its_files(domain: str, formats: tuple[str, ...], tmp_path: Path) -> None:
    order, size = Order(domain, 1, 14, 3, shares_of("none"), formats=formats), 3_000_000
    order = replace(order, rows=order.rows_of(size))
    done = list(generate(order, Folder(tmp_path), tmp_path / TRUTH))
    assert sum(file.bytes for file in done) == pytest.approx(size, rel=0.3)


@DOMAINS
def test_the_summary_adds_up_to_what_was_delivered(domain: str, tmp_path: Path) -> None:
    done = list(generate(Order(domain, 3_000, 6, 3), Folder(tmp_path), tmp_path / TRUTH))
    summary = summarize(tmp_path / TRUTH)
    for item in summary.datasets:
        files = [file for file in done if f"{domain}.{file.dataset}" == item.dataset]
        assert (item.files, item.rows, item.bytes) == (
            len(files),
            sum(file.rows for file in files),
            sum(file.bytes for file in files),
        )
        assert item.spoilt == sum(not file.is_sound for file in files) - _sound_without_rows(tmp_path, item.dataset)
    assert sum(item.files for item in summary.datasets) == len(done)
    of_files = Counter(name for file in done for name in file.defects)
    assert {name: summary.defects[name] for name in of_files} == of_files
    assert set(summary.defects) <= set(DEFECTS)


def _sound_without_rows(folder: Path, dataset: str) -> int:
    """Files that hold a header and nothing else: accepted, though there is no row in them."""
    files = pq.read_table(folder / TRUTH / "expected_files").to_pylist()
    return sum(
        file["dataset"] == dataset and file["verdict"] == "accepted" and DEFECTS[name].level == "file"
        for file in files
        for name in file["defects"]
    )


def test_the_documented_defects_are_those_of_the_registry() -> None:
    document = (checkout() / "docs" / "generator.md").read_text(encoding="utf-8")
    assert listing.with_table(document) == document, "run: python -m datagen.defects.listing docs/generator.md"


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=lambda defect: defect.name)
def test_every_defect_says_what_must_become_of_it(defect: Any) -> None:
    said = listing.outcome(defect)
    assert (getattr(defect, "violation", None) or getattr(defect, "reason", None) or "") in said
    # Of a file that comes again, the first upload may be refused; nothing is lost.
    is_lost = said.startswith(("row refused", "file refused: ", "ignored"))
    assert is_lost == (not defect.recoverable)
