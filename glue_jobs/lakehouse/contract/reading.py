"""Reads one contract file: its envelope, its table, and the checks that need no other file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast, get_args

from lakehouse.contract.between import read_derived, read_row_rules
from lakehouse.contract.column import Column
from lakehouse.contract.columns import Declared, in_order, read_columns, read_name
from lakehouse.contract.document import Document, Value
from lakehouse.contract.errors import one_of
from lakehouse.contract.gold_sources import Reference, read_lookups, read_sessions, read_sources, read_thresholds
from lakehouse.contract.model import (
    DistStyle,
    Drift,
    GoldContract,
    IngestedBy,
    SourceContract,
    TableType,
)
from lakehouse.contract.row_rules import ColumnReference

_Read = TypeVar("_Read")

API_VERSION = "v3.2.0"
"""The version of the Open Data Contract Standard that contracts are written in."""

_ENVELOPE = ("apiVersion", "kind", "id", "version", "status", "domain", "schema")
# For people and catalogues; nothing here reads them. All are fields of the standard.
_ENVELOPE_DOCUMENTARY = (
    *("name", "tenant", "tags", "description", "context", "servers", "support", "price", "team", "roles"),
    *("slaDefaultElement", "slaProperties", "authoritativeDefinitions", "contractCreatedTs"),
)
_TABLE = ("name", "description", "properties", "customProperties")
_TABLE_DOCUMENTARY = ("businessName", "dataGranularityDescription", "tags", "authoritativeDefinitions", "physicalType")
_CUSTOM_OF_SOURCE = ("drift", "orderBy", "nulls", "encoding", "ingestedBy")
_CUSTOM_OF_GOLD = (
    *("tableType", "recomputeBy", "sources", "lookups", "sessions", "thresholds", "unknownMember"),
    *("distStyle", "distKey", "sortKeys"),
)


@dataclass(frozen=True)
class ReferringColumn:
    """A column of a source that refers to another source, and where its contract names that."""

    place: Value
    column: Column
    reference: ColumnReference


@dataclass(frozen=True)
class _Table:
    """What every contract declares, and where."""

    name: str
    version: str
    description: str
    grain: str | None
    value: Value
    custom: Mapping[str, Value]
    declared: Sequence[Declared]
    quality: Value | None
    partition_by: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """All but those that no file brings."""
        return tuple(declared.column for declared in self.declared if declared.column and declared.derivation is None)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all these, those with mistakes included."""
        return tuple(declared.name for declared in self.declared if declared.name and declared.derivation is None)


def read_source(document: Document, domain: str, name: str) -> tuple[SourceContract | None, Sequence[ReferringColumn]]:
    """The source contract in a file, or None when there are ``document.problems``.

    ``domain`` and ``name`` come from where the file stands; the contract has to say the same. Beside it, the columns
    that refer to other sources, for the checks that need the other files.
    """
    table = _read_table(document, domain, name, _CUSTOM_OF_SOURCE, of_source=True)
    if table is None:
        return None, ()
    referring = [
        ReferringColumn(declared.reference_place, declared.column, declared.column.reference)
        for declared in table.declared
        if declared.reference_place and declared.column and declared.column.reference
    ]
    drift = _required(document, table, "drift", lambda value: document.choice(value, get_args(Drift)))
    order_by = None
    if "orderBy" in table.custom:
        order_by = _column_named(document, table.custom["orderBy"], table.column_names)
        ordering = next((column for column in table.columns if column.name == order_by), None)
        if ordering and not (ordering.type.is_temporal or ordering.type.is_numeric):
            document.complain(
                table.custom["orderBy"], f"{order_by} is a {ordering.type}", "use a timestamp or a number"
            )
    encoding = _read_encoding(document, table.custom["encoding"]) if "encoding" in table.custom else None
    ingested_by = document.choice(custom, get_args(IngestedBy)) if (custom := table.custom.get("ingestedBy")) else None
    rules = read_row_rules(document, table.quality, table.declared) if table.quality else ()
    derived = read_derived(document, table.declared)
    if document.problems:
        return None, referring
    contract = SourceContract(
        domain=domain,
        name=name,
        version=table.version,
        description=table.description,
        grain=table.grain,
        columns=table.columns,
        order_by=order_by,
        partition_by=table.partition_by,
        drift=cast(Drift, drift),
        encoding=encoding,
        ingested_by=cast(IngestedBy, ingested_by or "events"),
        rules=rules,
        derived=derived,
        path=document.file,
    )
    return contract, referring


def read_gold(document: Document, domain: str, name: str) -> tuple[GoldContract | None, Mapping[str, Reference]]:
    """The gold contract in a file, or None when there are ``document.problems``.

    Beside it, where the file names each dataset that it needs, for the checks that need the other files.
    """
    table = _read_table(document, domain, name, _CUSTOM_OF_GOLD, of_source=False)
    if table is None:
        return None, {}
    custom, names = table.custom, table.column_names
    references: dict[str, Reference] = {}
    table_type = _required(document, table, "tableType", lambda value: document.choice(value, get_args(TableType)))
    recompute_by = _required(document, table, "recomputeBy", lambda value: _columns_named(document, value, names)) or ()
    sources = _required(document, table, "sources", lambda v: read_sources(document, v, recompute_by, references))
    lookups = read_lookups(document, custom["lookups"], sources or (), references) if "lookups" in custom else ()
    of_sessions = custom.get("sessions")
    sessions = (
        read_sessions(document, of_sessions, sources or (), recompute_by, names, references) if of_sessions else None
    )
    thresholds = read_thresholds(document, custom["thresholds"]) if "thresholds" in custom else {}
    unknown = _read_unknown_member(document, custom["unknownMember"], table) if "unknownMember" in custom else None
    style = document.choice(custom["distStyle"], get_args(DistStyle)) if "distStyle" in custom else "auto"
    dist_key = _column_named(document, custom["distKey"], names) if "distKey" in custom else None
    if style == "key" and "distKey" not in custom:
        document.complain(custom["distStyle"], "distStyle key without a column", "add distKey, or use auto")
    if style != "key" and "distKey" in custom:
        document.complain(custom["distKey"], f"distKey with distStyle {style}", "use distStyle: key, or drop distKey")
    sort_keys = _columns_named(document, custom["sortKeys"], names) if "sortKeys" in custom else ()
    references = _with_lineage(document, table, references)
    _check_personal(document, table, recompute_by, tuple(unknown or ()))
    if document.problems:
        return None, references
    contract = GoldContract(
        domain=domain,
        name=name,
        version=table.version,
        description=table.description,
        grain=table.grain,
        columns=table.columns,
        table_type=cast(TableType, table_type),
        sources=sources or (),
        lookups=lookups,
        recompute_by=recompute_by,
        unknown_member=unknown,
        partition_by=table.partition_by,
        dist_style=cast(DistStyle, style),
        dist_key=dist_key,
        sort_keys=sort_keys,
        path=document.file,
        sessions=sessions,
        thresholds=thresholds,
    )
    return contract, references


def _read_table(
    document: Document, domain: str, name: str, custom_allowed: Sequence[str], *, of_source: bool
) -> _Table | None:
    root = document.root()
    if root is None:
        return None
    parts = document.fields(root, _ENVELOPE, _ENVELOPE_DOCUMENTARY)
    _expect(document, parts, "apiVersion", API_VERSION)
    _expect(document, parts, "kind", "DataContract")
    _expect(document, parts, "id", f"{domain}.{name}")
    _expect(document, parts, "domain", domain)
    version = document.text(parts["version"]) if "version" in parts else None
    if version is not None and not re.fullmatch(r"\d+\.\d+\.\d+", version):
        document.complain(parts["version"], f'"{version}" is not a version', "write major.minor.patch, such as 1.0.0")
    tables = document.items(parts["schema"]) if "schema" in parts else ()
    if "schema" in parts and len(tables) != 1:
        document.complain(parts["schema"], f"{len(tables)} tables", "declare one table per file")
    if not tables:
        return None
    fields = document.fields(tables[0], _TABLE, (*_TABLE_DOCUMENTARY, *(("quality",) if of_source else ())))
    _expect(document, fields, "name", name)
    if "name" in fields:
        read_name(document, fields["name"])
    description = document.words(fields["description"]) if "description" in fields else None
    grain = "dataGranularityDescription"
    granularity = document.words(fields[grain]) if grain in fields else None
    custom = document.custom_properties(fields, custom_allowed)
    nulls = document.texts(custom["nulls"]) if "nulls" in custom else ()
    declared = (
        read_columns(document, fields["properties"], domain, of_source=of_source, nulls=nulls)
        if "properties" in fields
        else []
    )
    keys = [(column.value, column.name or "", column.key_position) for column in declared if column.is_key]
    if declared and not keys:
        document.complain(fields["properties"], "no column is the key", "add primaryKey: true to those that are")
    in_order(document, keys, "primaryKey")
    partitions = [
        (column.value, column.partition, column.partition_position) for column in declared if column.partition
    ]
    partition_by = in_order(document, partitions, "partitionKey")
    return _Table(
        name=name,
        version=version or "",
        description=description or "",
        grain=granularity,
        value=tables[0],
        custom=custom,
        declared=declared,
        quality=fields.get("quality"),
        partition_by=partition_by,
    )


def _expect(document: Document, parts: Mapping[str, Value], field: str, expected: str) -> None:
    if field in parts:
        text = document.text(parts[field])
        if text is not None and text != expected:
            document.complain(parts[field], f'"{text}" is not expected here', f"write {expected}")


def _required(document: Document, table: _Table, name: str, read: Callable[[Value], _Read]) -> _Read | None:
    """What ``read`` makes of a custom property that has to be there."""
    if name in table.custom:
        return read(table.custom[name])
    document.complain(table.value, f'custom property "{name}" is missing', f"add {{property: {name}, value: …}}")
    return None


def _column_named(document: Document, value: Value, names: Sequence[str]) -> str | None:
    """A text that has to be the name of a column."""
    text = document.text(value)
    if text is not None and text not in names:
        document.complain(value, f'"{text}" is not a column', one_of(text, names))
        return None
    return text


def _columns_named(document: Document, value: Value, names: Sequence[str]) -> tuple[str, ...]:
    """A list of column names."""
    for item in document.items(value):
        _column_named(document, item, names)
    return document.texts(value)


def _read_encoding(document: Document, value: Value) -> str | None:
    """The codec, by Python's name for it, of files that are not UTF-8."""
    text = document.text(value)
    if text is None:
        return None
    ascii_bytes = bytes(range(128))
    try:
        codec = codecs.lookup(text).name
        # Delimiters, quotes and line ends are looked for as the bytes that they are in ASCII.
        keeps_ascii = ascii_bytes.decode(codec) == ascii_bytes.decode("ascii")
    except (LookupError, ValueError):
        document.complain(value, f'"{text}" is not an encoding', "use one that Python knows, such as cp1252")
        return None
    if codec in ("utf-8", "utf-8-sig", "ascii"):
        document.complain(value, "UTF-8 is always tried first", "name the encoding of the other files, or drop it")
    elif not keeps_ascii:
        document.complain(value, f"{text} writes ASCII otherwise", "use an extension of ASCII, such as cp1252")
    return codec


def _with_lineage(document: Document, table: _Table, references: Mapping[str, Reference]) -> dict[str, Reference]:
    """The references with the places that name their columns, after noting datasets that the table is not made from,
    and columns of which nothing is said while others have their sources."""
    lineage: dict[str, list[tuple[Value, str]]] = {dataset: [] for dataset in references}
    for declared in table.declared:
        if not declared.lineage and any(other.lineage for other in table.declared):
            right = "add transformSourceObjects: [<domain>.<dataset>.<column>]"
            document.complain(declared.value, f"nothing says what {declared.name} is computed from", right)
        for place, source in declared.lineage:
            if source.dataset in lineage:
                lineage[source.dataset].append((place, source.column))
            else:
                wrong = f'"{source.dataset}" is neither a source nor a lookup of this table'
                document.complain(place, wrong, one_of(source.dataset, sorted(references)))
    return {name: replace(reference, lineage=lineage[name]) for name, reference in references.items()}


def _check_personal(document: Document, table: _Table, recompute_by: Sequence[str], unknown: Sequence[str]) -> None:
    """Note personal columns that cannot be tokens in the warehouse, or whose clear values would stand elsewhere."""
    for declared in table.declared:
        column = declared.column
        if column is None or not column.is_personal:
            continue
        mistakes = {
            f"is a {column.type}, and only text has a token": column.type.kind != "varchar",
            "is part of the key, which stands beside the clear values": declared.is_key,
            "is in recomputeBy, and a load would delete by its clear value": column.name in recompute_by,
            "is a partition, and files would be named by its values": declared.partition is not None,
            "has a value in unknownMember, which is nobody": column.name in unknown,
        }
        for why in (why for why, is_so in mistakes.items() if is_so):
            right = "leave it out, or give the part of it that is not personal a column"
            document.complain(declared.value, f"{column.name} is personal and {why}", right)


def _read_unknown_member(document: Document, value: Value, table: _Table) -> Mapping[str, object]:
    """A value for each column of the row that facts without a dimension row point at; null where none is given."""
    given = document.mapping(value)
    for name, part in given.items():
        if name not in table.column_names:
            document.complain(part, f'"{name}" is not a column', one_of(name, table.column_names))
    for column in table.columns:
        if column.required and column.name not in given:
            document.complain(value, f"{column.name} is required and has no value", f"add {column.name}: …")
    return {name: document.scalar(part) for name, part in given.items()}
