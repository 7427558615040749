"""The score of a small shop: perfect, then with one thing wrong at a time, each found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.contract import Registry
from lakehouse.score import Difference, Score, Truth, TruthError, compare
from tests.support.score import AT, Shop, one, registry, without

Change = Callable[[Shop], None]


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return registry(tmp_path_factory.mktemp("contracts"))


@pytest.fixture
def shop(contracts: Registry) -> Shop:
    return Shop(contracts.sources["shop.orders"])


def scored(shop: Shop, contracts: Registry, out: Path) -> Score:
    return compare(Truth.find(shop.write_truth(out)), contracts, shop.read)


def test_a_lake_that_did_everything_right_is_perfect(shop: Shop, contracts: Registry, tmp_path: Path) -> None:
    score = scored(shop, contracts, tmp_path)
    assert score.differences == ()
    assert score.is_perfect
    total = score.total
    assert (total.files.expected, total.files.seen, total.files.right) == (6, 6, 6)
    assert (total.files.refusals.true_positives, total.rows.violations.true_positives) == (3, 2)
    assert (total.rows.rows, total.rows.listed, total.rows.listed_right) == (8, 6, 6)
    assert (total.rows.duplicates, total.rows.superseded, total.silver.expected) == (1, 1, 5)
    assert {(defect.defect, defect.instances, defect.right) for defect in score.defects} == {
        ("semicolons", 1, 1),
        ("empty_file", 1, 1),
        ("no_id", 1, 1),
        ("words", 1, 1),
        ("repeated", 2, 2),
        ("comma", 1, 1),
    }


def swap_rivals(shop: Shop) -> None:
    one(shop.silver, order_id="A-4")["_row"] = 5
    one(shop.history, _file_id="id-a", _row=5)["_row"] = 4


def swap_twins(shop: Shop) -> None:
    """The lake read the copy first."""
    one(shop.ledger, file_id="id-b").update(verdict="duplicate_content", rows_parsed=0)
    one(shop.ledger, file_id="id-copy").update(verdict="accepted", rows_parsed=1)
    one(shop.silver, _file_id="id-b")["_file_id"] = "id-copy"


def leave_out_optional_files(shop: Shop) -> None:
    for pattern, name in (("a.csv", "replaced.csv"), ("day=1/empty.csv", "replaced too.csv")):
        optional = {"file": name, "content_hash": name, "is_optional": True, "defects": ["overwritten"]}
        shop.files.append({**one(shop.files, file=pattern), **optional})


def deliver_without_defects(shop: Shop) -> None:
    """Nothing is listed, so the truth has no expected_rows at all."""
    shop.rows.clear()
    shop.history.clear()
    shop.quarantine.clear()
    shop.files[0]["rows"] = shop.ledger[0]["rows_parsed"] = 4
    for row, name in enumerate(("A-2", "A-4", "A-6"), start=2):
        one(shop.silver, order_id=name, line=1)["_row"] = row
    shop.truth.append({**one(shop.truth, order_id="A-6"), "order_id": "A-1", "line": 2})
    shop.silver.append({**shop.truth[-1], "_file_id": "id-a", "_row": 1})


@pytest.mark.parametrize("change", [swap_rivals, swap_twins, leave_out_optional_files, deliver_without_defects])
def test_what_nobody_can_know_beforehand_is_not_held_against_the_lake(
    shop: Shop, contracts: Registry, tmp_path: Path, change: Change
) -> None:
    change(shop)
    score = scored(shop, contracts, tmp_path)
    assert score.differences == ()
    assert score.is_perfect
    assert score.total.files.refusals.recall == 1.0
    assert [defect for defect in score.defects if defect.wrong] == []


def let_a_bad_row_through(shop: Shop) -> None:
    without(shop.quarantine, file_id="id-a", status="open")
    shop.silver.append({**one(shop.silver, order_id="A-6"), "order_id": None, "_row": 3})


def let_no_rival_win(shop: Shop) -> None:
    without(shop.silver, order_id="A-4")
    shop.history.append({"_file_id": "id-a", "_row": 4, "_fate": "duplicate"})


def refuse_a_good_file(shop: Shop) -> None:
    one(shop.ledger, file_id="id-b").update(verdict="quarantined", reason="undecodable")
    without(shop.silver, _file_id="id-b")


def lose_the_last_row(shop: Shop) -> None:
    one(shop.ledger, file_id="id-a").update(rows_parsed=5)
    without(shop.silver, order_id="A-6")


@dataclass(frozen=True)
class Case:
    """One thing that the lake got wrong: what is told of it, which figures it moves, which defects it spoils."""

    name: str
    change: Change
    told: tuple[Difference, ...]
    moved: dict[str, object]
    spoilt: tuple[str, ...] = ()


def _told(measure: Any, expected: str, found: str, file: str | None = "a.csv", **other: Any) -> Difference:
    ids = {"a.csv": "id-a", "b.csv": "id-b", "day=1/empty.csv": "id-empty", "_part.csv": "id-part"}
    return Difference(measure, "shop.orders", expected, found, file, other.pop("file_id", ids.get(file or "")), **other)


CASES = (
    Case(
        "a cell changed",
        lambda shop: one(shop.silver, order_id="A-6").update(amount=Decimal("650.00")),
        (
            _told(
                *("silver", "6.50", "650.00"),
                row=6,
                key='order_id="A-6", line=1',
                column="amount",
                delivered="6,50",
                defects=("comma",),
            ),
        ),
        {"silver.different": 1, "silver.cells": {"amount": 1}},
        ("comma",),
    ),
    Case(
        "a personal cell changed",
        lambda shop: one(shop.silver, order_id="A-2", line=1).update(email="someone@else.example"),
        (_told("silver", "(personal)", "(personal)", row=2, key='order_id="A-2", line=1', column="email"),),
        {"silver.different": 1, "silver.cells": {"email": 1}},
        ("semicolons",),
    ),
    Case(
        "an instant off by a microsecond",
        lambda shop: one(shop.silver, order_id="A-2", line=None).update(placed_at=AT.replace(microsecond=678900)),
        (
            _told(
                *("silver", "2026-01-02 03:04:05.678901", "2026-01-02 03:04:05.6789"),
                file="b.csv (delivery 2)",
                file_id="id-b2",
                row=1,
                key='order_id="A-2", line=null',
                column="placed_at",
            ),
        ),
        {"silver.different": 1, "silver.cells": {"placed_at": 1}},
    ),
    Case(
        "a row deleted from silver",
        lambda shop: without(shop.silver, order_id="A-2", line=1),
        (
            _told("row", "silver", "nowhere", row=2),
            _told("silver", "a row in silver", "no row with this key", file=None, key='order_id="A-2", line=1'),
        ),
        {"silver.missing": 1, "rows.unlisted_wrong": 1},
        ("semicolons",),
    ),
    Case(
        "a row too many in silver",
        lambda shop: shop.silver.append({**one(shop.silver, order_id="A-2", line=1), "order_id": "A-9", "_row": 7}),
        (
            _told("row", "no such row", "silver", row=7),
            _told("silver", "no row with this key", "a row in silver", row=7, key='order_id="A-9", line=1'),
        ),
        {"silver.extra": 1, "rows.unlisted_wrong": 1},
        ("semicolons",),
    ),
    Case(
        "a key twice in silver",
        lambda shop: shop.silver.append({**one(shop.silver, order_id="A-2", line=1)}),
        (
            _told("row", "silver", "silver and silver", row=2),
            _told("silver", "one row with this key", "another row in silver", row=2, key='order_id="A-2", line=1'),
        ),
        {"silver.extra": 1, "rows.unlisted_wrong": 1},
        ("semicolons",),
    ),
    Case(
        "a reason swapped",
        lambda shop: one(shop.quarantine, file_id="id-a", status="open").update(
            violations='[{"rule":"amount_below_minimum"},{"rule":"order_id_missing"}]'
        ),
        (
            _told(
                *("row", "quarantined (amount_malformed, order_id_missing)"),
                "quarantined (amount_below_minimum, order_id_missing)",
                row=3,
                defects=("no_id", "words"),
            ),
        ),
        {"rows.violations": (1, 1, 1)},
        ("no_id", "words"),
    ),
    Case(
        "a violation too many",
        lambda shop: one(shop.quarantine, file_id="id-a", status="open").update(
            violations='[{"rule":"amount_malformed"},{"rule":"order_id_missing"},{"rule":"placed_at_malformed"}]'
        ),
        (
            _told(
                *("row", "quarantined (amount_malformed, order_id_missing)"),
                "quarantined (amount_malformed, order_id_missing, placed_at_malformed)",
                row=3,
                defects=("no_id", "words"),
            ),
        ),
        {"rows.violations": (2, 1, 0)},
        ("no_id", "words"),
    ),
    Case(
        "a row refused that is good",
        lambda shop: one(shop.quarantine, status="replayed").update(status="open"),
        (_told("row", "silver", "quarantined and silver (amount_malformed)", row=2),),
        {"rows.unlisted_wrong": 1, "rows.violations": (2, 1, 0)},
        ("semicolons",),
    ),
    Case(
        "a bad row let through",
        let_a_bad_row_through,
        (
            _told(
                *("row", "quarantined (amount_malformed, order_id_missing)", "silver"),
                row=3,
                defects=("no_id", "words"),
            ),
            _told(
                *("silver", "no row with this key", "a row in silver"),
                row=3,
                key="order_id=null, line=1",
                defects=("no_id", "words"),
            ),
        ),
        {"silver.extra": 1, "rows.violations": (0, 0, 2), "rows.listed_right": 5},
        ("no_id", "words"),
    ),
    Case(
        "another fate",
        lambda shop: one(shop.history, _file_id="id-a", _row=1).update(_fate="duplicate"),
        (_told("row", "superseded", "duplicate", row=1),),
        {"rows.duplicates": 2, "rows.superseded": 0, "rows.listed_right": 5},
    ),
    Case(
        "two rivals of which none won",
        let_no_rival_win,
        (
            _told("row", "silver", "duplicate", row=4, defects=("repeated",)),
            _told("silver", "a row in silver", "no row with this key", file=None, key='order_id="A-4", line=1'),
        ),
        {"rows.listed_right": 5, "rows.duplicates": 2, "silver.missing": 1},
        ("repeated",),
    ),
    Case(
        "a row under another number",
        lambda shop: one(shop.silver, order_id="A-2", line=1).update(_row=7),
        (_told("row", "silver", "nowhere", row=2), _told("row", "no such row", "silver", row=7)),
        {"rows.unlisted_wrong": 2},
        ("semicolons",),
    ),
    Case(
        "a rival lost",
        lambda shop: one(shop.silver, order_id="A-4").update(_row=40),
        (
            _told("row", "silver", "nowhere", row=4, defects=("repeated",)),
            _told("row", "no such row", "silver", row=40),
        ),
        {"rows.listed_right": 5, "rows.unlisted_wrong": 1},
        ("repeated", "semicolons"),
    ),
    Case(
        "another reason for a file",
        lambda shop: one(shop.ledger, file_id="id-empty").update(reason="no_header"),
        (
            _told(
                *("file", "quarantined: empty", "quarantined: no_header"),
                file="day=1/empty.csv",
                defects=("empty_file",),
            ),
        ),
        {"files.right": 5, "files.refusals": (2, 1, 1)},
        ("empty_file",),
    ),
    Case(
        "a bad file accepted",
        lambda shop: one(shop.ledger, file_id="id-part").update(verdict="accepted", reason=None, rows_parsed=1),
        (_told("file", "ignored: temporary_name", "accepted, 1 row", file="_part.csv"),),
        {"files.right": 5, "files.refusals": (2, 0, 1)},
    ),
    Case(
        "a good file refused",
        refuse_a_good_file,
        (
            _told("file", "accepted, 1 row", "quarantined: undecodable", file="b.csv"),
            _told("silver", "a row in silver", "no row with this key", file=None, key='order_id="A-1", line=1'),
        ),
        {"files.right": 5, "files.refusals": (3, 1, 0), "silver.missing": 1},
    ),
    Case(
        "a file never seen",
        lambda shop: without(shop.ledger, file_id="id-empty"),
        (
            _told(
                *("file", "quarantined: empty", "not in the ledger"),
                file="day=1/empty.csv",
                file_id=None,
                defects=("empty_file",),
            ),
        ),
        {"files.missing": 1, "files.seen": 5, "files.refusals": (2, 0, 1)},
        ("empty_file",),
    ),
    Case(
        "other bytes under the name",
        lambda shop: one(shop.ledger, file_id="id-empty").update(content_hash="of other bytes"),
        (
            _told(
                *("file", "quarantined: empty", "not in the ledger"),
                file="day=1/empty.csv",
                file_id=None,
                defects=("empty_file",),
            ),
        ),
        {"files.missing": 1},
        ("empty_file",),
    ),
    Case(
        "a row not parsed",
        lose_the_last_row,
        (
            _told("file", "accepted, 6 rows", "accepted, 5 rows", defects=("semicolons",)),
            _told("row", "silver", "nowhere", row=6, defects=("comma",)),
            _told("silver", "a row in silver", "no row with this key", file=None, key='order_id="A-6", line=1'),
        ),
        {"files.wrong_row_counts": 1, "files.right": 5, "rows.listed_right": 5},
        ("semicolons", "comma"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_thing_wrong_is_found_and_named(shop: Shop, contracts: Registry, tmp_path: Path, case: Case) -> None:
    case.change(shop)
    score = scored(shop, contracts, tmp_path)
    assert not score.is_perfect
    assert not score.total.is_perfect
    assert score.differences == case.told
    assert score.difference_count == len(case.told)
    for path, value in case.moved.items():
        measure, _, name = path.partition(".")
        found = getattr(getattr(score.total, measure), name)
        if isinstance(value, tuple):
            found = (found.true_positives, found.false_positives, found.false_negatives)
        assert (path, found) == (path, value)
    assert {defect.defect for defect in score.defects if defect.wrong} == set(case.spoilt)


def test_a_lake_in_which_nothing_was_ever_loaded_misses_everything(
    shop: Shop, contracts: Registry, tmp_path: Path
) -> None:
    score = compare(Truth.find(shop.write_truth(tmp_path)), contracts, lambda *_: None)
    assert (score.total.files.missing, score.total.silver.missing, score.difference_count) == (6, 5, 11)


def test_every_kind_of_difference_has_a_share_of_those_that_are_shown(
    shop: Shop, contracts: Registry, tmp_path: Path
) -> None:
    pattern = one(shop.files, file="day=1/empty.csv")
    shop.files += [{**pattern, "file": f"{number}.csv", "content_hash": f"{number}"} for number in range(50)]
    one(shop.silver, order_id="A-6")["amount"] = None
    score = scored(shop, contracts, tmp_path)
    assert [difference.measure for difference in score.differences] == ["file"] * 19 + ["silver"]
    assert score.difference_count == 51


def test_a_missing_truth_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="there is no truth in"):
        Truth.find(tmp_path)


def test_an_unfinished_truth_is_not_compared(shop: Shop, tmp_path: Path) -> None:
    about = shop.write_truth(tmp_path) / "_truth" / "about.json"
    about.write_text(about.read_text().replace("{", '{"complete": false, ', 1))
    with pytest.raises(TruthError, match="not complete"):
        Truth.find(tmp_path)
