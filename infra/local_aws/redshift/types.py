"""Redshift's column types: what is declared, how DuckDB stores it, and what it is called to a client."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError

from infra.local_aws.redshift.errors import RedshiftError, not_emulated

DEFAULT_VARCHAR_BYTES = 256
MAX_VARCHAR_BYTES = 65535
MAX_CHAR_BYTES = 4096
MAX_PRECISION = 38
DType = exp.DType

# sqlglot's type -> Redshift's internal name (the Data API's typeName)
_NAMES: dict[exp.DType, str] = {
    DType.SMALLINT: "int2",
    DType.INT: "int4",
    DType.BIGINT: "int8",
    DType.FLOAT: "float4",
    DType.DOUBLE: "float8",
    DType.DECIMAL: "numeric",
    DType.BOOLEAN: "bool",
    DType.CHAR: "bpchar",
    DType.NCHAR: "bpchar",
    DType.BPCHAR: "bpchar",
    DType.VARCHAR: "varchar",
    DType.NVARCHAR: "varchar",
    DType.TEXT: "varchar",
    DType.DATE: "date",
    DType.TIME: "time",
    DType.TIMESTAMP: "timestamp",
    DType.TIMESTAMPTZ: "timestamptz",
    DType.SUPER: "super",
    DType.VARBINARY: "varbyte",
}

# Redshift's internal name -> (DuckDB's type, the name in SQL and in the catalog views)
_FORMS: dict[str, tuple[str, str]] = {
    "int2": ("SMALLINT", "smallint"),
    "int4": ("INTEGER", "integer"),
    "int8": ("BIGINT", "bigint"),
    "float4": ("FLOAT", "real"),
    "float8": ("DOUBLE", "double precision"),
    "numeric": ("DECIMAL", "numeric"),
    "bool": ("BOOLEAN", "boolean"),
    "bpchar": ("VARCHAR", "character"),
    "varchar": ("VARCHAR", "character varying"),
    "date": ("DATE", "date"),
    "time": ("TIME", "time without time zone"),
    "timestamp": ("TIMESTAMP", "timestamp without time zone"),
    "timestamptz": ("TIMESTAMP WITH TIME ZONE", "timestamp with time zone"),
    "super": ("JSON", "super"),
    "varbyte": ("BLOB", "binary varying"),
}
_OF_DUCKDB = {duck: name for name, (duck, _) in _FORMS.items() if name != "bpchar"} | {
    "TINYINT": "int2",
    "UTINYINT": "int2",
    "USMALLINT": "int4",
    "UINTEGER": "int8",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_NS": "timestamp",
}


@dataclass(frozen=True)
class ColumnType:
    """``name`` is Redshift's internal name (int8, varchar, numeric, ...); ``length`` counts bytes."""

    name: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    @property
    def duckdb(self) -> str:
        """The type of the DuckDB column that holds it."""
        if self.name == "numeric":
            return f"DECIMAL({self.precision},{self.scale})"
        return _FORMS[self.name][0]

    @property
    def sql(self) -> str:
        """As the catalog views write it: ``character varying(5)``, ``numeric(18,3)``, ``bigint``."""
        return f"{_FORMS[self.name][1]}{self._arguments()}"

    @property
    def base_sql(self) -> str:
        """Without length, precision and scale, as ``information_schema`` writes it."""
        return _FORMS[self.name][1]

    @property
    def sqlglot(self) -> str:
        """As sqlglot reads it in a schema."""
        short = {"varchar": "varchar", "bpchar": "char", "varbyte": "varbyte"}.get(self.name, _FORMS[self.name][1])
        return f"{short}{self._arguments()}"

    @property
    def is_text(self) -> bool:
        """Is it varchar or char?"""
        return self.name in ("varchar", "bpchar")

    def _arguments(self) -> str:
        if self.name == "numeric" and self.precision is not None:
            return f"({self.precision},{self.scale})"
        return f"({self.length})" if self.length is not None else ""


def parse_type(text: str) -> ColumnType:
    """A declared type, as in ``varchar(5)`` or ``double precision``.

    Raises RedshiftError for a type that Redshift lacks, that is not emulated, or whose length is out of bounds.
    """
    try:
        return of_sqlglot(exp.DataType.build(text, dialect="redshift"), declared=True)
    except (SqlglotError, KeyError) as error:
        raise RedshiftError(f'type "{text}" does not exist') from error


def of_sqlglot(data_type: exp.DataType, *, declared: bool) -> ColumnType:
    """``declared``: a missing length gets the default of a column, otherwise it stays unknown."""
    dtype = data_type.this
    name = _NAMES.get(dtype)
    if name is None:
        raise not_emulated(f"type {data_type.sql('redshift').lower()}")
    arguments = [argument.name.upper() for argument in data_type.expressions]
    if name == "numeric":
        precision = int(arguments[0]) if arguments else 18
        scale = int(arguments[1]) if len(arguments) > 1 else 0
        if not 0 <= scale <= precision <= MAX_PRECISION and 0 < precision <= MAX_PRECISION:
            raise RedshiftError(f"NUMERIC scale {scale} must be between 0 and precision {precision}")
        if not 0 < precision <= MAX_PRECISION:
            raise RedshiftError(f"NUMERIC precision {precision} must be between 1 and {MAX_PRECISION}")
        return ColumnType(name, precision=precision, scale=scale)
    if name in ("varchar", "bpchar", "varbyte"):
        return ColumnType(name, length=_length(name, dtype, arguments, declared))
    return ColumnType(name)


def _length(name: str, dtype: exp.DType, arguments: list[str], declared: bool) -> int | None:
    limit = MAX_CHAR_BYTES if name == "bpchar" else MAX_VARCHAR_BYTES
    if arguments:
        length = limit if arguments[0] == "MAX" else int(arguments[0])
        if not 0 < length <= limit:
            word = "char" if name == "bpchar" else "varchar"
            raise RedshiftError(
                f"length for type {word} cannot exceed {limit}" if length else "length must be at least 1"
            )
        return length
    if name == "bpchar":
        return DEFAULT_VARCHAR_BYTES if dtype is DType.BPCHAR else 1
    if not declared:
        return None
    return DEFAULT_VARCHAR_BYTES if name == "varchar" else MAX_VARCHAR_BYTES


def of_duckdb(name: str) -> ColumnType:
    """The Redshift type of a result column of DuckDB type ``name``."""
    decimal = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", name)
    if decimal:
        return ColumnType("numeric", precision=int(decimal[1]), scale=int(decimal[2]))
    if name in ("HUGEINT", "UHUGEINT", "UBIGINT", "BIGNUM"):
        return ColumnType("numeric", precision=MAX_PRECISION, scale=0)
    return ColumnType(_OF_DUCKDB.get(name, "varchar"))
