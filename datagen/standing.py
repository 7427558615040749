"""Rows that stand for their keys until a later version of them comes: the truth of a delivery that may end any day.

A world that ends with its last day knows of every row whether a later version follows. Where the delivery may end
before, that is known only once the version has come, or the delivery has ended: so long the row is kept here.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datagen.chance import Flags, Indices
from datagen.truth import ExpectedRow, TruthWriter
from lakehouse.contract import SourceContract

_FILE, _DELIVERY, _ROW_NUMBER = "_file", "_delivery", "_row_number"
_SEPARATOR = "\x1f"


class Standing:
    """The rows of one dataset that stand for now. Memory: one row for each key that may still change."""

    def __init__(self, contract: SourceContract) -> None:
        self._contract = contract
        self._rows: pa.Table | None = None

    def replace(self, silver: pa.Table, truth: TruthWriter) -> None:
        """Rows have been delivered that are later versions: what they replace is superseded."""
        if self._rows is None or not silver.num_rows:
            return
        replaced: Flags = pc.is_in(self._key(self._rows), self._key(silver)).to_numpy(zero_copy_only=False)
        rows = self._rows.select([_FILE, _DELIVERY, _ROW_NUMBER]).filter(pa.array(replaced)).to_pylist()
        truth.rows(
            [
                ExpectedRow(self._contract.dataset, row[_FILE], row[_DELIVERY], row[_ROW_NUMBER], outcome="superseded")
                for row in rows
            ]
        )
        self._rows = self._rows.filter(pa.array(~replaced))

    def keep(self, silver: pa.Table, file: str, delivery: int, places: Indices) -> None:
        """Rows have been delivered, at these places of a file, that may be replaced."""
        count = silver.num_rows
        if not count:
            return
        plain = pa.table(
            {
                **{field.name: _undictionaried(silver[field.name]) for field in silver.schema},
                _FILE: pa.repeat(pa.scalar(file), count),
                _DELIVERY: pa.repeat(pa.scalar(delivery, pa.int32()), count),
                _ROW_NUMBER: pa.array(np.asarray(places) + 1, pa.int64()),
            }
        )
        self._rows = plain if self._rows is None else pa.concat_tables([self._rows, plain]).combine_chunks()

    def settle(self, truth: TruthWriter) -> None:
        """Nothing more will come: what stands is silver."""
        if self._rows is not None:
            truth.silver(self._contract.name, self._rows.drop_columns([_FILE, _DELIVERY, _ROW_NUMBER]))
        self._rows = None

    def _key(self, rows: pa.Table) -> pa.ChunkedArray:
        parts = [_undictionaried(rows[name]).cast(pa.string()) for name in self._contract.key]
        return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, _SEPARATOR)


def _undictionaried(column: pa.ChunkedArray) -> pa.ChunkedArray:
    is_coded = pa.types.is_dictionary(column.type)
    return column.cast(column.type.value_type) if is_coded else column
