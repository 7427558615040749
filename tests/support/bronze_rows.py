"""Bronze rows of a few cells each, as Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from lakehouse import bronze
from lakehouse.bronze import utc_instant
from lakehouse.contract import SourceContract

ARRIVED_AT = utc_instant("2026-03-02T00:00:00+00:00")
TRANSACTION = {
    "transaction_id": "t-1",
    "user_id": "u-1",
    "product_id": "p-1",
    "quantity": "2",
    "unit_price": "9.50",
    "amount": "19.00",
    "currency": "EUR",
    "status": "completed",
    "occurred_at": "2026-03-01 10:00:00",
}
"""Cells of a sound row of storefront.transactions."""


def bronze_rows(contract: SourceContract, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Rows that came so, numbered from 0."""
    lineage = {"_batch_id": 1, "_file_id": "f", "_ingested_at": ARRIVED_AT, "_arrived_at": ARRIVED_AT}
    numbered = [{**lineage, "_row": n, **row} for n, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(numbered, bronze.schema_of(contract))
