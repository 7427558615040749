"""What `lakehouse drift` prints: a diff that tools can apply, and the same findings as JSON."""

from __future__ import annotations

import io
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console

from lakehouse.cli import drift as command
from lakehouse.cli import drift_change
from lakehouse.cli.drift_proposal import Finding, propose
from lakehouse.contract import load_registry
from tests.support.contracts import SOURCE, write_shop

AT = datetime(2026, 11, 20, 12)
FOUND = Finding(
    dataset="shop.orders",
    column="Gift [note]",
    added_as=None,
    files=7,
    rows=1_200,
    first_seen=AT,
    last_seen=AT,
    first_batch=3,
    seen_in=("shop/orders/a.csv",),
    refused_files=2,
    samples=("[bold]", "x" * 100),
)


@pytest.mark.parametrize("end", ["\n", ""])
def test_the_diff_makes_the_file_what_apply_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    orders = load_registry(write_shop(tmp_path / "domains", SOURCE.rstrip("\n") + end)).sources["shop.orders"]
    change = drift_change.change(orders, propose(orders, [FOUND]))
    assert change is not None
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "apply"], input=command._diff(change), text=True, check=True, cwd=tmp_path)
    assert orders.path.read_text() == change.after != change.before


def test_people_and_scripts_are_told_the_same(tmp_path: Path) -> None:
    orders = load_registry(write_shop(tmp_path / "domains")).sources["shop.orders"]
    proposals = propose(orders, [FOUND])
    change = drift_change.change(orders, proposals)
    assert change is not None
    text = io.StringIO()
    command._print(Console(file=text, width=200), proposals, [change], applied=True)
    shown = text.getvalue()
    for told in (
        '"Gift [note]"  7 files, 2 of them refused for it, 1,200 rows with a value',
        "since 2026-11-20 12:00:00 UTC, batch 3: shop/orders/a.csv and 6 more files",
        f'such as "[bold]", "{"x" * 39}…"',
        "→ a new column gift_note varchar(256)",
        "+      - name: gift_note",
        "orders.yaml written",
        "lakehouse contract check",
    ):
        assert told in shown
    as_json = command._as_json(proposals, [change], applied=True)
    assert as_json["columns"][0]["proposal"]["column"] == "gift_note"
    assert as_json["columns"][0]["samples"] == list(FOUND.samples)
    assert "+      - name: gift_note" in as_json["changes"][0]["diff"]
