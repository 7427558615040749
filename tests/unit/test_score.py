"""The score of a small shop: perfect, then with one thing wrong at a time, each found and named."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.cli import main as command
from lakehouse.contract import Registry
from lakehouse.score import Difference, Score, Truth, TruthError, compare
from lakehouse.score.matching import ExpectedFile, JudgedFile, match
from tests.support.score import AT, Shop, registry

Change = Callable[[Shop], None]


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return registry(tmp_path_factory.mktemp("contracts"))


@pytest.fixture
def shop(contracts: Registry) -> Shop:
    return Shop(contracts.sources["shop.orders"])


def scored(shop: Shop, contracts: Registry, out: Path) -> Score:
    return compare(Truth.find(shop.write_truth(out)), contracts, shop.read)


def one(rows: list[dict[str, Any]], **wanted: object) -> dict[str, Any]:
    """The row that has these values."""
    (found,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return found


def without(rows: list[dict[str, Any]], **unwanted: object) -> None:
    rows.remove(one(rows, **unwanted))


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


def leave_out_the_optional_file(shop: Shop) -> None:
    shop.files.append(
        {**one(shop.files, file="a.csv"), "file": "replaced.csv", "content_hash": "x", "is_optional": True}
    )


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


@pytest.mark.parametrize("change", [swap_rivals, swap_twins, leave_out_the_optional_file, deliver_without_defects])
def test_what_nobody_can_know_beforehand_is_not_held_against_the_lake(
    shop: Shop, contracts: Registry, tmp_path: Path, change: Change
) -> None:
    change(shop)
    score = scored(shop, contracts, tmp_path)
    assert score.differences == ()
    assert score.is_perfect


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
        lambda shop: (
            without(shop.quarantine, file_id="id-a", status="open"),
            shop.silver.append({**one(shop.silver, order_id="A-6"), "order_id": None, "_row": 3}),
        ),
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
        "both rivals lost",
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
        lambda shop: (
            one(shop.ledger, file_id="id-b").update(verdict="quarantined", reason="undecodable"),
            without(shop.silver, _file_id="id-b"),
        ),
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
        lambda shop: (one(shop.ledger, file_id="id-a").update(rows_parsed=5), without(shop.silver, order_id="A-6")),
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


# The command


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch, shop: Shop, contracts: Registry) -> None:
    """The command finds the shop's lake and contract."""
    monkeypatch.setattr("lakehouse.cli.score.connect", lambda: None)
    monkeypatch.setattr("lakehouse.cli.score._reader", lambda: shop.read)
    monkeypatch.setattr("lakehouse.cli.score._mention_batch_under_way", lambda _: None)
    monkeypatch.setattr("lakehouse.contract.load_registry", lambda: contracts)
    monkeypatch.setenv("COLUMNS", "200")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run `lakehouse score …` as the shell does, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["lakehouse", "score", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return int(ended.value.code or 0)


@pytest.mark.usefixtures("ready")
def test_the_command_ends_with_0_when_nothing_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shop: Shop, tmp_path: Path
) -> None:
    assert run(monkeypatch, shop.write_truth(tmp_path) / "_truth") == 0
    said = capsys.readouterr().out
    assert "nothing differs" in said
    assert "all 6 of 6 kinds of defect" in said
    assert "1.000" in said


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            CASES[0].change,
            [
                'shop.orders · a.csv · row 6 · key order_id="A-6", line=1 · amount: expected 6.50, found 650.00 '
                "(came as 6,50) [comma]",
                "lakehouse sql \"select * from lake_silver_shop.orders where _file_id = 'id-a' and _row = 6\"",
                "1 difference",
            ],
        ),
        (
            next(case.change for case in CASES if case.name == "a reason swapped"),
            [
                "shop.orders · a.csv · row 3: expected quarantined (amount_malformed, order_id_missing), "
                "found quarantined (amount_below_minimum, order_id_missing) [no_id, words]",
                "lakehouse quarantine show id-a",
                "0.500",
            ],
        ),
    ],
)
def test_the_command_ends_with_1_and_names_what_differs(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shop: Shop,
    tmp_path: Path,
    change: Change,
    lines: list[str],
) -> None:
    change(shop)
    assert run(monkeypatch, shop.write_truth(tmp_path)) == 1
    said = capsys.readouterr().out
    assert [line for line in lines if line not in said] == []


@pytest.mark.usefixtures("ready")
def test_json_holds_every_measure_and_no_personal_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shop: Shop, tmp_path: Path
) -> None:
    one(shop.silver, order_id="A-2", line=1)["email"] = "secret@example.org"
    assert run(monkeypatch, shop.write_truth(tmp_path), "--json") == 1
    said = capsys.readouterr().out
    assert "example" not in said
    result = json.loads(said)
    assert (result["is_perfect"], result["difference_count"], result["about"]["seed"]) == (False, 1, 7)
    assert result["datasets"][0]["silver"]["cells"] == result["total"]["silver"]["cells"] == {"email": 1}
    assert result["total"]["rows"]["violations"]["precision"] == 1.0
    assert result["differences"][0]["row"] == 2
    assert result["defects"][0] == {"defect": "semicolons", "level": "file", "instances": 1, "right": 0, "wrong": 1}


def _break_about(out: Path) -> None:
    (out / "_truth" / "about.json").write_text("{")


def _remove_files(out: Path) -> None:
    (out / "_truth" / "expected_files" / "0.parquet").unlink()


def _retype_silver(out: Path) -> None:
    path = out / "_truth" / "silver" / "orders" / "0.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.set_column(2, "amount", rows["amount"].cast(pa.string())), path)


def _double_silver(out: Path) -> None:
    folder = out / "_truth" / "silver" / "orders"
    pq.write_table(pq.read_table(folder / "0.parquet"), folder / "1.parquet")


def _rename_dataset(out: Path) -> None:
    path = out / "_truth" / "expected_files" / "0.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.set_column(0, "dataset", pa.array(["shop.other"] * len(rows))), path)


def _forget_a_file(out: Path) -> None:
    path = out / "_truth" / "expected_files" / "0.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_break_about, "about.json is not JSON"),
        (_remove_files, "holds no expected_files/*.parquet"),
        (_retype_silver, "amount is VARCHAR and should be DECIMAL(18,2)"),
        (_double_silver, "the truth of shop.orders holds 5 keys more than once"),
        (_rename_dataset, "the truth speaks of shop.other, of which there is no contract"),
        (_forget_a_file, "rows of files that expected_files lacks, such as shop.orders/a.csv"),
    ],
)
def test_a_truth_that_cannot_be_compared_is_a_mistake_of_use(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shop: Shop,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    sentence: str,
) -> None:
    spoil(shop.write_truth(tmp_path))
    assert run(monkeypatch, tmp_path) == 2
    said = capsys.readouterr()
    assert sentence.replace(" ", "") in "".join(said.err.replace("│", "").split())
    assert said.out == ""


def test_a_folder_without_truth_is_said_before_any_lake_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("lakehouse.cli.score.connect", lambda: pytest.fail("asked for a lake"))
    assert run(monkeypatch, tmp_path / "[nothing]") == 2
    assert "there is no truth in" in " ".join(capsys.readouterr().err.replace("│", "").split())


# Matching


def _wanted(file: str, verdict: str = "accepted", delivery: int = 1, content_hash: str = "h") -> ExpectedFile:
    reason = None if verdict in ("accepted", "duplicate_content") else "reason"
    return ExpectedFile("d.s", file, delivery, 10, content_hash, verdict, reason, 1, (), False)


def _found(file_id: str, key: str, verdict: str = "accepted", batch: int = 1, content_hash: str = "h") -> JudgedFile:
    reason = None if verdict in ("accepted", "duplicate_content") else "reason"
    return JudgedFile(file_id, "d.s", f"landing/d/s/{key}", content_hash, 10, verdict, reason, 1, batch, AT)


@pytest.mark.parametrize(
    ("expected", "judged", "matched"),
    [
        # A name is a whole path below some prefix, taken as it is.
        ([_wanted("a.csv")], [_found("1", "ba.csv"), _found("2", "p/q/a.csv")], ["2"]),
        ([_wanted("x=1/a b+%20é.csv")], [_found("1", "a b+%20é.csv"), _found("2", "p/x=1/a b+%20é.csv")], ["2"]),
        # Landed twice: the one with the expected verdict, else the earliest.
        ([_wanted("a")], [_found("1", "p/a", "duplicate_content"), _found("2", "q/a", batch=2)], ["2"]),
        ([_wanted("a", "quarantined")], [_found("2", "q/a", batch=2), _found("1", "p/a")], ["1"]),
        # The same name again with other bytes.
        (
            [_wanted("a"), _wanted("a", delivery=2, content_hash="i")],
            [_found("2", "a", batch=2, content_hash="i"), _found("1", "a")],
            ["1", "2"],
        ),
        # Twins of one delivery stand in for each other, those of different deliveries do not.
        (
            [_wanted("a"), _wanted("b", "duplicate_content")],
            [_found("1", "p/a", "duplicate_content"), _found("2", "p/b")],
            ["2", "1"],
        ),
        (
            [_wanted("a"), _wanted("b", "duplicate_content", delivery=2)],
            [_found("1", "p/a", "duplicate_content"), _found("2", "p/b", batch=2)],
            ["1", "2"],
        ),
        # A twin that is accepted twice is one too many, and one that is gone is gone.
        ([_wanted("a"), _wanted("b", "duplicate_content")], [_found("1", "a"), _found("2", "b")], ["1", "2"]),
        ([_wanted("a"), _wanted("b", "duplicate_content")], [_found("2", "p/b")], ["2", None]),
        # Bytes that were never read have no hash; then their number decides.
        ([_wanted("_a", "ignored")], [_found("1", "_a", "ignored", content_hash="")], ["1"]),
        ([_wanted("_a", "ignored")], [_found("1", "_a", "ignored", content_hash="other")], [None]),
    ],
)
def test_files_are_matched_by_name_and_bytes(
    expected: list[ExpectedFile], judged: list[JudgedFile], matched: list[str | None]
) -> None:
    assert [file and file.file_id for file in match(expected, judged)] == matched


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_batch_of_twins_is_matched_whatever_order_the_lake_read_it_in(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 8))
    expected = [_wanted(f"{n}.csv", "accepted" if n == 0 else "duplicate_content") for n in range(count)]
    first = data.draw(st.integers(0, count - 1))
    judged = [_found(str(n), f"{n}.csv", "accepted" if n == first else "duplicate_content") for n in range(count)]
    found = match(expected, data.draw(st.permutations(judged)))
    assert sorted(file.file_id for file in found if file) == sorted(file.file_id for file in judged)
    assert [file.verdict for file in found if file] == [file.verdict for file in expected]


def test_a_missing_truth_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="there is no truth in"):
        Truth.find(tmp_path)
