"""`lakehouse score` as its users meet it: exit codes, what is printed, a truth that cannot be compared."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.cli import main as command
from lakehouse.contract import Registry
from tests.support.score import Shop, one, registry


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return registry(tmp_path_factory.mktemp("contracts"))


@pytest.fixture
def shop(contracts: Registry) -> Shop:
    return Shop(contracts.sources["shop.orders"])


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch, shop: Shop, contracts: Registry) -> None:
    """The command finds the shop's lake and contract."""
    monkeypatch.setattr("lakehouse.cli.score.connect", lambda: SimpleNamespace(redshift=lambda: None))
    monkeypatch.setattr("lakehouse.cli.score._reader", lambda: shop.read)
    monkeypatch.setattr("lakehouse.cli.score.has_books", lambda _: True)
    monkeypatch.setattr("lakehouse.cli.score.batch_under_way", lambda _: None)
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


def change_a_cell(shop: Shop) -> None:
    one(shop.silver, order_id="A-6")["amount"] = Decimal("650.00")


def swap_a_reason(shop: Shop) -> None:
    swapped = '[{"rule":"amount_below_minimum"},{"rule":"order_id_missing"}]'
    one(shop.quarantine, file_id="id-a", status="open")["violations"] = swapped


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            change_a_cell,
            [
                'shop.orders · a.csv · row 6 · key order_id="A-6", line=1 · amount: expected 6.50, found 650.00 '
                "(came as 6,50) [comma]",
                "lakehouse sql \"select * from lake_silver_shop.orders where _file_id = 'id-a' and _row = 6\"",
                "1 difference",
            ],
        ),
        (
            swap_a_reason,
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
    change: Callable[[Shop], None],
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


@pytest.mark.usefixtures("ready")
def test_a_lake_that_is_still_at_work_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shop: Shop, tmp_path: Path
) -> None:
    monkeypatch.setattr("lakehouse.cli.score.batch_under_way", lambda _: 7)
    shop.silver.clear()
    assert run(monkeypatch, shop.write_truth(tmp_path)) == 1
    assert "batch 7 is still on its way" in capsys.readouterr().err


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
