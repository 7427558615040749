"""Types of columns: the one table of how each is spelled in contracts, in Redshift and in Spark."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

Kind = Literal["varchar", "smallint", "integer", "bigint", "decimal", "double", "boolean", "date", "timestamp"]
MAX_VARCHAR_BYTES = 65535
MAX_DECIMAL_PRECISION = 38


@dataclass(frozen=True)
class _Family:
    """How one kind of type is spelled everywhere it has a name of its own."""

    redshift: str
    spark: str
    logical: str
    """The ODCS ``logicalType`` a column of this kind must declare."""


# The one table of types. A timestamp is UTC without a zone: TIMESTAMP in Redshift, TIMESTAMP_NTZ in Spark.
_FAMILIES: Mapping[Kind, _Family] = MappingProxyType(
    {
        "varchar": _Family("VARCHAR({length})", "string", "string"),
        "smallint": _Family("SMALLINT", "smallint", "integer"),
        "integer": _Family("INTEGER", "int", "integer"),
        "bigint": _Family("BIGINT", "bigint", "integer"),
        "decimal": _Family("DECIMAL({precision},{scale})", "decimal({precision},{scale})", "number"),
        "double": _Family("DOUBLE PRECISION", "double", "number"),
        "boolean": _Family("BOOLEAN", "boolean", "boolean"),
        "date": _Family("DATE", "date", "date"),
        "timestamp": _Family("TIMESTAMP", "timestamp_ntz", "timestamp"),
    }
)

TYPE_SPELLINGS: tuple[str, ...] = tuple(
    family.redshift.format(length="n", precision="p", scale="s").lower() for family in _FAMILIES.values()
)
"""Every type as a contract may spell it, with n, p and s for the numbers: ``varchar(n)``, ``bigint``, ..."""


@dataclass(frozen=True)
class ColumnType:
    """The type of a column, the same in silver, gold and Redshift.

    ``length`` counts bytes of UTF-8, as Redshift does, and is set for varchar alone; ``precision`` and ``scale`` count
    decimal digits and are set for decimal alone.
    """

    kind: Kind
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    @classmethod
    def parse(cls, text: str) -> ColumnType:
        """Read a type as Redshift spells it, whatever the case: ``varchar(40)``, ``DECIMAL(18, 3)``, ``bigint``.

        Raises ValueError, with a sentence that says what is wrong and what would be right.
        """
        match = re.fullmatch(r"\s*([a-z]+(?: [a-z]+)*)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*", text.lower())
        spelled = f"{match[1]}({_ARGUMENTS.get(match[1], '')})".replace("()", "") if match else ""
        if match is None or spelled not in TYPE_SPELLINGS:
            raise ValueError(f'"{text}" is not a type')
        kind = _KIND_OF_SPELLING[spelled]
        numbers = [int(number) for number in (match[2], match[3]) if number is not None]
        if kind == "varchar":
            if len(numbers) != 1 or not 1 <= numbers[0] <= MAX_VARCHAR_BYTES:
                raise ValueError(f'"{text}" needs one length in bytes, varchar(1) to varchar({MAX_VARCHAR_BYTES})')
            return cls(kind, length=numbers[0])
        if kind == "decimal":
            if len(numbers) != 2 or not 1 <= numbers[0] <= MAX_DECIMAL_PRECISION or numbers[1] > numbers[0]:
                raise ValueError(
                    f'"{text}" needs a precision of 1 to {MAX_DECIMAL_PRECISION} digits and a scale no greater, '
                    "such as decimal(18,3)"
                )
            return cls(kind, precision=numbers[0], scale=numbers[1])
        if numbers:
            raise ValueError(f'"{text}" takes no numbers; write {spelled}')
        return cls(kind)

    @property
    def redshift(self) -> str:
        """The type in Redshift DDL: ``VARCHAR(40)``, ``DECIMAL(18,3)``, ``DOUBLE PRECISION``."""
        return self._spell(_FAMILIES[self.kind].redshift)

    @property
    def spark(self) -> str:
        """The type in Spark SQL: ``string``, ``decimal(18,3)``, ``timestamp_ntz``."""
        return self._spell(_FAMILIES[self.kind].spark)

    @property
    def logical(self) -> str:
        """The ODCS logical type: ``string``, ``integer``, ``number``, ``boolean``, ``date`` or ``timestamp``."""
        return _FAMILIES[self.kind].logical

    @property
    def is_numeric(self) -> bool:
        return self.logical in ("integer", "number")

    @property
    def is_temporal(self) -> bool:
        return self.kind in ("date", "timestamp")

    def _spell(self, template: str) -> str:
        return template.format(length=self.length, precision=self.precision, scale=self.scale)

    def __str__(self) -> str:
        return self.redshift.lower()


_ARGUMENTS = {"varchar": "n", "decimal": "p,s"}
_KIND_OF_SPELLING: Mapping[str, Kind] = MappingProxyType(dict(zip(TYPE_SPELLINGS, get_args(Kind), strict=True)))
