"""What a contract's types are called, and what its dataclasses derive."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import get_args

import pytest

from lakehouse.contract import ColumnType, load_registry
from lakehouse.contract.types import Kind


@pytest.mark.parametrize(
    ("spelled", "redshift", "spark", "logical"),
    [
        ("varchar(40)", "VARCHAR(40)", "string", "string"),
        ("VARCHAR( 65535 )", "VARCHAR(65535)", "string", "string"),
        ("smallint", "SMALLINT", "smallint", "integer"),
        ("Integer", "INTEGER", "int", "integer"),
        ("bigint", "BIGINT", "bigint", "integer"),
        ("decimal(18, 3)", "DECIMAL(18,3)", "decimal(18,3)", "number"),
        ("decimal(38,38)", "DECIMAL(38,38)", "decimal(38,38)", "number"),
        ("double precision", "DOUBLE PRECISION", "double", "number"),
        ("boolean", "BOOLEAN", "boolean", "boolean"),
        ("date", "DATE", "date", "date"),
        ("timestamp", "TIMESTAMP", "timestamp_ntz", "timestamp"),
    ],
)
def test_a_type_has_one_name_in_each_system(spelled: str, redshift: str, spark: str, logical: str) -> None:
    type_ = ColumnType.parse(spelled)
    assert (type_.redshift, type_.spark, type_.logical) == (redshift, spark, logical)
    assert ColumnType.parse(str(type_)) == type_


def test_every_kind_of_type_can_be_written_in_a_contract() -> None:
    arguments = {"varchar": {"length": 9}, "decimal": {"precision": 9, "scale": 2}}
    for kind in get_args(Kind):
        type_ = ColumnType(kind, **arguments.get(kind, {}))
        assert ColumnType.parse(type_.redshift) == type_


@pytest.mark.parametrize(
    "spelled",
    [
        *(
            "int",
            "text",
            "varchar",
            "varchar(0)",
            "varchar(65536)",
            "varchar(4,2)",
            "varchr(4)",
            "decimal",
            "decimal(5)",
        ),
        *("decimal(39,2)", "decimal(0,0)", "decimal(5,6)", "bigint(8)", "timestamp with time zone", "", "(4)", "date;"),
    ],
)
def test_what_redshift_or_the_lake_would_refuse_is_no_type(spelled: str) -> None:
    with pytest.raises(ValueError, match=r"is not a type|needs|takes no numbers"):
        ColumnType.parse(spelled)


def test_the_key_is_in_key_order_not_in_column_order() -> None:
    contract = load_registry().gold["storefront.user_activity"]
    first, second, *rest = contract.columns
    turned = replace(contract, columns=(replace(first, key_position=2), replace(second, key_position=1), *rest))
    assert contract.key == ("activity_date", "user_id")
    assert turned.key == ("user_id", "activity_date")


def test_headers_are_found_by_name_and_alias_whatever_the_case() -> None:
    lookup = load_registry().sources["online_retail.invoice_lines"].header_lookup
    header = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
    assert [lookup[cell.lower()] for cell in header] == [
        *("invoice_no", "stock_code", "description", "quantity", "invoiced_at", "unit_price", "customer_id", "country")
    ]
    assert lookup["invoice_no"] == "invoice_no"


def test_an_unknown_column_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load_registry().sources["storefront.users"].column("nickname")


def test_contracts_travel_to_workers_and_serve_as_keys() -> None:
    registry = load_registry()
    for contract in (*registry.sources.values(), *registry.gold.values()):
        assert pickle.loads(pickle.dumps(contract)) == contract  # noqa: S301 - its own bytes
        assert {contract: 1}[contract] == 1


def test_a_registry_gives_contracts_by_domain() -> None:
    registry = load_registry()
    assert registry.domains == ("fashion", "online_retail", "retail", "shopping_habits", "storefront")
    assert registry.scheduled == {"fashion.members"}
    assert [source.name for source in registry.sources_of("storefront")] == [
        *("events", "exchange_rates", "transactions", "users")
    ]
    assert [table.name for table in registry.gold_of("online_retail")] == [
        *("customer_analytics", "fact_invoice_line", "product_performance", "sales_trends")
    ]
    assert [view.name for view in registry.views_of("online_retail")] == ["product_revenue_share"]
    assert registry.sources_of("nowhere") == ()
