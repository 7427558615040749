"""Each defect of a value makes of any sound cell what it claims, by the words of the contract."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.defects import DEFECTS
from datagen.defects.model import Cell, ValueDefect
from datagen.defects.patterns import flat, kept, written
from datagen.text import spell
from lakehouse.contract import EPOCH_FORMATS, Column, SourceContract, load_registry
from tests.support.contract_oracle import read_cell

SOURCES = load_registry().sources
VALUE_DEFECTS = [defect for defect in DEFECTS.values() if isinstance(defect, ValueDefect)]
EXAMPLES = 100
SEEDS = 12

WORDS = st.sampled_from(
    [
        "Café & Bar",
        "Jürgen Müller",
        "Crème <brûlée>",
        "Lamp 12",
        "Łódź",
        "città",
        "O'Neill",
        "Señor 5",
        "山田 太郎",
        "Toys",
    ]
)
IDS = st.from_regex(r"[a-z][0-9]{4}-[0-8][0-9]{7}", fullmatch=True)
TEXTS = st.one_of(WORDS, IDS, st.text(string.ascii_letters + "äéß ø-.,'&", max_size=30))


def typed_values(column: Column) -> st.SearchStrategy[object]:
    """Values of the column's type within its bounds, the usual ones more often."""
    match column.type.kind:
        case "decimal":
            places = column.type.scale or 0
            return numbers(column, places).map(lambda number: Decimal(number).scaleb(-places))
        case "smallint" | "integer" | "bigint":
            return numbers(column, 0)
        case "boolean":
            return st.booleans()
        case "date":
            return st.dates(datetime(1930, 1, 1).date(), datetime(2060, 1, 1).date())
        case "timestamp":
            seconds = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)).map(lambda at: at.replace(microsecond=0))
            return st.one_of(seconds, seconds.map(lambda at: at.replace(second=0)))
    return text_values(column)


def numbers(column: Column, places: int) -> st.SearchStrategy[int]:
    """In units of the last place: any, few, and thousands."""
    bits = {"smallint": 15, "integer": 31, "bigint": 63}
    top = (1 << bits[column.type.kind]) - 1 if column.type.kind in bits else 10 ** (column.type.precision or 0) - 1
    unit = 10**places
    low = int(column.minimum * unit) if column.minimum is not None else -top
    high = int(column.maximum * unit) if column.maximum is not None else top
    some = st.one_of(st.integers(0, 12), st.integers(1_000, 30_000)).map(lambda number: number * unit)
    return st.one_of(st.integers(low, high), some.filter(lambda number: low <= number <= high))


def text_values(column: Column) -> st.SearchStrategy[str]:
    if column.values:
        return st.sampled_from(column.values)
    if column.synonyms:
        return st.sampled_from([*sorted(set(column.synonyms.values())), "CZ", "BR"])
    if "email" in column.repairs:
        return st.from_regex(r"[a-z]{1,9}\.[a-zA-Z0-9]{1,9}@[a-z]{1,9}\.(com|org|example)", fullmatch=True)
    if column.pattern is not None:
        return st.from_regex(column.pattern, fullmatch=True)
    return TEXTS


@st.composite
def sound_cells(draw: st.DrawFn, column: Column) -> str | None:
    """The text of a value that the contract reads as just that value."""
    if not column.required and draw(st.integers(0, 9)) == 0:
        return None
    return draw(typed_values(column).map(spell).filter(lambda text: is_sound(column, text)))


def is_sound(column: Column, text: str | None) -> bool:
    reading = read_cell(text, column)
    return not reading.violations and spell(reading.value) == text


def usual_texts(column: Column) -> Iterator[str | None]:
    """Such as every column has, whatever its type; those that it cannot have are for the caller to leave out."""
    scale = column.type.scale or 0
    yield from (None, "Café & Bar", "u0007-00000012", "ana.b@shop.example", "+491701234567", "true", "false")
    yield from ("2026-01-03", "2026-01-03T00:00:00Z", "2025-11-30T10:15:30Z")
    yield from (f"{Decimal(number):.{scale}f}" for number in (1, 7, 1_250, "0.15"))
    yield from dict.fromkeys([*column.values, *column.synonyms.values(), "BR", "br"])


def fitting(defect: ValueDefect) -> list[tuple[SourceContract, Column]]:
    return [
        (contract, column)
        for contract in SOURCES.values()
        for column in contract.columns
        if defect.fits(column, contract)
    ]


def spoilt(defect: ValueDefect, column: Column, text: str | None, seed: int) -> Cell | None:
    """The cell that a defect makes, after comparing it with what the contract says of its text."""
    cell, again = (defect.spoil(random.Random(seed), column, text) for _ in range(2))
    assert cell == again, "the same chance spoils alike"
    if cell is None:
        return None
    assert bool(cell.violations) is not defect.recoverable, cell
    reading = read_cell(cell.delivered, column)
    assert reading.violations == set(cell.violations) - {f"{column.name}_orphan"}, (column.name, text, cell)
    if not cell.violations:
        assert spell(reading.value) == cell.value, (column.name, text, cell)
        assert cell.value == text or column.key_position is None, "a row under another key is another row"
    return cell


@pytest.mark.parametrize("defect", VALUE_DEFECTS, ids=lambda defect: defect.name)
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_a_cell_leads_to_what_its_defect_declares(defect: ValueDefect, data: st.DataObject, seed: int) -> None:
    contract, column = data.draw(st.sampled_from(fitting(defect)))
    spoilt(defect, column, data.draw(sound_cells(column), label=f"{contract.dataset}.{column.name}"), seed)


@pytest.mark.parametrize("defect", VALUE_DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_spoils_every_column_that_it_fits(defect: ValueDefect) -> None:
    columns = fitting(defect)
    assert columns, "it fits no column of any contract"
    for contract, column in columns:
        texts = [text for text in usual_texts(column) if is_sound(column, text)]
        cells = [(text, spoilt(defect, column, text, seed)) for text in texts for seed in range(SEEDS)]
        assert any(cell is not None and cell.delivered != text for text, cell in cells), (
            f"it makes nothing of {contract.dataset}.{column.name}"
        )


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][XXX]", "2026-03-04T05:06:07.000000Z"),
        ("yyyyMMdd'T'HHmmss[XXX]", "20260304T050607Z"),
        ("d/M/yyyy H:mm", "4/3/2026 5:06"),
        ("dd.MM.yyyy 'um' HH:mm:ss.SSS", "04.03.2026 um 05:06:07.000"),
        ("yyyy''MM''dd", "2026'03'04"),
    ],
)
def test_an_instant_is_written_by_its_pattern(pattern: str, text: str) -> None:
    assert written(flat(pattern, lambda: True), datetime(2026, 3, 4, 5, 6, 7)) == text


@pytest.mark.parametrize("pattern", ["yyyy-MM-dd QQ", "MM-dd", "yyyy-MM-dd[", "yy-MM-dd", "yyyy-MM-dd'"])
def test_a_pattern_that_is_not_understood_is_not_guessed(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be written|names no day"):
        written(pattern, datetime(2026, 3, 4))


def test_what_a_pattern_leaves_out_is_lost() -> None:
    at = datetime(2026, 3, 4, 5, 6, 7)
    assert kept("yyyy-MM-dd", at) == datetime(2026, 3, 4)
    assert kept("yyyy-MM-dd HH:mm", at) == datetime(2026, 3, 4, 5, 6)


def test_every_format_of_every_contract_comes_up() -> None:
    date_format, chance = DEFECTS["date_format"], random.Random(1)
    assert isinstance(date_format, ValueDefect)
    at = datetime(2026, 3, 4, 5, 6)
    for _, column in fitting(date_format):
        text = spell(at if column.type.kind == "timestamp" else at.date())
        cells = {cell.delivered for cell in (date_format.spoil(chance, column, text) for _ in range(400)) if cell}
        for form in column.formats:
            wanted = (
                {written(flat(form, lambda: False), at)}
                if form not in EPOCH_FORMATS
                else {"1772600760", "1772600760000"}
            )
            assert cells & wanted, (column.name, form)


@pytest.mark.parametrize(
    ("defect", "dataset", "column", "rule"),
    [
        ("bad_pattern", "storefront.users", "email", "pattern_mismatch"),
        ("negative_number", "storefront.transactions", "quantity", "below_minimum"),
        ("above_maximum", "retail.order_items", "discount_rate", "above_maximum"),
    ],
)
def test_what_a_column_only_warns_of_refuses_no_row(defect: str, dataset: str, column: str, rule: str) -> None:
    contract, spoiling = SOURCES[dataset], DEFECTS[defect]
    assert isinstance(spoiling, ValueDefect)

    def cells(judged: Column) -> list[Cell | None]:
        text = {"email": "ada@example.com", "quantity": "3", "discount_rate": "0.5"}[column]
        tries = range(20) if spoiling.fits(judged, contract) else ()
        return [spoiling.spoil(random.Random(seed), judged, text) for seed in tries]

    found = contract.column(column)
    assert any(cells(found))
    assert not any(cells(replace(found, warnings=(rule,))))
