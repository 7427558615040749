"""Every format and every dialect is read by readers of others, and says what the truth says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.defects import DEFECTS, shares_of
from datagen.defects.model import ShapeDefect
from datagen.generate import TRUTH, Order, generate
from datagen.plan import Place, Plan
from datagen.rows import Page, Rows
from datagen.sinks import Folder
from datagen.worlds import WORLDS
from datagen.writers import Kind, Layout, closing_line, write, write_row
from lakehouse.contract import SourceContract, load_registry
from tests.support.independent import by_column, extension, readings, text_of, told

SHAPES = [defect.name for defect in DEFECTS.values() if isinstance(defect, ShapeDefect)]
ROWS, DAYS, SEED = 300, 4, 3


def order(domain: str, shares: str, rows: int = ROWS, days: int = DAYS) -> Order:
    return Order(domain, rows, days, SEED, shares=shares_of(shares))


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    path = folder / TRUTH / name
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist() if path.exists() else []
    return rows


def shapes_of(plan: Plan, defect: ShapeDefect | None) -> dict[str, set[str]]:
    """The extensions by dataset of the files that a defect fits."""
    found: dict[str, set[str]] = {}
    for part in plan.world.slices:
        for dataset in plan.world.datasets_in(part):
            shape = plan.shape(part, dataset)
            if defect is None or defect.fits(shape, plan.contracts[dataset]):
                found.setdefault(dataset, set()).add(shape.format.extension)
    return found


def read_everywhere(folder: Path, file: dict[str, Any], scratch: Path) -> list[dict[str, str | None]]:
    """The rows of a file by title: all readers agree on them."""
    known = told(file["file"], file["defects"])
    path = folder / file["dataset"].split(".")[1] / file["file"]
    text = text_of(path.read_bytes(), known)
    (_, first), *others = readings(text, known, scratch)
    for reader, rows in others:
        assert rows == first, f"{reader} reads {path} otherwise"
    return first


@pytest.fixture(scope="module")
def plain_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[tuple[str, str]]]:
    """Name and hash by domain of the files that nothing is odd about."""
    found = {}
    for domain in WORLDS:
        folder = tmp_path_factory.mktemp(domain)
        list(generate(order(domain, "none"), Folder(folder), folder / TRUTH))
        found[domain] = {(file["file"], file["content_hash"]) for file in table(folder, "expected_files")}
    return found


@pytest.mark.parametrize("domain", WORLDS)
@pytest.mark.parametrize("name", [None, *SHAPES])
def test_other_readers_find_in_every_file_what_the_truth_says(
    domain: str, name: str | None, tmp_path: Path, plain_files: dict[str, set[tuple[str, str]]]
) -> None:
    defect = DEFECTS[name] if name else None
    assert defect is None or isinstance(defect, ShapeDefect)
    wanted = order(domain, f"{name}=1" if name else "none")
    fitting = shapes_of(wanted.plan, defect)
    if not fitting:
        pytest.skip(f"no file of {domain} can have {name}")
    folder = tmp_path / "out"
    list(generate(wanted, Folder(folder), folder / TRUTH))
    files, expected = table(folder, "expected_files"), table(folder, "expected_rows")
    assert all(file["verdict"] == "accepted" for file in files)
    unchanged = [file["file"] for file in files if (file["file"], file["content_hash"]) in plain_files[domain]]
    odd = [file["file"] for file in files if name in file["defects"]]
    # In another encoding, text that is all ASCII stays as it is.
    assert not set(unchanged) & set(odd) or (name == "cp1252" and not set(odd) <= set(unchanged))
    not_in_silver = {(row["file"], row["row_number"]) for row in expected if row["outcome"] != "silver"}
    for dataset, contract in wanted.plan.contracts.items():
        mine = [file for file in files if file["dataset"] == contract.dataset]
        spoilt = {extension(file["file"]) for file in mine if name in file["defects"]}
        assert spoilt == (fitting.get(dataset, set()) if name else set())
        delivered = list(rows_in(folder, mine, contract, not_in_silver, tmp_path / "scratch"))
        assert by_key(delivered, contract) == by_key(table(folder, f"silver/{dataset}"), contract)


def rows_in(
    folder: Path, files: Sequence[dict[str, Any]], contract: SourceContract, without: set[Any], scratch: Path
) -> Iterator[dict[str, Any]]:
    for file in files:
        rows = read_everywhere(folder, file, scratch)
        assert len(rows) == file["rows"], file["file"]
        for number, row in enumerate(rows, 1):
            if (file["file"], number) not in without:
                yield by_column(row, file["file"], contract)


def by_key(rows: Sequence[dict[str, Any]], contract: SourceContract) -> list[tuple[Any, ...]]:
    """Rows as tuples, sorted by key, which none shares."""
    ordered = sorted(rows, key=lambda row: tuple(str(row[name]) for name in contract.key))
    for one, other in pairwise(ordered):
        assert any(one[name] != other[name] for name in contract.key)
    return [tuple(row[name] for name in contract.column_names) for row in ordered]


def test_drift_begins_on_some_day_and_lasts_some_files() -> None:
    plan = order("storefront", "renamed_columns=0.3", rows=2_000, days=40).plan
    part_days = {part.number: part.day for part in plan.world.slices if part.part == 0}
    drifts = [number for number in part_days if plan.of(Place(number, "users"))]
    assert 5 <= len(drifts) < len(part_days)
    neighbours = sum(other == one + 1 for one, other in pairwise(drifts))
    assert neighbours >= len(drifts) // 2
    # Files that drift in one month drift alike.
    renamed = DEFECTS["renamed_columns"]
    assert isinstance(renamed, ShapeDefect)
    headers: dict[str, set[tuple[str, ...]]] = {}
    for part in plan.world.slices:
        shape = renamed.reshape(plan.chance(renamed, part, "users"), plan.shape(part, "users"), plan.contracts["users"])
        headers.setdefault(f"{part.day:%Y-%m}", set()).add(tuple(shape.layout.header.values()))
    assert {len(found) for found in headers.values()} == {1}
    assert len(set.union(*headers.values())) == len(headers) > 1


def test_a_file_of_several_days_keeps_the_column_that_could_be_a_folder(tmp_path: Path) -> None:
    contract = load_registry().sources["storefront.exchange_rates"]
    plan = order("storefront", "folder_columns=1").plan
    folded = DEFECTS["folder_columns"]
    assert isinstance(folded, ShapeDefect)
    parts = [part for part in plan.world.slices if part.part == 0][:2]
    shape = folded.reshape(
        plan.chance(folded, parts[0], "exchange_rates"), plan.shape(parts[0], "exchange_rates"), contract
    )
    days = [plan.world.births(part)["exchange_rates"].table for part in parts]
    one, both = (Page(Rows.alone(pa.concat_tables(tables)), shape, contract) for tables in (days[:1], days))
    assert one.shape.folders == ("rate_date",)
    assert "rate_date" not in one.shape.layout.header
    assert both.shape.folders == ()
    assert "rate_date" in both.shape.layout.header


def test_what_the_encoding_of_a_file_lacks_is_not_put_into_it() -> None:
    plan = order("storefront", "none").plan
    shape = plan.shape(plan.world.slices[0], "transactions")
    assert shape.can_write("zł")
    tills = replace(shape, encoding="cp1252", gzip_members=0)
    assert tills.can_write("€ 12")
    assert not tills.can_write("zł")
    layout = Layout("delimited", {"name": "name"}, {"name": "string"})
    for text, data in (("Café", b"name\nCaf\xe9\n"), ("zł", "name\nzł\n".encode()), ("Ã©", "name\nÃ©\n".encode())):
        assert tills.pack(write({"name": pa.array([text])}, layout)) == data


CELLS = st.one_of(st.none(), st.text("a,;|\t\"'\r\n é{}[]:\\日😀", min_size=1, max_size=6))
KINDS: Sequence[Kind] = ("delimited", "ndjson", "json")


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6),
    kind=st.sampled_from(KINDS),
    delimiter=st.sampled_from(",;|\t"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    flags=st.tuples(st.booleans(), st.booleans()),
    is_coded=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back_whatever_the_layout(
    rows: list[tuple[str | None, str | None]],
    kind: Kind,
    delimiter: str,
    line_end: str,
    flags: tuple[bool, bool],
    is_coded: bool,
) -> None:
    layout = Layout(
        kind=kind,
        header={"a": "outer.a", "b": "outer.inner.b,"},
        types={"a": "string", "b": "string"},
        delimiter=delimiter,
        line_end=line_end,
        quotes_all=flags[0],
        is_pretty=flags[1],
    )
    columns = {name: pa.array(cells, pa.string()) for name, cells in zip("ab", zip(*rows, strict=True), strict=True)}
    if is_coded:
        columns = {name: column.dictionary_encode() for name, column in columns.items()}
    text = write(columns, layout)
    assert found_in(text.encode().decode(), layout) == [(a or "", b or "") for a, b in rows]
    lines = [write_row({"a": a, "b": b}, layout) for a, b in rows]
    lines[-1] = closing_line(lines[-1], layout)
    assert text.with_lines(np.arange(len(rows)), lines).encode() == text.encode()


def found_in(text: str, layout: Layout) -> list[tuple[str, str]]:
    if layout.kind == "delimited":
        head, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter, strict=True)
        assert head == list(layout.header.values())
        return [(a, b) for a, b in rows]
    decoder = json.JSONDecoder()
    if layout.kind == "json":
        items = decoder.decode(text)
    else:
        items, position = [], 0
        while position < len(text):
            item, end = decoder.raw_decode(text, position)
            items.append(item)
            assert text.startswith(layout.line_end, end)
            position = end + len(layout.line_end)
    assert all(list(item) == ["outer"] and list(item["outer"]) == ["a", "inner"] for item in items)
    return [(item["outer"]["a"] or "", item["outer"]["inner"]["b,"] or "") for item in items]
