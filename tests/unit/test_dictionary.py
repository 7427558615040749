"""The data dictionary that contracts become."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse import dictionary
from lakehouse.contract import ColumnSource, load_registry
from tests.support.contracts import GOLD, write_shop

COMMITTED = Path(__file__).parents[2] / "docs/dictionary"
REGISTRY = load_registry()
PAGES = dictionary.pages(REGISTRY)


def test_the_committed_pages_say_what_the_contracts_say() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in COMMITTED.iterdir()}
    assert committed == dict(PAGES), "run: make dictionary"


def test_every_table_and_column_has_its_place() -> None:
    for contract in (*REGISTRY.sources.values(), *REGISTRY.gold.values()):
        page = PAGES[f"{contract.domain}.md"]
        _, _, section = page.partition(f"\n### {contract.name}\n")
        section = section.partition("\n### ")[0]
        rows = re.findall(r"^\| `(\w+)` \| \w", section, flags=re.MULTILINE)
        assert rows[: len(contract.columns)] == list(contract.column_names)
        assert f"[{contract.name}]({contract.domain}.md#{contract.name})" in PAGES[dictionary.INDEX]


def test_every_view_has_its_place() -> None:
    for view in REGISTRY.views.values():
        _, _, section = PAGES[f"{view.domain}.md"].partition(f"\n### {view.name}\n")
        section = section.partition("\n### ")[0]
        assert view.description in section
        assert view.select in section
        assert "**made from**: [" in section, "it reads a table that the page does not know"
        assert f"[{view.name}]({view.domain}.md#{view.name})" in PAGES[dictionary.INDEX]


def test_every_link_leads_to_a_heading() -> None:
    headings = {name: set(re.findall(r"^#+ (\S+)$", text, flags=re.MULTILINE)) for name, text in PAGES.items()}
    for name, text in PAGES.items():
        links = re.findall(r"\]\(([\w.]*)#(\w+)\)", text)
        assert [link for link in links if link[1] not in headings[link[0] or name]] == []


def test_lineage_is_told_from_both_ends() -> None:
    page = PAGES["storefront.md"]
    source, gold = page.split("\n## Gold\n")
    amount = next(line for line in source.splitlines() if line.startswith("| `amount` |"))
    assert "[daily_revenue.net_amount](#daily_revenue)" in amount
    net = next(line for line in gold.splitlines() if line.startswith("| `net_amount` |"))
    assert "[transactions.amount](#transactions)<br>[transactions.status](#transactions)" in net
    assert "[fact_invoice_line.invoice_line_key](#fact_invoice_line)" in PAGES["online_retail.md"]


def test_a_source_of_another_domain_is_linked_to_its_page() -> None:
    table = REGISTRY.gold["storefront.dim_user"]
    user_key = replace(table.columns[0], sources=(ColumnSource("retail.customers", "customer_id"),))
    changed = replace(table, columns=(user_key, *table.columns[1:]))
    pages = dictionary.pages(replace(REGISTRY, gold={**REGISTRY.gold, table.dataset: changed}))
    assert "[retail.customers.customer_id](retail.md#customers)" in pages["storefront.md"]
    assert "[storefront.dim_user.user_key](storefront.md#dim_user)" in pages["retail.md"]


def test_a_personal_column_tells_that_redshift_holds_a_token_and_who_has_the_clear_value() -> None:
    page = dictionary.pages(REGISTRY)["storefront.md"]
    table = page[page.index("### dim_user") :]
    (email,) = [line for line in table.splitlines() if line.startswith("| `email`")]
    assert "| varchar(254)<br>in Redshift a token | personal |" in email
    assert "in clear in `private_storefront.dim_user`" in table
    assert "private_" not in page.partition("### dim_date")[2].partition("### ")[0]


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ("Either a|b or <c>.", r"Either a\|b or \<c>."),
        ("Of _this_ and user_id, *that*.", r"Of \_this\_ and user_id, \*that\*."),
        ("As `code`, [1].", r"As \`code\`, \[1\]."),
    ],
)
def test_words_of_a_contract_are_shown_as_they_are(tmp_path: Path, description: str, shown: str) -> None:
    text = GOLD.replace("description: The day.", f"description: '{description}'")
    assert f"| {shown} |" in dictionary.pages(load_registry(write_shop(tmp_path, gold=text)))["shop.md"]
