"""The Arrow type of every type that a contract may give a column."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from lakehouse.contract import ColumnType

_BY_KIND: Mapping[str, pa.DataType] = {
    "varchar": pa.string(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


def arrow_type(type_: ColumnType) -> pa.DataType:
    """What holds a column's values, exactly; timestamps are UTC without zone, in microseconds."""
    return pa.decimal128(type_.precision, type_.scale) if type_.kind == "decimal" else _BY_KIND[type_.kind]
