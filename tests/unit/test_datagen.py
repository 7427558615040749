"""The generator: the same bytes every time, a truth that holds together, files that other readers read."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from datagen import generate, storefront
from datagen.defects import DEFECTS, Defect, FileDefect
from datagen.generate import MESSY, File, storefront_files
from datagen.writers import FORMATS
from lakehouse import intake
from lakehouse.cli.main import app
from lakehouse.contract import load_registry

ROWS, DAYS, SEED = 2_000, 7, 3


@pytest.fixture(scope="module")
def days() -> list[storefront.Day]:
    return list(storefront.days(ROWS, DAYS, SEED))


@pytest.fixture(scope="module")
def clean() -> list[File]:
    return list(storefront_files(ROWS, DAYS, SEED))


@pytest.fixture(scope="module")
def messy() -> list[File]:
    return list(storefront_files(ROWS, DAYS, SEED, MESSY))


def independent_rows(file: File) -> list[dict[str, Any]]:
    """A file's rows by the standard library alone."""
    data = gzip.decompress(file.data) if file.data.startswith(b"\x1f\x8b") else file.data
    text = data.decode()
    if text.startswith("["):
        rows: list[dict[str, Any]] = json.loads(text, parse_float=Decimal)
        return rows
    if text.startswith("{"):
        return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text), delimiter="|" if file.name.endswith(".txt") else ","))


def by_id(rows: Sequence[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in rows}


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_ids(messy: list[File]) -> None:
    again = list(storefront_files(ROWS, DAYS, SEED, MESSY))
    assert again == messy
    other = list(storefront_files(ROWS, DAYS, SEED + 1))
    ids = [
        {row["user_id"] for file in files if file.dataset == "users" for row in independent_rows(file)}
        for files in (other, list(storefront_files(ROWS, DAYS, SEED)))
    ]
    assert ids[0].isdisjoint(ids[1])


def test_as_many_rows_as_were_asked_for(days: list[storefront.Day]) -> None:
    assert len(days) == DAYS
    assert ROWS <= sum(day.rows for day in days) <= 1.15 * ROWS


def test_users_sign_up_before_they_do_anything(days: list[storefront.Day]) -> None:
    signed_up = {user.user_id: user.signed_up_at for day in days for user in day.users}
    deeds = [
        (deed.user_id, deed.occurred_at)
        for day in days
        for deed in (*day.transactions, *day.events)
        if deed.user_id is not None
    ]
    assert deeds
    assert [user_id for user_id, occurred_at in deeds if not signed_up[user_id] < occurred_at] == []


def test_every_sale_adds_up_and_stands_beside_a_purchase(days: list[storefront.Day]) -> None:
    countries = {user.user_id: user.country for day in days for user in day.users}
    for day in days:
        purchases = {(event.user_id, event.occurred_at) for event in day.events if event.event_type == "purchase"}
        for sale in day.transactions:
            assert sale.amount == sale.quantity * sale.unit_price
            assert sale.currency == storefront.COUNTRIES[countries[sale.user_id]][2]
            assert (sale.user_id, sale.occurred_at) in purchases


def test_few_products_make_most_of_the_sales(days: list[storefront.Day]) -> None:
    viewed: dict[str, int] = {}
    for event in (event for day in days for event in day.events if event.product_id):
        viewed[event.product_id or ""] = viewed.get(event.product_id or "", 0) + 1
    ranked = sorted(viewed.values(), reverse=True)
    assert sum(ranked[:30]) > sum(ranked) / 2


def test_every_dataset_comes_in_every_format(clean: list[File]) -> None:
    for dataset in generate.DATASETS:
        names = [file.name for file in clean if file.dataset == dataset]
        missing = [
            form.extension
            for form in FORMATS
            if not any(name.partition(".")[2] == form.extension[1:] for name in names)
        ]
        assert missing == [], dataset


def test_clean_files_hold_the_truth_as_the_standard_library_reads_them(
    days: list[storefront.Day], clean: list[File]
) -> None:
    sales = [row for file in clean if file.dataset == "transactions" for row in independent_rows(file)]
    truth = {sale.transaction_id: sale for day in days for sale in day.transactions}
    assert by_id(sales, "transaction_id").keys() == truth.keys()
    assert len(sales) == len(truth)
    for row in sales:
        sale = truth[row["transaction_id"]]
        assert (Decimal(row["amount"]), int(row["quantity"])) == (sale.amount, sale.quantity)
        assert (row["product_name"], row["occurred_at"]) == (sale.product_name, f"{sale.occurred_at.isoformat()}Z")
    users = by_id([row for file in clean if file.dataset == "users" for row in independent_rows(file)], "user_id")
    for user in (user for day in days for user in day.users):
        assert users[user.user_id]["full_name"] == user.full_name


def test_duckdb_counts_what_was_written(clean: list[File], tmp_path: Path) -> None:
    readers = {
        "csv": "read_csv('{}', all_varchar=true)",
        "txt": "read_csv('{}', delim='|', all_varchar=true)",
        "json": "read_json('{}')",
        "ndjson": "read_json('{}')",
    }
    counted = 0
    with duckdb.connect() as connection:
        for file in clean:
            kind = file.name.partition(".")[2].removesuffix(".gz")
            if kind in readers:
                path = generate.write(file, tmp_path)
                found = connection.sql(f"SELECT COUNT(*) FROM {readers[kind].format(path)}").fetchall()
                assert found == [(file.rows,)], file.name
                counted += 1
    assert counted > len(clean) / 2


def test_clean_files_are_accepted_whole(clean: list[File]) -> None:
    for file in clean:
        contract = load_registry().sources[f"storefront.{file.dataset}"]
        chunks = list(intake.read(file.data, contract))
        assert sum(chunk.length for chunk in chunks) == file.rows
        assert all(chunk.unreadable is None for chunk in chunks)


def test_every_defect_of_a_file_occurs_and_is_found_out(messy: list[File]) -> None:
    """What is spoilt is refused for the reason that the defect is named after, or is one of two other cases."""
    spare = {file.defects[-1]: file for file in messy if file.is_spare}
    assert spare.keys() == {name for name, defect in DEFECTS.items() if isinstance(defect, FileDefect)}
    data = [file.data for file in messy if not file.is_spare]
    assert spare.pop("same_bytes").data in data
    assert intake.is_ignored(spare.pop("temporary_name").name)
    for name, file in spare.items():
        with pytest.raises(intake.Refusal) as refused:
            list(intake.read(file.data, load_registry().sources[f"storefront.{file.dataset}"]))
        assert refused.value.reason == name


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_every_defect_does_something(defect: Defect) -> None:
    spoilt = list(storefront_files(200, 7, SEED, [replace(defect, share=1.0)]))
    assert {file.data for file in spoilt} != {file.data for file in storefront_files(200, 7, SEED)} or any(
        file.is_spare for file in spoilt
    )


def test_no_row_is_lost_to_defects(clean: list[File], messy: list[File]) -> None:
    """Rows come again, none goes: a file that is spoilt arrives whole as well."""
    for dataset in generate.DATASETS:
        meant = sum(file.rows for file in clean if file.dataset == dataset)
        delivered = sum(file.rows for file in messy if file.dataset == dataset and not file.is_spare)
        again = delivered / meant - 1
        assert 0 < again < 0.12, dataset
    read = {
        file.name: sum(
            chunk.length for chunk in intake.read(file.data, load_registry().sources[f"storefront.{file.dataset}"])
        )
        for file in messy
        if not file.is_spare
    }
    assert {file.name: file.rows for file in messy if not file.is_spare} == read


def test_the_command_writes_files_and_says_how_to_land_them(tmp_path: Path) -> None:
    arguments = ["--rows", "300", "--days", "7", "--seed", "5", "--defects", "none", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["generate", "storefront", *arguments])
    assert result.exit_code == 0, result.output
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert len(written) == 7 * len(generate.DATASETS)
    assert written[0] == "events/events-2026-01-01.csv.gz"
    assert f"lakehouse land {tmp_path / 'out' / 'users'} --dataset storefront.users --wait" in result.stdout
