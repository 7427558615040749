"""What a contract allows to be put right in a cell's text, as Spark columns; `lakehouse.contract.REPAIRS` says what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.contract import Column

_SIGN = r"(?:\p{Sc}|zł|kr|[A-Z]{3})"
_CURRENCY = rf"^(?:{_SIGN}\s*([\d.,]+)|([\d.,]+)\s*{_SIGN})$"
_COMMA = r"^([+-]?)(\d{1,3}(?:\.\d{3})+|\d+),(\d+)(\s*%)?$"
_LONE_GROUP = r"^[+-]?\d+,\d{3}(\s*%)?$"
_PERCENT = r"^([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d{0,8})?)\s*%$"
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

# Bytes 0x80 to 0xBF as Windows-1252 shows them, without the five that it does not know.
_SHOWN = {byte: bytes([byte]).decode("cp1252", "ignore") for byte in range(0x80, 0xC0)}


def _shown(first: int, last: int) -> str:
    return "[" + "".join(_SHOWN[byte] for byte in range(first, last + 1)) + "]"


_NEXT = _shown(0x80, 0xBF)
# UTF-8's byte sequences (RFC 3629), each byte as Windows-1252 shows it: nothing but them and ASCII may be in the text.
_MOJIBAKE = (
    rf"^(?:[\x00-\x7F]|[Â-ß]{_NEXT}|à{_shown(0xA0, 0xBF)}{_NEXT}|[á-ìîï]{_NEXT}{{2}}|í{_shown(0x80, 0x9F)}{_NEXT}"
    rf"|ð{_shown(0x90, 0xBF)}{_NEXT}{{2}}|[ñ-ó]{_NEXT}{{3}}|ô{_shown(0x80, 0x8F)}{_NEXT}{{2}})*$"
)
_OTHER_THAN_LATIN_1 = {shown: chr(byte) for byte, shown in _SHOWN.items() if shown and ord(shown) != byte}


def repaired(text: SparkColumn, column: Column) -> SparkColumn:
    """The text without the prefix of a sender, and with all put right that the column's contract allows."""
    return reduce(lambda done, repair: _REPAIRS[repair](done), column.repairs, _without_prefix(text, column))


def _without_prefix(text: SparkColumn, column: Column) -> SparkColumn:
    bare = text
    # The contract has them longest first; built from the end, the first of them is looked at first.
    for prefix in reversed(column.prefixes):
        rest = F.substr(text, F.lit(len(prefix) + 1))
        bare = F.when(F.lower(text).startswith(F.lit(prefix.lower())), rest).otherwise(bare)
    return bare


def _currency_sign(text: SparkColumn) -> SparkColumn:
    number = F.concat(F.regexp_extract(text, _CURRENCY, 1), F.regexp_extract(text, _CURRENCY, 2))
    return F.when(text.rlike(_CURRENCY), number).otherwise(text)


def _decimal_comma(text: SparkColumn) -> SparkColumn:
    whole = F.replace(F.regexp_extract(text, _COMMA, 2), F.lit("."), F.lit(""))
    sign, decimals, percent = (F.regexp_extract(text, _COMMA, group) for group in (1, 3, 4))
    is_meant = text.contains(",") & text.rlike(_COMMA) & ~text.rlike(_LONE_GROUP)
    return F.when(is_meant, F.concat(sign, whole, F.lit("."), decimals, percent)).otherwise(text)


def _percent(text: SparkColumn) -> SparkColumn:
    number = F.replace(F.regexp_extract(text, _PERCENT, 1), F.lit(","), F.lit(""))
    # Exact: the product of these two types holds every digit.
    share = number.try_cast("decimal(26,8)") * F.lit("0.01").cast("decimal(2,2)")
    return F.when(text.endswith("%") & text.rlike(_PERCENT) & share.isNotNull(), share.cast("string")).otherwise(text)


def _number_words(text: SparkColumn) -> SparkColumn:
    numbers = F.create_map(*(F.lit(item) for number, word in enumerate(_WORDS) for item in (word, str(number))))
    return F.coalesce(F.try_element_at(numbers, F.lower(text)), text)


def _html_entities(text: SparkColumn) -> SparkColumn:
    # Spark brings the library along; HTML 4 has no name for the apostrophe.
    named = F.replace(text, F.lit("&apos;"), F.lit("'"))
    plain = F.reflect(F.lit("org.apache.commons.text.StringEscapeUtils"), F.lit("unescapeHtml4"), named)
    return F.when(text.contains("&"), plain).otherwise(text)


def _mojibake(text: SparkColumn) -> SparkColumn:
    shown, bytes_ = "".join(_OTHER_THAN_LATIN_1), "".join(_OTHER_THAN_LATIN_1.values())
    utf8 = F.encode(F.translate(text, shown, bytes_), "ISO-8859-1")
    is_mojibake = text.rlike(r"[^\x00-\x7F]") & text.rlike(_MOJIBAKE)
    return F.when(is_mojibake, F.decode(utf8, "UTF-8")).otherwise(text)


def _email(text: SparkColumn) -> SparkColumn:
    inside = F.when(text.rlike(r"^[^<>]*<[^<>]*>$"), F.regexp_extract(text, "<([^<>]*)>", 1)).otherwise(text)
    address = F.regexp_replace(inside, "^(?i)mailto:", "")
    local, domain = (F.regexp_extract(address, r"(?s)^(.*@)([^@]*)$", group) for group in (1, 2))
    return F.when(address.contains("@"), F.concat(local, F.lower(domain))).otherwise(address)


def _phone(text: SparkColumn) -> SparkColumn:
    digits = F.regexp_replace(F.replace(text, F.lit("(0)"), F.lit("")), "[ ./()-]", "")
    return F.regexp_replace(digits, "^00", "+")


_REPAIRS: Mapping[str, Callable[[SparkColumn], SparkColumn]] = {
    "currency_sign": _currency_sign,
    "decimal_comma": _decimal_comma,
    "percent": _percent,
    "number_words": _number_words,
    "html_entities": _html_entities,
    "mojibake": _mojibake,
    "email": _email,
    "phone": _phone,
}
