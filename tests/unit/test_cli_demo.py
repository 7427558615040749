"""The pieces of `lakehouse demo` that need nothing running: what it makes and what it lands."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from lakehouse.cli import demo
from tests.unit.conftest import BUCKETS


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A demo of few rows, in a state folder of its own."""
    monkeypatch.setattr(demo, "ROWS", 2_000)
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path))


def silver(folder: Path, dataset: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "_truth" / "silver" / dataset).to_pylist()
    return rows


def test_each_demo_goes_on_two_weeks_later_with_new_users() -> None:
    first, second = demo._generate(1), demo._generate(2)
    users = [{row["user_id"] for row in silver(folder, "users")} for folder in (first, second)]
    assert users[0]
    assert users[0].isdisjoint(users[1])
    days = [{row["rate_date"] for row in silver(folder, "exchange_rates")} for folder in (first, second)]
    assert (min(days[1]) - min(days[0])).days == demo.DAYS
    assert max(days[0]) < min(days[1])


def test_a_demo_that_was_broken_off_is_made_anew() -> None:
    folder = demo._generate(1)
    (folder / "users" / "left-over.csv").write_text("old")
    assert demo._generate(1) == folder
    assert not (folder / "users" / "left-over.csv").exists()
    assert json.loads((folder / "_truth" / "about.json").read_text())["complete"] is True


def test_it_lands_what_the_truth_speaks_of_and_nothing_else(s3: Any) -> None:
    folder = demo._generate(3)
    connection: Any = SimpleNamespace(settings=SimpleNamespace(buckets=BUCKETS))
    landed = {upload.key for upload in demo._land(s3, connection, folder)}
    expected = pq.read_table(folder / "_truth" / "expected_files").to_pylist()
    assert landed == {f"{file['dataset'].replace('.', '/')}/demo-0003/{file['file']}" for file in expected}
    assert {file["delivery"] for file in expected} == {1}
    assert {file["verdict"] for file in expected} >= {"accepted", "quarantined"}


def test_the_next_demo_is_known_by_what_lies_in_landing(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "has_books", lambda _: False)
    connection: Any = SimpleNamespace(settings=SimpleNamespace(buckets=BUCKETS), redshift=lambda: None)
    assert demo._edition(connection, s3) == 1
    demo._land(s3, connection, demo._generate(1))
    assert demo._edition(connection, s3) == 2
