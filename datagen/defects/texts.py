"""Defects of text: blanks, broken encodings, odd spellings of addresses, and what does not fit."""

from __future__ import annotations

import random
import re
from html import unescape
from html.entities import codepoint2name

from datagen.defects.cells import (
    BLANKS,
    absent,
    fits_length,
    is_bound,
    is_free_text,
    is_null,
    mistyped,
    refused,
    text_problems,
)
from datagen.defects.model import AnyDefect, Cell, ValueDefect
from lakehouse.contract import Column, SourceContract

_EMOJI = ("🎁", "👩🏽‍💻", "🇪🇺", "❤️", "🦜")
_RIGHT_TO_LEFT = ("שלום", "مرحبا", "\u202eמה\u202c")
_ADDRESS = re.compile(r"[^@\s<>\",;:]+@[^@\s<>\",;:]+")
_NUMBER = re.compile(r"\+(\d{2})(\d{3})(\d{3,})")
_DISPLAY_NAMES = ("Jane Doe", '"Doe, Jane"', "Kundin", "J. D.")
_LONGEST_SPOILT_BYTES = 1_000
_FIRST_NAMED = 160
"""HTML reads references to 128 to 159 as Windows-1252."""


def _is_any(column: Column, contract: SourceContract) -> bool:
    return True


def _is_optional(column: Column, contract: SourceContract) -> bool:
    return not column.required


def _is_prose(column: Column, contract: SourceContract) -> bool:
    return is_free_text(column)


def _is_short_text(column: Column, contract: SourceContract) -> bool:
    is_text = column.type.kind == "varchar" and not column.values and not is_bound(column)
    return is_text and (column.type.length or 0) <= _LONGEST_SPOILT_BYTES


def _has_pattern(column: Column, contract: SourceContract) -> bool:
    return column.pattern is not None and column.type.kind == "varchar" and not is_bound(column)


# --- blanks and nulls


def _padding(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    before, after = (chance.choice(("", " ", "  ", "\t", "\u00a0")) for _ in range(2))
    return Cell(f"{before}{text}{after}" if before or after else f" {text}", text)


def _null_spelling(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return Cell(absent(chance, column)) if text is None else None


# --- what may be put right


def _html_entities(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or unescape(text) != text:
        return None
    return Cell("".join(_entity(chance, character) for character in text), text)


def _entity(chance: random.Random, character: str) -> str:
    code = ord(character)
    if character not in "&<>\"'" and code < _FIRST_NAMED:
        return character
    name = codepoint2name.get(code)
    forms = ([f"&{name};"] * 2 if name else []) + [f"&#{code};", f"&#x{code:x};"]
    return chance.choice(forms)


def _mojibake(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or text.isascii():
        return None
    try:
        garbled = text.encode().decode("cp1252")
    except UnicodeDecodeError:  # five bytes are no character of Windows-1252
        return None
    # "à" becomes an A with a tilde and a no-break space: at the end of a text nobody could tell it from padding.
    return Cell(garbled, text) if garbled.strip(BLANKS) == garbled and unescape(garbled) == garbled else None


def _odd_email(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or not _ADDRESS.fullmatch(text):
        return None
    local, _, domain = text.partition("@")
    if domain.lower() != domain:
        return None
    shouted = f"{local}@{chance.choice((domain.upper(), domain.title()))}"
    forms = [f"mailto:{text}", f"<{text}>", f"{chance.choice(_DISPLAY_NAMES)} <{text}>"]
    if shouted.lower() == f"{local}@{domain}".lower():
        forms += [shouted, shouted, f"<{shouted}>"]
    return Cell(chance.choice(forms), text)


def _odd_phone(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    number = _NUMBER.fullmatch(text or "")
    if number is None:
        return None
    country, area, rest = number.groups()
    first, second = rest[: len(rest) // 2], rest[len(rest) // 2 :]
    forms = (
        *(f"00{country}{area}{rest}", f"00{country} (0){area}/{first}-{second}", f"+{country} (0) {area} {rest}"),
        *(f"+{country} {area} {first} {second}", f"+{country}.{area}.{rest}", f"+{country}-{area}-{first}-{second}"),
        *(f"(+{country}) {area}/{rest}", f"+{country} ({area}) {first}-{second}", f"00{country}-{area}/{rest}"),
    )
    return Cell(chance.choice(forms), text)


# --- odd, but what it says is what is meant


def _quoted_newline(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or " " not in text:
        return None
    blanks = [at for at, character in enumerate(text) if character == " "]
    at = chance.choice(blanks)
    broken = f"{text[:at]}\n{text[at + 1 :]}"
    return Cell(broken, broken)


def _with_words(column: Column, text: str | None, words: str) -> Cell | None:
    if text is None or not fits_length(column, f"{text} {words}"):
        return None
    return Cell(f"{text} {words}", f"{text} {words}")


def _emoji(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return _with_words(column, text, chance.choice(_EMOJI))


def _right_to_left(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return _with_words(column, text, chance.choice(_RIGHT_TO_LEFT))


# --- what is refused


def _too_long(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    """More bytes than the column holds; with letters of two bytes each also where the letters would fit."""
    if text is None:
        return None
    letter, length = chance.choice("xé"), column.type.length or 0
    missing = length - len(text.encode()) + 1
    longer = text + letter * (-(-max(missing, 1) // len(letter.encode())) + chance.randrange(3))
    return None if longer.lower() in column.synonyms else refused(column, longer, *text_problems(column, longer))


def _bad_pattern(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    """A text of another shape, and too long besides where it is a word that stands for no value: `Germani`."""
    if text is None:
        return None
    forms = [text[1:], text[:-1], f"{text}!", text.lower(), text.replace("@", "(at)"), text.replace("@", "@@"), "x1"]
    forms += [mistyped(chance, word) for word, value in column.synonyms.items() if value == text]
    wrong = [form for form in forms if _is_wrong(column, form)]
    if not wrong:
        return None
    form = chance.choice(wrong)
    return refused(column, form, *text_problems(column, form))


def _is_wrong(column: Column, text: str) -> bool:
    if is_null(column, text) or text.strip(BLANKS) != text or text.lower() in column.synonyms:
        return False
    return "pattern_mismatch" in text_problems(column, text)


TEXTS: list[AnyDefect] = [
    ValueDefect(name="padding", share=0.02, recoverable=True, tier="light", fits=_is_any, spoil=_padding),
    ValueDefect(
        name="null_spelling", share=0.02, recoverable=True, tier="light", fits=_is_optional, spoil=_null_spelling
    ),
    ValueDefect(
        name="html_entities",
        share=0.006,
        recoverable=True,
        fits=lambda column, contract: "html_entities" in column.repairs,
        spoil=_html_entities,
    ),
    ValueDefect(
        name="mojibake",
        share=0.006,
        recoverable=True,
        fits=lambda column, contract: "mojibake" in column.repairs,
        spoil=_mojibake,
    ),
    ValueDefect(
        name="odd_email",
        share=0.01,
        recoverable=True,
        fits=lambda column, contract: "email" in column.repairs,
        spoil=_odd_email,
    ),
    ValueDefect(
        name="odd_phone",
        share=0.01,
        recoverable=True,
        fits=lambda column, contract: "phone" in column.repairs,
        spoil=_odd_phone,
    ),
    ValueDefect(name="quoted_newline", share=0.004, recoverable=True, fits=_is_prose, spoil=_quoted_newline),
    ValueDefect(name="emoji", share=0.004, recoverable=True, fits=_is_prose, spoil=_emoji),
    ValueDefect(
        name="right_to_left", share=0.002, recoverable=True, tier="hostile", fits=_is_prose, spoil=_right_to_left
    ),
    ValueDefect(name="too_long", share=0.002, recoverable=False, fits=_is_short_text, spoil=_too_long),
    ValueDefect(name="bad_pattern", share=0.004, recoverable=False, fits=_has_pattern, spoil=_bad_pattern),
]
