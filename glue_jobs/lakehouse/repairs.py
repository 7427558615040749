"""What a contract allows to be put right in a cell's text; `lakehouse.contract.REPAIRS` says what. Plain Python.

Each repair takes a text and gives it back, repaired or as it was, in time that grows with its length alone: no regular
expression here repeats a part that repeats something itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from html.entities import html5

from lakehouse.contract import Repair

# White space of Unicode, and what stands for nothing at all: zero-width space and byte order mark. Copy and paste,
# spreadsheets and web pages leave them around a value.
BLANKS = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u2028\u2029"
    "\u202f\u205f\u3000\ufeff"
)
# 18 digits before the point and 8 after it, times a factor of as many: exact.
_EXACT = Context(prec=80)
_WHOLE_DIGITS = 18
_SIGNED = re.compile(rf"([^\d.,\s]{{1,3}})?[{BLANKS}]*([0-9.,]+)[{BLANKS}]*([^\d.,\s]{{1,3}})?")
_CODE = re.compile("[A-Z]{3}|zł|kr")
_COMMA = re.compile(rf"([+-]?)([0-9]{{1,3}}(?:\.[0-9]{{3}})+|[0-9]+),([0-9]+)([{BLANKS}]*%)?")
_PERCENT = re.compile(rf"([+-]?)([0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]*)(\.[0-9]{{0,8}})?[{BLANKS}]*%")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS = {word: str(number) for number, word in enumerate(_WORDS)}
_ENTITY = re.compile(r"&(?:#([0-9]{1,32})|#[xX]([0-9a-fA-F]{1,32})|([A-Za-z][A-Za-z0-9]{0,31}));")
_LAST_CODE_POINT = 0x10FFFF
_ADDRESS = re.compile("[^<>]*<([^<>]*)>")
_BETWEEN_DIGITS = re.compile(rf"[{BLANKS}./()-]+")


def _currency_sign(text: str) -> str:
    found = _SIGNED.fullmatch(text)
    if found is None or (found[1] is None) == (found[3] is None):
        return text
    return found[2] if _is_sign(found[1] or found[3]) else text


def _is_sign(text: str) -> bool:
    return unicodedata.category(text) == "Sc" if len(text) == 1 else _CODE.fullmatch(text) is not None


def _decimal_comma(text: str) -> str:
    found = _COMMA.fullmatch(text) if "," in text else None
    if found is None or ("." not in found[2] and len(found[3]) == 3):
        return text
    return f"{found[1]}{found[2].replace('.', '')}.{found[3]}{found[4] or ''}"


def _percent(text: str) -> str:
    found = _PERCENT.fullmatch(text) if text.endswith("%") else None
    if found is None:
        return text
    whole, decimals = found[2].replace(",", ""), (found[3] or "").removeprefix(".")
    if len(whole.lstrip("0")) > _WHOLE_DIGITS or not (whole or decimals):
        return text
    return f"{Decimal(f'{found[1]}{whole or 0}.{decimals}').scaleb(-2, _EXACT):f}"


def _number_words(text: str) -> str:
    return _NUMBERS.get(text.lower(), text)


def _html_entities(text: str) -> str:
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    """What an entity stands for; itself where that is no character, or one that no text here may hold."""
    if entity[3]:
        return html5.get(f"{entity[3]};", entity[0])
    point = int(entity[1]) if entity[1] else int(entity[2], 16)
    if point == 0 or 0xD800 <= point <= 0xDFFF or point > _LAST_CODE_POINT:
        return entity[0]
    # As browsers read them: numbers of Windows-1252, where Unicode has control characters.
    return bytes([point]).decode("cp1252", "ignore") or chr(point) if 0x80 <= point <= 0x9F else chr(point)


def _mojibake(text: str) -> str:
    if text.isascii():
        return text
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def _email(text: str) -> str:
    inside = _ADDRESS.fullmatch(text)
    address = inside[1] if inside else text
    if address[:7].lower() == "mailto:":
        address = address[7:]
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}" if at else address


def _phone(text: str) -> str:
    digits = _BETWEEN_DIGITS.sub("", text.replace("(0)", ""))
    return f"+{digits[2:]}" if digits.startswith("00") else digits


BY_NAME: Mapping[Repair, Callable[[str], str]] = {
    "currency_sign": _currency_sign,
    "decimal_comma": _decimal_comma,
    "percent": _percent,
    "number_words": _number_words,
    "html_entities": _html_entities,
    "mojibake": _mojibake,
    "email": _email,
    "phone": _phone,
}
