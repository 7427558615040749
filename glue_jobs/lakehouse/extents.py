"""Between which values rows lie: what need not be read to find them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812


@dataclass(frozen=True)
class Extent:
    """`ends` are the least and the greatest value of some columns, none of which is null in any row."""

    ends: Mapping[str, tuple[Any, Any]]

    def holds(self, column: Callable[[str], SparkColumn]) -> SparkColumn:
        """Whether a row lies there; `column` finds its value by a column's name."""
        return reduce(and_, (column(name).between(*ends) for name, ends in self.ends.items()), F.lit(True))


def extent_of(rows: DataFrame, names: Sequence[str]) -> tuple[int, Extent]:
    """How many rows there are, and where they lie by those of the named columns that are never null. Computes them."""
    ends = [F.struct(F.count(name), F.min(name), F.max(name)) for name in names]
    found = rows.agg(F.count("*"), *ends).collect()[0]
    count, extent = found[0], dict(zip(names, found[1:], strict=True))
    return count, Extent({name: (low, high) for name, (known, low, high) in extent.items() if 0 < known == count})
