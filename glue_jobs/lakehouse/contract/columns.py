"""Reads the ``properties`` of a contract, one column each, and notes what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast, get_args

from lakehouse.contract.column import Classification, Column
from lakehouse.contract.document import Document, Value
from lakehouse.contract.errors import one_of
from lakehouse.contract.lineage import ColumnSource, read_lineage
from lakehouse.contract.rules import CUSTOM_PROPERTIES, FIELDS, read_reference, read_rules
from lakehouse.contract.substitutes import check_substitute
from lakehouse.contract.types import TYPE_SPELLINGS, ColumnType

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,126}")
"""Names that Redshift, Glue, Iceberg and Spark all take unquoted. A leading underscore is kept for lineage columns."""

PARTITION_TRANSFORMS = ("years", "months", "days", "hours", "identity")

_REQUIRED = ("name", "logicalType", "physicalType", "description")
_EVERYWHERE = (
    *("required", "primaryKey", "primaryKeyPosition", "partitioned", "partitionKeyPosition", "classification"),
    # For people and catalogues; nothing here reads them.
    *("businessName", "examples", "tags", "authoritativeDefinitions", "customProperties"),
)
_CUSTOM_EVERYWHERE = ("unit", "partitionTransform")
_OF_GOLD = ("transformSourceObjects",)


@dataclass(frozen=True)
class Declared:
    """A column as declared: ``column`` is None when it has mistakes, the rest is what the table's checks need."""

    value: Value
    name: str | None
    column: Column | None
    is_key: bool
    key_position: int | None
    partition: str | None
    """The Iceberg transform of a partition column, such as ``months(occurred_at)``."""
    partition_position: int | None
    reference_place: Value | None
    """Where the column names what it refers to, for the checks that need the other files."""
    derivation: Value | None
    """The expression of a column that no file brings."""
    substitute_place: Value | None
    """Where it says what stands in the place of a missing value, for the checks that need the other columns."""
    lineage: tuple[tuple[Value, ColumnSource], ...] = ()
    """What a gold column says it is computed from, and where, for the same checks."""


def read_columns(
    document: Document, value: Value, domain: str, *, of_source: bool, nulls: Sequence[str]
) -> list[Declared]:
    """Every column of a table. ``nulls`` are the dataset's spellings of null, merged with each column's own."""
    columns = [_read_column(document, item, domain, of_source, nulls) for item in document.items(value)]
    if not columns:
        document.complain(value, "there are no columns", "declare at least the key")
    _check_names(document, columns)
    by_name = {declared.name: declared.column for declared in columns if declared.name}
    for declared in columns:
        if declared.column and declared.column.substitute and declared.substitute_place:
            check_substitute(document, declared.substitute_place, declared.column, by_name)
    return columns


def in_order(document: Document, places: Sequence[tuple[Value, str, int | None]], what: str) -> tuple[str, ...]:
    """Names by their positions, which must run from 1 without gap; a lone name needs none."""
    if len(places) == 1 and places[0][2] is None:
        return (places[0][1],)
    taken: dict[int, str] = {}
    for value, name, position in places:
        if position is None:
            document.complain(value, f"{what} of {len(places)} columns has no position", f"add {what}Position: 1 to n")
        elif position in taken:
            document.complain(value, f"{what}Position {position} is also that of {taken[position]}", "count 1, 2, 3 …")
        elif position > len(places):
            document.complain(value, f"{what}Position {position} leaves a gap", f"use 1 to {len(places)}")
        else:
            taken[position] = name
    return tuple(taken[position] for position in sorted(taken))


def _read_column(
    document: Document, value: Value, domain: str, of_source: bool, dataset_nulls: Sequence[str]
) -> Declared:
    parts = document.fields(value, _REQUIRED, (*_EVERYWHERE, *(FIELDS if of_source else _OF_GOLD)))
    of_sources = ("derivedAs", *CUSTOM_PROPERTIES) if of_source else ()
    custom = document.custom_properties(parts, (*_CUSTOM_EVERYWHERE, *of_sources))
    name = read_name(document, parts["name"]) if "name" in parts else None
    type_ = _read_type(document, parts)
    description = document.words(parts["description"]) if "description" in parts else None
    classification = "internal"
    if "classification" in parts:
        classification = document.choice(parts["classification"], get_args(Classification)) or classification
    is_key = "primaryKey" in parts and document.flag(parts["primaryKey"])
    key_position = document.position(parts["primaryKeyPosition"]) if "primaryKeyPosition" in parts else None
    if key_position is not None and not is_key:
        document.complain(parts["primaryKeyPosition"], "has a place in a key it is not part of", "add primaryKey: true")
    is_required = "required" in parts and document.flag(parts["required"])
    if is_key and not is_required and not of_source:
        document.complain(value, "a key column of a gold table may be null", "add required: true")
    partition_position, transform = _read_partition(document, parts, custom, type_)
    partition = name if transform == "identity" else f"{transform}({name})" if transform and name else None
    is_read = of_source and "derivedAs" not in custom
    rules = read_rules(document, parts, custom, type_, dataset_nulls) if type_ and is_read else {}
    if "derivedAs" in custom:
        _check_derived(document, parts, custom)
    reference, reference_place = read_reference(document, parts, custom, domain)
    lineage = read_lineage(document, parts["transformSourceObjects"]) if "transformSourceObjects" in parts else ()
    column = None
    if name and type_ and description:
        column = Column(
            name=name,
            type=type_,
            description=description,
            required=is_required,
            key_position=(key_position or 1) if is_key else None,
            unit=document.words(custom["unit"]) if "unit" in custom else None,
            classification=cast(Classification, classification),
            reference=reference,
            sources=tuple(source for _, source in lineage),
            **rules,
        )
    places = (reference_place, custom.get("derivedAs"), custom.get("whenMissing"))
    return Declared(value, name, column, is_key, key_position, partition, partition_position, *places, lineage)


def _check_derived(document: Document, parts: Mapping[str, Value], custom: Mapping[str, Value]) -> None:
    """Note what only a column can have that a file brings."""
    fields = (*FIELDS, "primaryKey", "required", "partitioned")
    for name in (
        *(field for field in fields if field in parts),
        *(rule for rule in CUSTOM_PROPERTIES if rule in custom),
    ):
        document.complain(parts.get(name) or custom[name], "no file brings this column", f"drop {name}, or derivedAs")


def read_name(document: Document, value: Value) -> str | None:
    """The name of a table or column."""
    name = document.text(value)
    if name is not None and not IDENTIFIER.fullmatch(name):
        document.complain(value, f'"{name}" is not a name', "use a-z, 0-9 and _, a letter first, 127 at most")
        return None
    return name


def _read_type(document: Document, parts: Mapping[str, Value]) -> ColumnType | None:
    """The physical type, after checking the logical one against it."""
    text = document.text(parts["physicalType"]) if "physicalType" in parts else None
    logical = document.text(parts["logicalType"]) if "logicalType" in parts else None
    if text is None:
        return None
    try:
        type_ = ColumnType.parse(text)
    except ValueError as error:
        document.complain(parts["physicalType"], str(error), one_of(text, TYPE_SPELLINGS))
        return None
    if logical is not None and logical != type_.logical:
        document.complain(
            parts["logicalType"], f'"{logical}" is not the logical type of {type_}', f"use {type_.logical}"
        )
    return type_


def _read_partition(
    document: Document, parts: Mapping[str, Value], custom: Mapping[str, Value], type_: ColumnType | None
) -> tuple[int | None, str | None]:
    """The place of a partition column among its like and its transform; None and None for any other column."""
    is_partition = "partitioned" in parts and document.flag(parts["partitioned"])
    position = document.position(parts["partitionKeyPosition"]) if "partitionKeyPosition" in parts else None
    transform = "identity"
    if "partitionTransform" in custom:
        transform = document.choice(custom["partitionTransform"], PARTITION_TRANSFORMS) or transform
        if transform != "identity" and type_ and not type_.is_temporal:
            document.complain(custom["partitionTransform"], f"{transform} of a {type_}", "use identity, or a timestamp")
    for field in (parts.get("partitionKeyPosition"), custom.get("partitionTransform")):
        if field is not None and not is_partition:
            document.complain(field, "the column is not a partition", "add partitioned: true")
    return (position, transform) if is_partition else (None, None)


def _check_names(document: Document, columns: Sequence[Declared]) -> None:
    """No header spelling may name two columns."""
    owners: dict[str, str] = {}
    for declared in columns:
        if declared.name is None:
            continue
        if declared.name in owners:
            right = "rename one" if owners[declared.name] == declared.name else "drop that alias, or rename the column"
            document.complain(declared.value, f'"{declared.name}" already names {owners[declared.name]}', right)
        owners.setdefault(declared.name, declared.name)
        for alias in declared.column.aliases if declared.column else ():
            owner = owners.get(alias.lower())
            if owner is None:
                owners[alias.lower()] = declared.name
            elif owner == declared.name:
                document.complain(declared.value, f'alias "{alias}" is known already', "drop it; case does not matter")
            else:
                document.complain(declared.value, f'alias "{alias}" already names {owner}', "keep it on one column")
