"""How many rows there are, and between which days and instants they lie.

By the second Iceberg tells which files of a table may hold rows like them; by the first, whether they are few enough to
be sent to every task, so that a great table meets them where it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

FEW_ROWS = 100_000
"""Rows that one process may hold: of keys some dozens of megabytes in each that they are sent to, of whole rows a
hundred or two in the driver."""
NARROW_BYTES = 1_000
"""Of rows that are no longer than this whatever they hold, `FEW_ROWS` fit into the driver."""
_NUMBERS: Mapping[str, Callable[[SparkColumn], SparkColumn]] = {
    "date": F.unix_date,
    "timestamp": F.unix_micros,
    "timestamp_ntz": lambda instant: F.unix_micros(instant.cast("timestamp")),
}
_VALUES: Mapping[str, Callable[[SparkColumn], SparkColumn]] = {
    "date": F.date_from_unix_date,
    "timestamp": F.timestamp_micros,
    "timestamp_ntz": lambda micros: F.timestamp_micros(micros).cast("timestamp_ntz"),
}


@dataclass(frozen=True)
class Ends:
    """First and last value of a column of one of Spark's types, in days or microseconds since 1970: Python knows no
    year 0 and no year 10000."""

    type: str
    first: int
    last: int


@dataclass(frozen=True)
class Extent:
    """How many rows, and the ends of some of their columns that hold days or instants."""

    count: int
    ends: Mapping[str, Ends]

    @property
    def is_small(self) -> bool:
        """Whether the rows are few."""
        return are_few(self.count)

    def may_hold(self, column: Callable[[str], SparkColumn]) -> SparkColumn:
        """Whether a row lies between the ends, or has no value there; `column` finds its columns by their names."""
        conditions = [F.lit(True)]
        for name, ends in self.ends.items():
            first, last = (_VALUES[ends.type](F.lit(number)) for number in (ends.first, ends.last))
            conditions.append(column(name).between(first, last) | column(name).isNull())
        return reduce(and_, conditions)


def measured(rows: DataFrame, columns: Iterable[str]) -> Extent:
    """The extent of rows in these columns; those of other types have no ends.

    Computes: the rows should be pinned.
    """
    timed = {name: kind for name, kind in rows.dtypes if name in set(columns) and kind in _NUMBERS}
    numbers = [_NUMBERS[kind](F.col(name)) for name, kind in timed.items()]
    count, *pairs = rows.agg(F.count("*"), *(F.struct(F.min(one), F.max(one)) for one in numbers)).collect()[0]
    ends = {
        name: Ends(kind, first, last)
        for (name, kind), (first, last) in zip(timed.items(), pairs, strict=True)
        if first is not None
    }
    return Extent(count, ends)


def of_few(rows: pa.Table, types: Mapping[str, str]) -> Extent:
    """The extent of rows that the driver holds in these columns (by name, of these types of Spark's)."""
    ends = {}
    for name, kind in types.items():
        if kind in _NUMBERS and rows[name].null_count < rows.num_rows:
            numbers = rows[name].cast(pa.int32() if kind == "date" else pa.timestamp("us")).cast(pa.int64())
            found = pc.min_max(numbers).as_py()
            ends[name] = Ends(kind, found["min"], found["max"])
    return Extent(rows.num_rows, ends)


def are_few(count: int) -> bool:
    """Whether so many rows are few enough to be sent to every task."""
    return count <= FEW_ROWS


def sent(rows: DataFrame, *, if_few: bool) -> DataFrame:
    """Rows to join with: to be sent to every task when they are few, however many Spark takes them for."""
    return F.broadcast(rows) if if_few else rows
