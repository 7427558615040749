"""Bronze rows as today's contract reads them: what an alias names that it did not know when the file arrived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from lakehouse.contract import SourceContract
from lakehouse.intake.objects import as_text, parse_rescued

RESCUED, UNREADABLE = "_rescued", "_unreadable"


def reread(batches: Iterable[pa.RecordBatch], contract: SourceContract) -> Iterator[pa.RecordBatch]:
    """Rows of a bronze table with what was rescued put into the columns that the contract names it for; the rest stays
    rescued. A column that has a value keeps it, as it would have in the file. Unreadable rows stay as they are."""
    for batch in batches:
        rows: list[dict[str, Any]] = batch.to_pylist()
        for row in rows:
            if row[RESCUED] is not None and row[UNREADABLE] is None:
                _put_back(row, contract)
        yield pa.RecordBatch.from_pylist(rows, schema=batch.schema)


def _put_back(row: dict[str, Any], contract: SourceContract) -> None:
    rest = {}
    for name, value in parse_rescued(row[RESCUED], contract).items():
        column = contract.header_lookup.get(name.strip().lower())
        if column is not None and row[column] is None:
            row[column] = as_text(value)
        else:
            rest[name] = value
    row[RESCUED] = as_text(rest) if rest else None
