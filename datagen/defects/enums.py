"""Defects of values from a list: enums with their synonyms, and booleans."""

from __future__ import annotations

import random

from datagen.defects.cells import in_any_case, is_null, mistyped, refused
from datagen.defects.model import AnyDefect, Cell, ValueDefect
from lakehouse.contract import Column, SourceContract

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_NO_BOOLEANS = ("maybe", "2", "ja", "tru", "checked", "-1")
_NO_VALUES = ("other", "misc", "tbd", "???", "default", "0", "banana")
_TRIES = 8


def _has_synonyms(column: Column, contract: SourceContract) -> bool:
    return bool(column.synonyms)


def _has_enum(column: Column, contract: SourceContract) -> bool:
    return bool(column.values)


def _is_boolean(column: Column, contract: SourceContract) -> bool:
    return column.type.kind == "boolean"


def _is_unknown(column: Column, text: str) -> bool:
    return text.strip() == text and text.lower() not in column.synonyms and not is_null(column, text)


def _enum_synonym(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    """Another word for the value; typos that the contract knows are among them."""
    words = [
        word
        for word, value in column.synonyms.items()
        if value == text and word != value.lower() and not is_null(column, word)
    ]
    return Cell(in_any_case(chance, chance.choice(words)), text) if words else None


def _enum_case(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or column.synonyms.get(text.lower()) != text:
        return None
    cased = in_any_case(chance, text)
    return Cell(cased, text) if cased != text else None


def _boolean_spelling(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    words = [word for word in (_TRUE if text == "true" else _FALSE) if not is_null(column, word)]
    return Cell(in_any_case(chance, chance.choice(words)), text)


def _unknown_enum(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return refused(column, chance.choice([word for word in _NO_VALUES if _is_unknown(column, word)]), "not_allowed")


def _unlisted_typo(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    for _ in range(_TRIES):
        typo = mistyped(chance, text)
        if _is_unknown(column, typo):
            return refused(column, typo, "not_allowed")
    return None


def _malformed_boolean(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return refused(column, chance.choice(_NO_BOOLEANS), "malformed")


ENUMS: list[AnyDefect] = [
    ValueDefect(name="enum_synonym", share=0.02, recoverable=True, fits=_has_synonyms, spoil=_enum_synonym),
    ValueDefect(name="enum_case", share=0.02, recoverable=True, tier="light", fits=_has_synonyms, spoil=_enum_case),
    ValueDefect(
        name="boolean_spelling", share=0.01, recoverable=True, tier="light", fits=_is_boolean, spoil=_boolean_spelling
    ),
    ValueDefect(name="unknown_enum", share=0.004, recoverable=False, fits=_has_enum, spoil=_unknown_enum),
    ValueDefect(name="unlisted_typo", share=0.002, recoverable=False, fits=_has_enum, spoil=_unlisted_typo),
    ValueDefect(name="malformed_boolean", share=0.002, recoverable=False, fits=_is_boolean, spoil=_malformed_boolean),
]
