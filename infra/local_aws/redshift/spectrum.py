"""External tables: Iceberg tables of the Glue catalog, read at their current snapshot and handed over as Arrow."""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyiceberg.expressions as where
from botocore.exceptions import ClientError
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.table import Table
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
    TimestamptzType,
    UUIDType,
)

from infra.local_aws.keys import Key
from infra.local_aws.redshift.catalog import ExternalSchema
from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.facts import Column
from infra.local_aws.redshift.translate import Condition, Virtual
from infra.local_aws.redshift.types import MAX_VARCHAR_BYTES, ColumnType

# "Strings longer than 16384 characters will be truncated to 16384 characters": the page of Iceberg's types.
MAX_CHARACTERS = 16384
CACHE_BYTES = 256 * 2**20
REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"

_TYPES: dict[type[IcebergType], ColumnType] = {
    BooleanType: ColumnType("bool"),
    IntegerType: ColumnType("int4"),
    LongType: ColumnType("int8"),
    FloatType: ColumnType("float4"),
    DoubleType: ColumnType("float8"),
    DateType: ColumnType("date"),
    TimestampType: ColumnType("timestamp"),
    TimestamptzType: ColumnType("timestamptz"),
    StringType: ColumnType("varchar", length=MAX_VARCHAR_BYTES),
    UUIDType: ColumnType("varchar", length=36),
    BinaryType: ColumnType("varbyte", length=MAX_VARCHAR_BYTES),
    FixedType: ColumnType("varbyte", length=MAX_VARCHAR_BYTES),
}


@dataclass(frozen=True)
class ExternalTable:
    """One Iceberg table as it was when the statement named it."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    table: Table


class Spectrum:
    """Reads external tables. Tables and what was read of them are cached by their metadata, so never out of date."""

    def __init__(self, endpoint: Callable[[], str], key: Key | None) -> None:
        self._endpoint, self._key = endpoint, key
        self._lock = threading.Lock()
        self._catalog: GlueCatalog | None = None
        self._tables: dict[tuple[str, str], Table] = {}
        self._cache: OrderedDict[tuple[object, ...], pa.Table] = OrderedDict()

    def table(self, schema: ExternalSchema, name: str) -> ExternalTable | None:
        """The table of that name in the schema's Glue database, or None."""
        catalog = self._glue()
        key = (schema.database, name)
        try:
            location = _metadata_location(catalog, *key)
            table = self._tables.get(key)
            if table is None or table.metadata_location != location:
                table = catalog.load_table(key)
                self._tables[key] = table
        except (NoSuchTableError, NoSuchNamespaceError):
            self._tables.pop(key, None)
            return None
        columns = tuple(Column(field.name.lower(), _column_type(field.field_type)) for field in table.schema().fields)
        return ExternalTable(schema.name, name, columns, table)

    def names(self, schema: ExternalSchema) -> list[str]:
        """The Iceberg tables of a schema's Glue database, sorted; none when the database is missing."""
        try:
            return sorted(name for _, name in self._glue().list_tables(schema.database))
        except NoSuchNamespaceError:
            return []

    def read(self, source: Virtual, columns: Sequence[str], conditions: Sequence[Condition]) -> pa.Table:
        """The rows of the current snapshot that may fulfil ``conditions``; at least the columns asked for."""
        if not isinstance(source, ExternalTable):
            raise TypeError(type(source))
        snapshot = source.table.current_snapshot()
        names = _names_in_table(source.table, columns)
        if snapshot is None:
            return _renamed(source.table.schema().select(*names).as_arrow().empty_table())
        rows_wanted = _filter(source.table, conditions)
        key = (source.table.metadata_location, snapshot.snapshot_id, names, str(rows_wanted))
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        try:
            rows = _renamed(_cut(source.table.scan(row_filter=rows_wanted, selected_fields=names).to_arrow()))
        except (OSError, ClientError) as error:
            raise RedshiftError(f"Spectrum Scan Error: {source.schema}.{source.name}: {error}") from error
        self._keep(key, rows)
        return rows

    def _keep(self, key: tuple[object, ...], rows: pa.Table) -> None:
        if rows.nbytes > CACHE_BYTES:
            return
        with self._lock:
            self._cache[key] = rows
            while sum(cached.nbytes for cached in self._cache.values()) > CACHE_BYTES:
                self._cache.popitem(last=False)

    def _glue(self) -> GlueCatalog:
        with self._lock:
            if self._catalog is None:
                place = {"region": REGION, "endpoint": self._endpoint()}
                if self._key is not None:
                    place["access-key-id"] = self._key.access_key_id
                    place["secret-access-key"] = self._key.secret_access_key
                properties = {f"{service}.{name}": value for service in ("glue", "s3") for name, value in place.items()}
                self._catalog = GlueCatalog("glue", **properties)
            return self._catalog


def _metadata_location(catalog: GlueCatalog, database: str, name: str) -> str | None:
    try:
        table: Any = catalog.glue.get_table(DatabaseName=database, Name=name)["Table"]
    except catalog.glue.exceptions.EntityNotFoundException as error:
        raise NoSuchTableError(f"{database}.{name}") from error
    parameters = table.get("Parameters", {})
    if parameters.get("table_type", "").upper() != "ICEBERG":
        raise RedshiftError(f"external table {database}.{name} is not an Iceberg table, which is not emulated")
    location: str | None = parameters.get("metadata_location")
    return location


def _column_type(iceberg: IcebergType) -> ColumnType:
    if isinstance(iceberg, DecimalType):
        return ColumnType("numeric", precision=iceberg.precision, scale=iceberg.scale)
    # Lists, maps and structs are SUPER to Redshift.
    return _TYPES.get(type(iceberg), ColumnType("super"))


def _names_in_table(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    by_lower = {field.name.lower(): field.name for field in table.schema().fields}
    # A count(*) needs no column, and a scan needs one.
    wanted = columns or [min(by_lower)]
    return tuple(by_lower[name] for name in wanted)


def _renamed(rows: pa.Table) -> pa.Table:
    return rows.rename_columns([name.lower() for name in rows.column_names])


def _cut(rows: pa.Table) -> pa.Table:
    """The rows with as much of each text as Redshift reads."""
    for place, field in enumerate(rows.schema):
        is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        if is_text and (pc.max(pc.binary_length(rows[field.name])).as_py() or 0) > MAX_CHARACTERS:
            rows = rows.set_column(place, field, pc.utf8_slice_codeunits(rows[field.name], 0, MAX_CHARACTERS))
    return rows


def _filter(table: Table, conditions: Sequence[Condition]) -> where.BooleanExpression:
    """What of the conditions Iceberg can decide; the rest is left to the query."""
    by_lower = {field.name.lower(): field for field in table.schema().fields}
    terms: list[where.BooleanExpression] = []
    for condition in conditions:
        field = by_lower[condition.column]
        if isinstance(field.field_type, StringType) and condition.operator == "=" and isinstance(condition.value, str):
            # Trailing blanks do not count, so the value itself is only the first of those that are equal to it.
            text = condition.value.rstrip(" ")
            terms += [_PREDICATES[">="](field.name, text), _PREDICATES["<"](field.name, text + "!")]
            continue
        value = _comparable(condition.value, field.field_type)
        if value is not None:
            terms.append(_PREDICATES[condition.operator](field.name, value))
    return reduce(where.And, terms) if terms else where.AlwaysTrue()


def _comparable(value: str | int | Decimal, iceberg: IcebergType) -> str | int | Decimal | None:
    """The value in the form that Iceberg compares a column of that type with, or None when there is none."""
    if isinstance(iceberg, DateType) and isinstance(value, str):
        return value if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) else None
    if isinstance(iceberg, IntegerType | LongType) and isinstance(value, int):
        return value if abs(value) < (2**31 if isinstance(iceberg, IntegerType) else 2**63) else None
    if isinstance(iceberg, DecimalType) and isinstance(value, int | Decimal):
        scaled = round(Decimal(value), iceberg.scale)
        return scaled if scaled == value and len(scaled.as_tuple().digits) <= iceberg.precision else None
    return None


_PREDICATES: dict[str, Any] = {
    "=": where.EqualTo,
    ">": where.GreaterThan,
    ">=": where.GreaterThanOrEqual,
    "<": where.LessThan,
    "<=": where.LessThanOrEqual,
}
