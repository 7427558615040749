"""What is proposed for columns that no contract knows, and what becomes of the contract's file."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from lakehouse import drift
from lakehouse.cli import drift_change
from lakehouse.cli.drift_proposal import Finding, guess, propose
from lakehouse.cli.mistakes import CommandError
from lakehouse.contract import SourceContract, load_registry
from tests.support.contracts import SOURCE, write_shop

SEEN = datetime(2026, 11, 20, 12)


def finding(
    contract: SourceContract, column: str, *samples: str, lacking: str = "", added_as: str | None = None
) -> Finding:
    key = "shop/orders/a.csv"
    lack = frozenset(lacking.split())
    return Finding(contract.dataset, column, added_as, 1, 3, SEEN, SEEN, 1, (key,), samples=samples, lacking=lack)


@pytest.fixture
def orders(tmp_path: Path) -> SourceContract:
    return load_registry(write_shop(tmp_path / "domains")).sources["shop.orders"]


@pytest.mark.parametrize(
    ("samples", "type_"),
    [
        (["38", "-1", "+7"], "integer"),
        (["2147483648"], "bigint"),
        (["007", "38"], "varchar(16)"),  # a code: zeros in front mean something
        (["9" * 20], "varchar(64)"),
        (["1.50", "2"], "decimal(18,2)"),
        (["1,50"], "varchar(16)"),
        (["2026-02-28"], "date"),
        (["2026-02-30"], "varchar(32)"),
        (["28.02.2026"], "date"),
        (["02/03/2026"], "varchar(32)"),  # which is the month?
        (["2026-02-28T10:00:00Z", "2026-02-28 10:00"], "timestamp"),
        (["yes", "No"], "boolean"),
        (["0", "1"], "integer"),
        (["gold", "silver"], "varchar(16)"),
        (["ä" * 20], "varchar(128)"),
        (["x" * 60_000], "varchar(65535)"),
        ([], "varchar(256)"),
        ([" "], "varchar(256)"),
    ],
)
def test_types_are_guessed_from_every_sample(samples: list[str], type_: str) -> None:
    assert str(guess(samples).type) == type_


@pytest.mark.parametrize(
    ("column", "samples", "lacking", "proposed"),
    [
        ("amount-", ("1.00",), "", ("column", "amount_2")),  # a second one beside the first
        ("amuont", ("1.00",), "amount fee", ("alias", "amount")),
        ("amuont", ("1.00",), "fee", ("column", "amuont")),  # the files have an amount besides
        ("amuont", ("ten",), "amount", ("column", "amuont")),  # no amount is called so
        ("order.amount", ("1.00",), "amount", ("alias", "amount")),  # inside an object
        ("STATUS_", ("Done", "open"), "status", ("alias", "status")),
        ("statuss", ("lost",), "status", ("column", "statuss")),
        ("Order-ID", ("o-1",), "order_id", ("alias", "order_id")),
        ("colour", ("red",), "amount status fee", ("column", "colour")),
        ("column 3", ("red",), "", ("none", None)),
        ("size (column 3)", ("red",), "", ("none", None)),
    ],
)
def test_an_alias_is_proposed_where_a_column_is_missing_and_a_new_column_elsewhere(
    orders: SourceContract, column: str, samples: tuple[str, ...], lacking: str, proposed: tuple[str, str | None]
) -> None:
    (proposal,) = propose(orders, [finding(orders, column, *samples, lacking=lacking)])
    assert (proposal.action, proposal.column) == proposed


def test_spellings_of_one_name_are_one_column(orders: SourceContract) -> None:
    found = [
        finding(orders, name, size) for name, size in (("Shoe Size", "38"), ("shoe-size", "41.5"), ("SHOE SIZE", "1"))
    ]
    (proposal,) = propose(orders, found)
    assert (proposal.column, str(proposal.guess.type)) == ("shoe_size", "decimal(18,1)")
    change = drift_change.change(orders, [proposal])
    assert change is not None
    assert "synonyms: [{synonym: SHOE SIZE}, {synonym: shoe-size}]\n" in change.after


def test_names_inside_a_map_are_no_columns(orders: SourceContract) -> None:
    names = [f"stock.shop {number}" for number in range(30)]
    found = propose(orders, [finding(orders, name, "1") for name in (*names, "tier", "client.os")])
    assert {proposal.column for proposal in found if proposal.action != "none"} == {"tier", "client_os"}
    change = drift_change.change(orders, found)
    assert change is not None
    assert "stock" not in change.after


def test_a_column_that_the_lake_has_got_keeps_its_name_and_type(orders: SourceContract) -> None:
    (proposal,) = propose(orders, [finding(orders, "Shoe Size", "38", added_as="shoe_size")])
    assert (proposal.column, proposal.guess.type, str(proposal.looks_like.type)) == ("shoe_size", drift.TEXT, "integer")


def test_what_is_applied_is_the_diff_and_nothing_else(orders: SourceContract) -> None:
    text = "# Who wrote this.\n" + SOURCE.replace("name: amount", "name: amount  # net")
    orders.path.write_text(text)
    mode = orders.path.stat().st_mode
    found = [
        finding(orders, "amuont", "1.00", lacking="amount"),
        finding(orders, "Paid at", "2026-03-01T10:00:00"),
        finding(orders, "weird: [name] # 'x'", "a"),
    ]
    change = drift_change.change(orders, propose(orders, found))
    assert change is not None
    drift_change.apply([change])
    assert (
        orders.path.read_text()
        == change.after
        == (
            text.replace("version: 1.0.0", "version: 1.1.0").replace(
                "        description: Its amount.\n",
                "        description: Its amount.\n        synonyms: [{synonym: amuont}]\n",
            )
            + """\
      - name: paid_at
        logicalType: timestamp
        physicalType: timestamp
        description: "Arrives since 2026-11-20 as Paid at; say here what it means."
        synonyms: [{synonym: Paid at}]
        customProperties:
          - {property: formats, value: ["yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][XXX]"]}
      - name: weird_name_x_283cfa07
        logicalType: string
        physicalType: varchar(16)
        description: "Arrives since 2026-11-20 as weird: [name] # 'x'; say here what it means."
        synonyms: [{synonym: "weird: [name] # 'x'"}]
"""
        )
    )
    assert orders.path.stat().st_mode == mode
    assert sorted(path.name for path in orders.path.parent.glob("*")) == [
        "customers.yaml",
        "gold",
        "orders.yaml",
        "visits.yaml",
    ]
    load_registry.cache_clear()
    changed = load_registry(orders.path.parents[2]).sources["shop.orders"]
    assert changed.header_lookup["amuont"] == "amount"


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate))
@example(["false", "No", "null", "1", "~", "2026-01-01"])  # what YAML would not take for text
@given(st.lists(st.text(min_size=1, max_size=40), min_size=3, max_size=12, unique_by=str.lower))
def test_whatever_the_names_are_the_contract_stays_a_right_one(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    root = write_shop(tmp_path_factory.mktemp("shop") / "domains")
    orders = load_registry(root).sources["shop.orders"]
    unknown = [name.strip() for name in names if drift.is_unknown(orders, name.strip())]
    proposals = propose(orders, [finding(orders, name, "1", lacking="amount status fee") for name in unknown])
    change = drift_change.change(orders, proposals)
    if change:
        drift_change.apply([change])
        load_registry.cache_clear()
        changed = load_registry(root).sources["shop.orders"]
        missing = [name for name in unknown if drift.is_unknown(changed, name) and drift.can_be_named(name)]
        assert missing == []


def test_nothing_is_written_that_the_registry_refuses(orders: SourceContract) -> None:
    change = drift_change.change(orders, propose(orders, [finding(orders, "colour", "red")]))
    assert change is not None
    broken = replace(change, after=change.after.replace("physicalType: varchar(16)", "physicalType: text"))
    with pytest.raises(CommandError, match=r"nothing is written.*\n.*orders\.yaml:\d+: .*physicalType"):
        drift_change.apply([broken])
    other = replace(change, after=change.after.replace("minimum: 0", "minimum: 1"))
    with pytest.raises(CommandError, match="amount would change"):
        drift_change.apply([other])
    assert orders.path.read_text() == SOURCE


def test_an_edit_made_meanwhile_is_not_lost(orders: SourceContract) -> None:
    change = drift_change.change(orders, propose(orders, [finding(orders, "colour", "red")]))
    assert change is not None
    orders.path.write_text(SOURCE + "# mine\n")
    with pytest.raises(CommandError, match="has changed meanwhile"):
        drift_change.apply([change])
    assert orders.path.read_text() == SOURCE + "# mine\n"


def test_a_write_that_fails_leaves_the_old_text(orders: SourceContract, monkeypatch: pytest.MonkeyPatch) -> None:
    change = drift_change.change(orders, propose(orders, [finding(orders, "colour", "red")]))
    assert change is not None

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device", str(orders.path))

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="No space"):
        drift_change._write(change.path, change.after)
    assert orders.path.read_text() == SOURCE
    assert [name for name in os.listdir(orders.path.parent) if name.startswith(".")] == []
