"""Reads how a source column's text becomes a value, and which values are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast, get_args

from lakehouse.contract.column import REPAIRS, Repair
from lakehouse.contract.datetime_patterns import datetime_pattern
from lakehouse.contract.document import Document, Value
from lakehouse.contract.errors import one_of
from lakehouse.contract.row_rules import SOFTENED, ColumnReference, ColumnRule, Orphans
from lakehouse.contract.substitutes import read_substitute
from lakehouse.contract.types import ColumnType

EPOCH_FORMATS = ("epoch_seconds", "epoch_millis")
"""Formats of instants that arrive as a count since 1970-01-01T00:00:00Z; the number of digits tells them apart."""

FIELDS = ("synonyms", "enum", "logicalTypeOptions", "relationships", "unique")
"""The fields of a property that hold rules: sources have them, gold tables do not."""

CUSTOM_PROPERTIES = (
    "formats",
    "nulls",
    "valueSynonyms",
    "repairs",
    "prefixes",
    "aliasUnits",
    "orphans",
    "warn",
    "whenMissing",
)
"""The custom properties that do."""

_OPTIONS = {"number": ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"), "string": ("pattern",)}
_REPAIRS_OF_NUMBERS: tuple[Repair, ...] = ("currency_sign", "decimal_comma", "percent", "number_words")
_REPAIRS_OF_TEXT = tuple(repair for repair in REPAIRS if repair not in _REPAIRS_OF_NUMBERS)


def read_rules(
    document: Document,
    parts: Mapping[str, Value],
    custom: Mapping[str, Value],
    type_: ColumnType,
    dataset_nulls: Sequence[str],
) -> dict[str, Any]:
    """How a source column's text is read and which of its values are refused, as fields of Column."""
    values = _read_enum(document, parts["enum"], type_) if "enum" in parts else ()
    own_nulls = document.texts(custom["nulls"]) if "nulls" in custom else ()
    aliases = _read_aliases(document, parts["synonyms"]) if "synonyms" in parts else ()
    options = _read_options(document, parts["logicalTypeOptions"], type_) if "logicalTypeOptions" in parts else {}
    return {
        "aliases": aliases,
        "formats": _read_formats(document, custom, type_),
        "nulls": tuple(dict.fromkeys((*dataset_nulls, *own_nulls))),
        "values": values,
        "synonyms": _read_synonyms(document, custom.get("valueSynonyms"), values, type_),
        "repairs": _read_repairs(document, custom["repairs"], type_) if "repairs" in custom else (),
        "prefixes": _read_prefixes(document, custom["prefixes"]) if "prefixes" in custom else (),
        "alias_units": (
            _read_alias_units(document, custom["aliasUnits"], aliases, type_) if "aliasUnits" in custom else {}
        ),
        "is_unique": _read_unique(document, parts) if "unique" in parts else False,
        "warnings": _read_warnings(document, custom["warn"], options) if "warn" in custom else (),
        "substitute": read_substitute(document, custom["whenMissing"]) if "whenMissing" in custom else None,
        **options,
    }


def read_reference(
    document: Document, parts: Mapping[str, Value], custom: Mapping[str, Value], domain: str
) -> tuple[ColumnReference | None, Value | None]:
    """What a column refers to, and where it says so; None and None for a column that refers to nothing.

    Whether the other dataset and its column are there is for the registry to check.
    """
    orphans = document.choice(custom["orphans"], get_args(Orphans)) if "orphans" in custom else None
    if "relationships" not in parts:
        if "orphans" in custom:
            right = "add relationships: [{type: foreignKey, to: dataset.column}]"
            document.complain(custom["orphans"], "the column refers to nothing", right)
        return None, None
    if "orphans" not in custom:
        right = f"add customProperties orphans: {', '.join(get_args(Orphans)[:-1])} or {get_args(Orphans)[-1]}"
        document.complain(parts["relationships"], "nothing says what becomes of orphans", right)
    relationships = document.items(parts["relationships"])
    if len(relationships) != 1:
        document.complain(parts["relationships"], f"{len(relationships)} relationships", "declare one per column")
        return None, None
    relationship = document.fields(relationships[0], ("to",), ("type",))
    if "type" in relationship:
        document.choice(relationship["type"], ("foreignKey",))
    place = relationship.get("to")
    target = document.text(place) if place is not None else None
    if place is None or target is None:
        return None, None
    *names, column = target.split(".")
    if len(names) not in (1, 2):
        right = f"write dataset.column, or domain.dataset.column outside {domain}"
        document.complain(place, f'"{target}" is not a column of a dataset', right)
        return None, None
    if orphans is None:
        return None, None
    dataset = ".".join(names) if len(names) == 2 else f"{domain}.{names[0]}"
    return ColumnReference(dataset, column, cast(Orphans, orphans)), place


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


def _read_repairs(document: Document, value: Value, type_: ColumnType) -> tuple[Repair, ...]:
    """The repairs allowed, in the order they are made in."""
    fitting = _REPAIRS_OF_NUMBERS if type_.is_numeric else _REPAIRS_OF_TEXT if type_.kind == "varchar" else ()
    for item in document.items(value):
        repair = document.choice(item, tuple(REPAIRS))
        if repair is not None and repair not in fitting:
            right = f"use {', '.join(fitting)}" if fitting else "repair numbers and varchars only"
            document.complain(item, f"{repair} of a {type_}", right)
    allowed = document.texts(value)
    return tuple(repair for repair in REPAIRS if repair in allowed)


def _read_prefixes(document: Document, value: Value) -> tuple[str, ...]:
    """Longest first, so that the first one that a text begins with is the one that fits best."""
    found: list[str] = []
    for item in document.items(value):
        prefix = document.text(item)
        if prefix is None:
            continue
        if not prefix or prefix != prefix.lstrip():
            document.complain(item, f'"{prefix}" begins no value', "write what stands before it, without blanks before")
        elif prefix.lower() in (known.lower() for known in found):
            document.complain(item, f'"{prefix}" is known already', "drop it; case does not matter")
        found.append(prefix)
    return tuple(sorted(found, key=len, reverse=True))


def _read_alias_units(
    document: Document, value: Value, aliases: Sequence[str], type_: ColumnType
) -> Mapping[str, Decimal]:
    """Lower-cased alias -> what one unit under that header is worth in the column's own."""
    found: dict[str, Decimal] = {}
    if not type_.is_numeric:
        document.complain(value, f"aliasUnits of a {type_}", "give units to aliases of numbers only")
        return found
    known = {alias.lower() for alias in aliases}
    for alias, part in document.mapping(value).items():
        worth = document.number(part)
        if alias.lower() not in known:
            document.complain(part, f'"{alias}" is not an alias of the column', one_of(alias, aliases))
        elif alias.lower() in found:
            document.complain(part, f'"{alias}" is known already', "drop it; case does not matter")
        if worth is not None and worth <= 0:
            document.complain(part, f"{worth} is not a unit", "write a number above 0, such as 0.01 for cents")
        if worth is not None:
            found[alias.lower()] = worth
    return found


def _read_unique(document: Document, parts: Mapping[str, Value]) -> bool:
    is_unique = document.flag(parts["unique"])
    if is_unique and "primaryKey" in parts and document.flag(parts["primaryKey"]):
        document.complain(parts["unique"], "versions of a row share their key", "drop it; silver has every key once")
    return is_unique


def _read_warnings(document: Document, value: Value, options: Mapping[str, Any]) -> tuple[ColumnRule, ...]:
    """The rules of the column that only warn, each of which it has to have."""
    for item in document.items(value):
        rule = document.choice(item, tuple(SOFTENED))
        if rule is not None and (declared := SOFTENED[cast(ColumnRule, rule)]) not in options:
            document.complain(item, f"the column has no {declared}", f"declare the {declared}, or drop {rule}")
    return cast(tuple[ColumnRule, ...], document.texts(value))


def _read_formats(document: Document, custom: Mapping[str, Value], type_: ColumnType) -> tuple[str, ...]:
    if "formats" not in custom:
        return ()
    if not type_.is_temporal:
        document.complain(custom["formats"], f"formats of a {type_}", "give formats to dates and timestamps only")
        return ()
    for item in document.items(custom["formats"]):
        text = document.text(item)
        if text is None or text in EPOCH_FORMATS:
            continue
        wrong = _wrong_with(text)
        if wrong is not None:
            document.complain(
                item,
                f'"{text}" is not a datetime pattern: {wrong}',
                f"use a Spark pattern such as yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX], or {' or '.join(EPOCH_FORMATS)}",
            )
    return document.texts(custom["formats"])


def _wrong_with(format_: str) -> str | None:
    try:
        pattern = datetime_pattern(format_)
    except ValueError as error:
        return str(error)
    return None if pattern.names_a_day else "year, month and day are not all in it; MM is the month, mm are minutes"


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
