"""A shop so small that its truth and its lake fit on a page: what both say of a few files, and how to bend either."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse import tables
from lakehouse.contract import Registry, SourceContract, load_registry
from lakehouse.tables import Table

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: shop.orders
name: Orders
version: 1.0.0
status: active
domain: shop
description: {purpose: Orders of a shop., usage: To test with., limitations: None.}
schema:
  - name: orders
    description: One line of an order.
    dataGranularityDescription: One row per order and line.
    customProperties:
      - {property: drift, value: rescue}
      - {property: orderBy, value: placed_at}
    properties:
      - name: order_id
        logicalType: string
        physicalType: varchar(20)
        description: Identifies the order.
        required: true
        primaryKey: true
        primaryKeyPosition: 1
      - name: line
        logicalType: integer
        physicalType: integer
        description: Number of the line; null for the order as a whole.
        primaryKey: true
        primaryKeyPosition: 2
      - name: amount
        logicalType: number
        physicalType: decimal(18,2)
        description: What it costs.
      - name: placed_at
        logicalType: timestamp
        physicalType: timestamp
        description: When it was placed.
        customProperties:
          - {property: formats, value: ["yyyy-MM-dd HH:mm:ss"]}
      - name: email
        logicalType: string
        physicalType: varchar(100)
        description: Who placed it.
        classification: personal
"""
AT = datetime(2026, 1, 2, 3, 4, 5, 678901)
Row = dict[str, Any]
_ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "timestamp_ntz": pa.timestamp("us"),
    "decimal(18,2)": pa.decimal128(18, 2),
}
_FILES = pa.schema(
    [
        ("dataset", pa.string()),
        ("file", pa.string()),
        ("delivery", pa.int32()),
        ("bytes", pa.int64()),
        ("content_hash", pa.string()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("rows", pa.int64()),
        ("defects", pa.list_(pa.string())),
        ("is_optional", pa.bool_()),
    ]
)
_REPAIR = pa.struct([("column", pa.string()), ("delivered", pa.string()), ("value", pa.string())])
_ROWS = pa.schema(
    [
        ("dataset", pa.string()),
        ("file", pa.string()),
        ("delivery", pa.int32()),
        ("row_number", pa.int64()),
        ("outcome", pa.string()),
        ("violations", pa.list_(pa.string())),
        ("defects", pa.list_(pa.string())),
        ("repairs", pa.list_(_REPAIR)),
        ("rivals", pa.string()),
    ]
)


def registry(root: Path) -> Registry:
    """The contract of `shop.orders`, written below `root`."""
    folder = root / "shop" / "contracts"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orders.yaml").write_text(CONTRACT)
    return load_registry(root)


class Shop:
    """What the truth and the lake hold, as lists of rows that a test may change before it compares them.

    `a.csv`: rows 1 and 2 as they came, 3 refused, 4 and 5 the same row twice, 6 repaired. `b.csv`: row 1 later than
    a.csv's row 1 (which is superseded). Of the refused and the unread files nothing is loaded.
    """

    def __init__(self, contract: SourceContract) -> None:
        self.contract = contract
        self.files = [
            _file("a.csv", 600, "accepted", rows=6, defects=["semicolons"]),
            _file("b.csv", 100, "accepted", rows=1),
            _file("day=1/empty.csv", 0, "quarantined", "empty", defects=["empty_file"]),
            _file("copy of b.csv", 100, "duplicate_content", content_hash="hash of b.csv"),
            _file("_part.csv", 7, "ignored", "temporary_name"),
            _file("b.csv", 90, "accepted", rows=1, delivery=2, content_hash="hash of other b.csv"),
        ]
        self.rows = [
            _row("a.csv", 1, "superseded"),
            _row("a.csv", 3, "quarantined", ["amount_malformed", "order_id_missing"], ["no_id", "words"]),
            _row("a.csv", 4, "silver", rivals="A-4", defects=["repeated"]),
            _row("a.csv", 5, "duplicate", rivals="A-4", defects=["repeated"]),
            _row("a.csv", 6, "silver", defects=["comma"], repairs=[("amount", "6,50", "6.50")]),
            _row("b.csv", 1, "silver"),
        ]
        self.truth = [
            _order("A-1", 1, "1.50", "one@b.example"),
            _order("A-2", 1, "2.00", "two@example.com"),
            _order("A-4", 1, "4.00", "four@example.com"),
            _order("A-6", 1, "6.50", None),
            _order("A-2", None, None, "two@example.com"),
        ]
        self.silver = [
            {**self.truth[0], "_file_id": "id-b", "_row": 1},
            {**self.truth[1], "_file_id": "id-a", "_row": 2},
            {**self.truth[2], "_file_id": "id-a", "_row": 4},
            {**self.truth[3], "_file_id": "id-a", "_row": 6},
            {**self.truth[4], "_file_id": "id-b2", "_row": 1},
            # Of another landing, which the truth knows nothing of.
            {**_order("Z-1", 1, "9.00", "z@example.com"), "_file_id": "id-z", "_row": 1},
        ]
        self.history = [
            {"_file_id": "id-a", "_row": 1, "_fate": "superseded"},
            {"_file_id": "id-a", "_row": 5, "_fate": "duplicate"},
            {"_file_id": "id-z", "_row": 2, "_fate": "duplicate"},
        ]
        self.quarantine = [
            _refused("id-a", 3, "order_id_missing", "amount_malformed"),
            _refused("id-z", 3, "amount_malformed"),
            # Refused by the rules of yesterday, and accepted since.
            _refused("id-a", 2, "amount_malformed", status="replayed"),
        ]
        self.ledger = [
            _judged("id-a", "a.csv", 600, "accepted", rows=6),
            _judged("id-b", "b.csv", 100, "accepted", rows=1),
            _judged("id-empty", "day=1/empty.csv", 0, "quarantined", "empty"),
            _judged("id-copy", "copy of b.csv", 100, "duplicate_content", content_hash="hash of b.csv"),
            _judged("id-part", "_part.csv", 7, "ignored", "temporary_name", content_hash=""),
            _judged("id-b2", "b.csv", 90, "accepted", rows=1, content_hash="hash of other b.csv", batch=2),
            _judged("id-z", "z.csv", 50, "accepted", rows=3),
            # The whole delivery was landed once more, elsewhere.
            _judged("id-a-again", "again/a.csv", 600, "duplicate_content", content_hash="hash of a.csv", batch=3),
        ]

    def write_truth(self, out: Path) -> Path:
        """The truth as Parquet, as the generator writes it; returns the folder that holds `_truth`."""
        folder = out / "_truth"
        about = {"domain": "shop", "seed": 7, "rows": len(self.truth), "days": 1, "datasets": [self.contract.dataset]}
        for name, rows, schema in (
            ("expected_files", self.files, _FILES),
            ("expected_rows", self.rows, _ROWS),
            (f"silver/{self.contract.name}", self.truth, _schema(tables.typed_columns(self.contract))),
        ):
            (folder / name).mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows, schema), folder / name / "0.parquet")
        (folder / "about.json").write_text(json.dumps(about))
        return out

    def lake(self) -> dict[Table, pa.Table]:
        """The lake's tables."""
        return {
            table: pa.Table.from_pylist(rows, _schema(table.columns))
            for table, rows in (
                (tables.files, self.ledger),
                (tables.quarantined_rows, self.quarantine),
                (tables.silver_table(self.contract), self.silver),
                (tables.history_table(self.contract), self.history),
            )
        }

    def read(self, table: Table, columns: Sequence[str], dataset: str | None) -> pa.Table | None:
        """A reader of those tables, as `compare` takes one."""
        rows = self.lake().get(table)
        if rows is None:
            return None
        if dataset is not None:
            rows = rows.filter(pa.compute.equal(rows["dataset"], dataset))
        return rows.select(list(columns))


def _schema(columns: Sequence[tuple[str, str]]) -> pa.Schema:
    return pa.schema([(name, _ARROW[kind]) for name, kind in columns])


def _order(order_id: str, line: int | None, amount: str | None, email: str | None) -> Row:
    cost = None if amount is None else Decimal(amount)
    return {"order_id": order_id, "line": line, "amount": cost, "placed_at": AT, "email": email}


def _file(file: str, size: int, verdict: str, reason: str | None = None, **other: Any) -> Row:
    expected = {"dataset": "shop.orders", "file": file, "bytes": size, "verdict": verdict, "reason": reason}
    usual = {"delivery": 1, "content_hash": f"hash of {file}", "rows": 0, "defects": [], "is_optional": False}
    return {**usual, **expected, **other}


def _row(
    file: str,
    number: int,
    outcome: str,
    violations: Sequence[str] = (),
    defects: Sequence[str] = (),
    repairs: Sequence[tuple[str, str, str]] = (),
    rivals: str | None = None,
) -> Row:
    repaired = [dict(zip(("column", "delivered", "value"), repair, strict=True)) for repair in repairs]
    where = {"dataset": "shop.orders", "file": file, "delivery": 1, "row_number": number}
    what = {"outcome": outcome, "violations": list(violations), "defects": list(defects)}
    return {**where, **what, "repairs": repaired, "rivals": rivals}


def _judged(file_id: str, name: str, size: int, verdict: str, reason: str | None = None, **other: Any) -> Row:
    content_hash = other.get("content_hash", f"hash of {name}")
    where = {"file_id": file_id, "dataset": "shop.orders", "key": f"shop/orders/demo/{name}", "bytes": size}
    what = {"content_hash": content_hash, "verdict": verdict, "reason": reason, "rows_parsed": other.get("rows", 0)}
    return {**where, **what, "batch_id": other.get("batch", 1), "arrived_at": AT}


def _refused(file_id: str, number: int, *rules: str, status: str = "open") -> Row:
    violations = json.dumps([{"rule": rule, "field": "amount", "value": "x"} for rule in rules])
    return {
        "dataset": "shop.orders",
        "file_id": file_id,
        "row_number": number,
        "violations": violations,
        "status": status,
    }


def one(rows: list[Row], **wanted: object) -> Row:
    """The row that has these values."""
    (found,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return found


def without(rows: list[Row], **unwanted: object) -> None:
    """Remove the row that has these values."""
    rows.remove(one(rows, **unwanted))
