"""Changes to a contract's text: what is added, and that everything else stays as it was written."""

from __future__ import annotations

import difflib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contract import SourceContract, load_registry
from lakehouse.contract.edit import EditError, add_alias, add_column, raise_minor_version, scalar
from tests.support.contracts import SOURCE

COLUMN = ["name: size", "logicalType: string", "physicalType: varchar(8)", "description: A size."]
CONTRACTS = sorted(load_registry().sources.values(), key=lambda contract: contract.dataset)


def added(before: str, after: str) -> list[str]:
    """The lines that are new; no line may be gone."""
    difference = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    assert [line for line in difference if line.startswith("- ")] == []
    return [line[2:] for line in difference if line.startswith("+ ")]


def test_a_column_stands_after_the_others() -> None:
    assert added(SOURCE, add_column(SOURCE, COLUMN)) == [
        "      - name: size",
        "        logicalType: string",
        "        physicalType: varchar(8)",
        "        description: A size.",
    ]


def test_what_follows_the_columns_stays_behind_them() -> None:
    rest = "\n    # About the table.\n    tags: [shop]  # a word\n# The end.\n"
    before = SOURCE + rest
    after = add_column(before, COLUMN)
    assert len(added(before, after)) == 4
    assert after.endswith(
        "        description: A size.\n\n    # About the table.\n    tags: [shop]  # a word\n# The end.\n"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_line_ends_stay_what_they_are(end: str) -> None:
    before = SOURCE.rstrip("\n").replace("\n", end or "\n") + end
    after = add_alias(add_column(before, COLUMN), "status", "state")
    assert after.count("\n") == before.count("\n") + 5
    assert after.count("\r") == (after.count("\n") if end == "\r\n" else 0)
    assert after.endswith(f"A size.{end}")


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [
        ("order_id", "synonyms: [{synonym: OrderId}]", "synonyms: [{synonym: OrderId}, {synonym: Order No}]"),
        (
            "status",
            "        description: Its state.\n",
            "        description: Its state.\n        synonyms: [{synonym: Order No}]\n",
        ),
    ],
)
def test_an_alias_joins_the_others_or_begins_a_list(column: str, before: str, after: str) -> None:
    assert before in SOURCE
    assert add_alias(SOURCE, column, "Order No") == SOURCE.replace(before, after, 1)


def test_an_alias_joins_a_list_of_lines_and_an_empty_one() -> None:
    lines = "synonyms:\n          # The old till's.\n          - {synonym: OrderId}\n"
    source = SOURCE.replace("synonyms: [{synonym: OrderId}]\n", lines)
    assert add_alias(source, "order_id", "No") == source.replace(lines, f'{lines}          - {{synonym: "No"}}\n')
    empty = SOURCE.replace("[{synonym: OrderId}]", "[]")
    assert "synonyms: [{synonym: nr}]" in add_alias(empty, "order_id", "nr")


def test_an_alias_of_the_last_column_whose_last_value_stands_elsewhere() -> None:
    before = next(contract for contract in CONTRACTS if contract.dataset == "storefront.users").path.read_text()
    assert before.endswith("value: *instants}\n")
    assert len(added(before, add_column(before, COLUMN))) == 4


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("synonyms: [{synonym: OrderId}]", "synonyms: *names"),
        ("    properties:\n", "    properties: [{name: a, description: b}]\n    unused:\n"),
    ],
)
def test_what_cannot_be_added_to_is_said(before: str, after: str) -> None:
    source = SOURCE.replace("status: active", "status: active\ntags: &names [{synonym: x}]").replace(before, after)
    with pytest.raises(EditError, match="line "):
        add_alias(add_column(source, COLUMN), "order_id", "x")


def test_the_version_is_the_next_minor_one() -> None:
    assert "version: 1.1.0\n" in raise_minor_version(SOURCE)
    assert 'version: "2.10.0" # old' in raise_minor_version(SOURCE.replace("1.0.0", '"2.9.7" # old'))


@given(st.text(min_size=1))
def test_any_text_can_be_an_alias(alias: str) -> None:
    assert yaml.safe_load(f"[{{synonym: {scalar(alias)}}}]") == [{"synonym": alias}]
    assert "\n" not in scalar(alias)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.dataset)
def test_every_contract_of_the_project_can_be_added_to(contract: SourceContract) -> None:
    text = contract.path.read_text()
    changed = add_column(raise_minor_version(text), COLUMN)
    for column in contract.columns:
        changed = add_alias(changed, column.name, f"another {column.name}")
    names = [item["name"] for item in yaml.safe_load(changed)["schema"][0]["properties"]]
    assert names == [*contract.column_names, *(derived.column.name for derived in contract.derived), "size"]
    for item in yaml.safe_load(changed)["schema"][0]["properties"][: len(contract.columns)]:
        assert item["synonyms"][-1] == {"synonym": f"another {item['name']}"}
    kept = [line for line in text.splitlines() if "synonyms: [" not in line and not line.startswith("version:")]
    assert [line for line in kept if line not in changed.splitlines()] == []
