"""The text of a cell: the order of what is done to it, and what no cell can do, whatever its contract."""

from __future__ import annotations

import random
import time

import pytest

from lakehouse.cell_text import CellText
from lakehouse.contract import Column, load_registry
from tests.support.hostile_cells import long_cells, short_cells

SOURCES = load_registry().sources
COLUMNS = [(dataset, column) for dataset, contract in SOURCES.items() for column in contract.columns]
NAMES = [f"{dataset}.{column.name}" for dataset, column in COLUMNS]


@pytest.mark.parametrize(
    ("dataset", "column", "cell", "text"),
    [
        ("storefront.users", "user_id", "user:", None),
        ("storefront.users", "user_id", "user: 42", "42"),
        ("storefront.users", "user_id", "user:null", None),
        ("storefront.users", "user_id", "uid-n/a", None),
        ("storefront.users", "user_id", "uid-user:7", "7"),
        ("storefront.users", "user_id", "uid", "uid"),
        ("storefront.users", "full_name", "&nbsp;", None),
        ("storefront.users", "full_name", "&#32;x", "x"),
        ("storefront.users", "full_name", "&#110;/a", None),
        ("storefront.users", "full_name", "Ada&#0;Bo", "Ada&#0;Bo"),
        ("storefront.users", "full_name", "&#x0;", "&#x0;"),
        ("storefront.users", "full_name", "&#1114112;", "&#1114112;"),
        ("storefront.users", "full_name", "&#xd83d;", "&#xd83d;"),
        ("storefront.users", "full_name", "&#128512;", "😀"),
        ("storefront.users", "full_name", "&#150;", "\u2013"),
        ("storefront.users", "full_name", "A &amp;amp; B", "A & B"),
        ("storefront.users", "full_name", "AT&amp", "AT&amp"),
        ("storefront.users", "full_name", "&copy; O&apos;Neill &check;", "© O'Neill ✓"),
        ("storefront.users", "full_name", "CafÃƒÂ©", "Café"),
        ("storefront.users", "full_name", "\u0085Ada\u2028\u2029\u3000", "Ada"),
        ("storefront.users", "email", "n/a", None),
        ("storefront.users", "email", "Ada <MAILTO:ada@EX.org >", "ada@ex.org"),
        ("retail.customers", "phone", "n/a", None),
        ("retail.customers", "phone", "0049\u00a0(0)170/12-34", "+491701234"),
        ("retail.order_items", "discount_rate", "1,5 %", "1,5 %"),
        ("retail.order_items", "discount_rate", "15\u202f%", "0.15"),
        ("storefront.transactions", "amount", "1.234,50\u00a0€", "1234.50"),
    ],
)
def test_a_cell_is_read_in_order(dataset: str, column: str, cell: str, text: str | None) -> None:
    assert CellText(SOURCES[dataset].column(column))(cell) == text


@pytest.mark.parametrize(("dataset", "column"), COLUMNS, ids=NAMES)
def test_a_text_is_read_as_itself_and_holds_no_character_that_intake_refuses(dataset: str, column: Column) -> None:
    read = CellText(column)
    for cell in short_cells(column, random.Random(dataset), 400):
        text = read(cell)
        assert text is None or (text and read(text) == text), cell
        assert text is None or not set(text) & {"\x00", *map(chr, range(0xD800, 0xE000))}, cell


# One of all columns that read their cells alike.
KINDS = {(c.type, c.repairs, c.prefixes, c.pattern): (dataset, c) for dataset, c in COLUMNS}


@pytest.mark.parametrize(("dataset", "column"), KINDS.values(), ids=[f"{d}.{c.name}" for d, c in KINDS.values()])
def test_a_cell_of_4_mib_costs_no_more_than_looking_at_it(dataset: str, column: Column) -> None:
    read = CellText(column)
    for cell in long_cells():
        before = time.process_time()
        text = read(cell)
        if text is not None:
            read.mismatches(text)
        assert time.process_time() - before < 0.5, cell[:10]
        assert len(text or "") <= read.bound + 1
        assert text is None or column.type.length is None or len(text.encode()) > column.type.length
