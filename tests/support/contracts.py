"""The contracts of a small shop, right in every word, for tests that put a mistake into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.contract import ContractError, Problem, load_registry

SOURCE = """\
apiVersion: v3.2.0
kind: DataContract
id: shop.orders
version: 1.0.0
status: active
domain: shop
schema:
  - name: orders
    description: Orders.
    customProperties:
      - {property: drift, value: rescue}
      - {property: orderBy, value: changed_at}
      - {property: nulls, value: ["", "null"]}
    properties:
      - name: order_id
        logicalType: string
        physicalType: varchar(10)
        description: The order.
        primaryKey: true
        required: true
        synonyms: [{synonym: OrderId}]
      - name: amount
        logicalType: number
        physicalType: decimal(10,2)
        description: Its amount.
        logicalTypeOptions: {minimum: 0}
        customProperties:
          - {property: unit, value: EUR}
      - name: status
        logicalType: string
        physicalType: varchar(6)
        description: Its state.
        enum: [{value: open}, {value: closed}]
        customProperties:
          - {property: valueSynonyms, value: {closed: [done]}}
          - {property: nulls, value: ["?"]}
      - name: changed_at
        logicalType: timestamp
        physicalType: timestamp
        description: When it changed.
        partitioned: true
        customProperties:
          - {property: formats, value: [yyyy-MM-dd]}
          - {property: partitionTransform, value: months}
      - name: fee
        logicalType: number
        physicalType: decimal(10,2)
        description: What the payment cost.
        synonyms: [{synonym: Fee_Cents}, {synonym: payment.fee}]
        customProperties:
          - {property: repairs, value: [percent, currency_sign]}
          - {property: aliasUnits, value: {fee_cents: 0.01}}
      - name: customer_id
        logicalType: string
        physicalType: varchar(10)
        description: Who ordered.
        relationships: [{type: foreignKey, to: customers.customer_id}]
        customProperties:
          - {property: prefixes, value: ["c-", "C-No "]}
          - {property: repairs, value: [mojibake, html_entities]}
          - {property: orphans, value: wait}
"""
QUALITY = """\
    quality:
      - name: fee_above_amount
        type: custom
        engine: lakehouse
        implementation: "fee <= amount"
        severity: error
        description: A fee is a part of the amount.
        dimension: consistency
      - name: closed_without_change
        type: custom
        engine: lakehouse
        implementation: "status <> 'closed' or changed_at is not null"
        severity: warn
        description: What is closed was changed.
"""
GOLD = """\
apiVersion: v3.2.0
kind: DataContract
id: shop.daily_orders
version: 1.0.0
status: active
domain: shop
schema:
  - name: daily_orders
    description: Orders by day.
    customProperties:
      - {property: tableType, value: mart}
      - {property: recomputeBy, value: [order_date]}
      - property: sources
        value:
          - {dataset: shop.orders, keys: {order_date: cast(changed_at as date)}}
      - property: lookups
        value:
          - {dataset: shop.customers, match: {order_id: customer_id}}
      - {property: distStyle, value: key}
      - {property: distKey, value: order_date}
      - {property: sortKeys, value: [order_date]}
      - {property: unknownMember, value: {order_date: 1970-01-01, order_count: 0}}
    properties:
      - name: order_date
        logicalType: date
        physicalType: date
        description: The day.
        primaryKey: true
        required: true
      - name: order_count
        logicalType: integer
        physicalType: bigint
        description: How many orders.
        required: true
"""
SESSIONS = (
    GOLD.replace("value: [order_date]}", "value: [customer_id, order_date]}", 1)
    .replace("keys: {order_date:", "keys: {customer_id: customer_id, order_date:")
    .replace("customer_id}}", "customer_id}, asOf: {instant: changed_at, day: since, days: 10}}")
    .replace(
        "      - {property: distStyle",
        """\
      - property: sessions
        value: {dataset: shop.orders, instant: changed_at, day: order_date, silenceMinutes: 30, count: order_count}
      - {property: thresholds, value: {size: [2, 2.5, 5]}}
      - {property: distStyle""",
    )
)
SESSIONS += """\
      - name: customer_id
        logicalType: string
        physicalType: varchar(10)
        description: Who ordered.
"""
CUSTOMERS = (
    SOURCE[: SOURCE.index("      - name: amount")]
    .replace("orders", "customers")
    .replace("order_id", "customer_id")
    .replace("changed_at", "customer_id")
    .replace("      - {property: orderBy, value: customer_id}\n", "")
)
CUSTOMERS += """\
      - name: name
        logicalType: string
        physicalType: varchar(10)
        description: Their name.
      - name: since
        logicalType: date
        physicalType: date
        description: Since when they are called so.
        customProperties:
          - {property: formats, value: [yyyy-MM-dd]}
"""
VISITS = (
    CUSTOMERS.replace("customers", "visits")
    .replace("primaryKey: true", "primaryKey: true\n        primaryKeyPosition: 1")
    .replace("Their name.", "Their name.\n        primaryKey: true\n        primaryKeyPosition: 2")
)


def write_shop(root: Path, source: str = SOURCE, gold: str = GOLD) -> Path:
    """The shop's contracts below ``root``, with these texts for its orders and its gold table."""
    (root / "shop/contracts/gold").mkdir(parents=True)
    (root / "shop/contracts/orders.yaml").write_text(source, encoding="utf-8")
    (root / "shop/contracts/customers.yaml").write_text(CUSTOMERS, encoding="utf-8")
    (root / "shop/contracts/visits.yaml").write_text(VISITS, encoding="utf-8")
    (root / "shop/contracts/gold/daily_orders.yaml").write_text(gold, encoding="utf-8")
    return root


def problems_of(root: Path) -> tuple[Problem, ...]:
    """The mistakes in the contracts below ``root``, of which there has to be one."""
    with pytest.raises(ContractError) as caught:
        load_registry(root)
    return caught.value.problems


def assert_told(problems: tuple[Problem, ...], file: str, line: int, field: str, words: str) -> None:
    """One of the problems has this place and these words, and all are in this file."""
    told = [problem for problem in problems if (problem.line, problem.field) == (line, field)]
    assert any(words in f"{problem.wrong}; {problem.right}" for problem in told), "\n".join(map(str, problems))
    assert {problem.file.name for problem in problems} == {file}
