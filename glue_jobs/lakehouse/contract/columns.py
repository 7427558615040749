"""Reads the ``properties`` of a contract, one column each, and notes what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast, get_args

from lakehouse.contract.document import Document, Value
from lakehouse.contract.errors import one_of
from lakehouse.contract.model import TYPE_SPELLINGS, Classification, Column, ColumnType

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,126}")
"""Names that Redshift, Glue, Iceberg and Spark all take unquoted. A leading underscore is kept for lineage columns."""

EPOCH_FORMATS = ("epoch_seconds", "epoch_millis")
"""Formats of instants that arrive as a count since 1970-01-01T00:00:00Z; the number of digits tells them apart."""

PARTITION_TRANSFORMS = ("years", "months", "days", "hours", "identity")

_REQUIRED = ("name", "logicalType", "physicalType", "description")
_EVERYWHERE = (
    *("required", "primaryKey", "primaryKeyPosition", "partitioned", "partitionKeyPosition", "classification"),
    # For people and catalogues; nothing here reads them.
    *("businessName", "examples", "tags", "authoritativeDefinitions", "customProperties"),
)
_IN_SOURCES = ("synonyms", "enum", "logicalTypeOptions")
_CUSTOM_EVERYWHERE = ("unit", "partitionTransform")
_CUSTOM_IN_SOURCES = ("formats", "nulls", "valueSynonyms")
_OPTIONS = {"number": ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"), "string": ("pattern",)}
# The letters of Spark's datetime patterns that can be parsed; E, F, Q and q only format.
_PATTERN_LETTERS = frozenset("GyDMLdahKkHmsSVzOXxZ")


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


def read_columns(document: Document, value: Value, *, of_source: bool, nulls: Sequence[str]) -> list[Declared]:
    """Every column of a table. ``nulls`` are the dataset's spellings of null, merged with each column's own."""
    columns = [_read_column(document, item, of_source, nulls) for item in document.items(value)]
    if not columns:
        document.complain(value, "there are no columns", "declare at least the key")
    _check_names(document, columns)
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


def _read_column(document: Document, value: Value, of_source: bool, dataset_nulls: Sequence[str]) -> Declared:
    parts = document.fields(value, _REQUIRED, (*_EVERYWHERE, *(_IN_SOURCES if of_source else ())))
    custom = document.custom_properties(parts, (*_CUSTOM_EVERYWHERE, *(_CUSTOM_IN_SOURCES if of_source else ())))
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
    rules = _read_rules(document, value, parts, custom, type_, dataset_nulls) if type_ and of_source else {}
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
            **rules,
        )
    return Declared(value, name, column, is_key, key_position, partition, partition_position)


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


def _read_rules(
    document: Document,
    value: Value,
    parts: Mapping[str, Value],
    custom: Mapping[str, Value],
    type_: ColumnType,
    dataset_nulls: Sequence[str],
) -> dict[str, Any]:
    """How a source column's text is read and which of its values are refused, as fields of Column."""
    values = _read_enum(document, parts["enum"], type_) if "enum" in parts else ()
    own_nulls = document.texts(custom["nulls"]) if "nulls" in custom else ()
    return {
        "aliases": _read_aliases(document, parts["synonyms"]) if "synonyms" in parts else (),
        "formats": _read_formats(document, value, custom, type_),
        "nulls": tuple(dict.fromkeys((*dataset_nulls, *own_nulls))),
        "values": values,
        "synonyms": _read_synonyms(document, custom.get("valueSynonyms"), values, type_),
        **(_read_options(document, parts["logicalTypeOptions"], type_) if "logicalTypeOptions" in parts else {}),
    }


def _read_aliases(document: Document, value: Value) -> tuple[str, ...]:
    entries = [(item, document.fields(item, ("synonym",), ("description", "source"))) for item in document.items(value)]
    texts = [document.text(entry["synonym"]) for _, entry in entries if "synonym" in entry]
    return tuple(text for text in texts if text is not None)


def _read_enum(document: Document, value: Value, type_: ColumnType) -> tuple[str, ...]:
    if type_.kind != "varchar":
        document.complain(value, f"enum of a {type_}", "use logicalTypeOptions.minimum and maximum, or a varchar")
        return ()
    values: list[str] = []
    for item in document.items(value):
        entry = document.fields(item, ("value",), ("description", "label"))
        text = document.text(entry["value"]) if "value" in entry else None
        if text is None:
            continue
        if text in values:
            document.complain(entry["value"], f'"{text}" is said twice', "keep one")
        if len(text.encode()) > (type_.length or 0):
            document.complain(
                entry["value"], f'"{text}" does not fit {type_}', f"make it varchar({len(text.encode())})"
            )
        values.append(text)
    return tuple(values)


def _read_synonyms(
    document: Document, value: Value | None, values: Sequence[str], type_: ColumnType
) -> Mapping[str, str]:
    """Lower-cased spelling -> value, the values' own spellings included, so that case never matters to an enum."""
    found = {allowed.lower(): allowed for allowed in values}
    if value is None:
        return found
    if type_.kind != "varchar":
        document.complain(value, f"synonyms of a {type_}", "declare them on a varchar column")
        return found
    for target, spellings in document.mapping(value).items():
        if values and target not in values:
            document.complain(spellings, f'"{target}" is not a value of the enum', one_of(target, values))
        for spelling in (target, *document.texts(spellings)):
            known = found.setdefault(spelling.lower(), target)
            if known != target:
                document.complain(spellings, f'"{spelling}" also stands for "{known}"', "let it stand for one value")
    return found


def _read_formats(document: Document, value: Value, custom: Mapping[str, Value], type_: ColumnType) -> tuple[str, ...]:
    if "formats" not in custom:
        if type_.is_temporal:
            document.complain(value, f"a {type_} without formats", "add customProperties formats: [yyyy-MM-dd …]")
        return ()
    if not type_.is_temporal:
        document.complain(custom["formats"], f"formats of a {type_}", "give formats to dates and timestamps only")
        return ()
    for item in document.items(custom["formats"]):
        text = document.text(item)
        if text is None or text in EPOCH_FORMATS:
            continue
        bare = re.sub(r"'[^']*'", "", text)
        unknown = sorted({letter for letter in bare if letter.isalpha() and letter not in _PATTERN_LETTERS})
        if unknown or "'" in bare or bare.count("[") != bare.count("]") or not text.strip():
            wrong = f" (letters {' '.join(unknown)})" if unknown else ""
            document.complain(
                item,
                f'"{text}" is not a datetime pattern{wrong}',
                f"use a Spark pattern such as yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX], or {' or '.join(EPOCH_FORMATS)}",
            )
    return document.texts(custom["formats"])


def _read_options(document: Document, value: Value, type_: ColumnType) -> dict[str, Any]:
    allowed = _OPTIONS.get("number" if type_.is_numeric else type_.logical, ())
    options = document.fields(value, (), allowed)
    rules: dict[str, Any] = {}
    if "pattern" in options:
        rules["pattern"] = pattern = document.text(options["pattern"])
        try:
            re.compile(pattern or "")
        except re.error as error:
            document.complain(
                options["pattern"], f"not a regular expression: {error}", "put it right, or escape with \\"
            )
    for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if bound in options and flag in options:
            document.complain(options[flag], f"{bound} is declared too", f"keep one of {bound} and {flag}")
        limit = options.get(bound) or options.get(flag)
        if limit is not None:
            rules[bound] = document.number(limit)
            rules[f"exclusive_{bound}"] = flag in options
    low, high = rules.get("minimum"), rules.get("maximum")
    if isinstance(low, Decimal) and isinstance(high, Decimal) and low > high:
        document.complain(value, f"the minimum {low} is above the maximum {high}", "swap them")
    return rules


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
