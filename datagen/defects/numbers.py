"""Defects of numbers: what may be put right, and what no number is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal

from datagen.defects.cells import in_any_case, is_bound, is_id, is_null, refused
from datagen.defects.model import AnyDefect, Cell, ValueDefect
from lakehouse.contract import Column, SourceContract

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SIGNS = "€$£¥"
_CODES = ("EUR", "USD", "GBP", "PLN", "SEK", "CHF", "JPY")
_LIMITS = {"smallint": (1 << 15) - 1, "integer": (1 << 31) - 1, "bigint": (1 << 63) - 1}
_LOOK_ALIKES = str.maketrans("0158", "OlSB")
_GROUPED_SHARE = 0.5
_HUNDREDTH = Decimal("0.01")


def _is_exact(column: Column, contract: SourceContract) -> bool:
    """Whether the contract says digit by digit how the number is read: of doubles it does not."""
    return column.type.is_numeric and column.type.kind != "double"


def _may_have_thousands(column: Column, contract: SourceContract) -> bool:
    return _is_exact(column, contract) and (column.maximum is None or column.maximum >= 1_000)


def _is_decimal(column: Column, contract: SourceContract) -> bool:
    return column.type.kind == "decimal"


def _is_integer(column: Column, contract: SourceContract) -> bool:
    return column.type.logical == "integer"


def _is_measure(column: Column, contract: SourceContract) -> bool:
    return column.type.is_numeric and not is_id(column)


def _has_floor(column: Column, contract: SourceContract) -> bool:
    has_floor = column.minimum is not None and column.minimum >= 0 and "below_minimum" not in column.warnings
    return has_floor and _is_exact(column, contract) and not is_bound(column)


def _has_ceiling(column: Column, contract: SourceContract) -> bool:
    has_ceiling = column.maximum is not None and "above_maximum" not in column.warnings
    return has_ceiling and _is_exact(column, contract) and not is_bound(column)


def _greatest(column: Column) -> Decimal:
    """The greatest number that the column's type holds."""
    if column.type.kind != "decimal":
        return Decimal(_LIMITS[column.type.kind])
    return Decimal((0, (9,) * (column.type.precision or 0), -(column.type.scale or 0)))


def _plainly(column: Column, number: Decimal) -> str:
    """A number with all of the column's decimals."""
    return f"{number:.{column.type.scale or 0}f}"


# --- numbers that can be read


def _currency_sign(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or text.startswith("-"):
        return None
    sign, code = chance.choice(_SIGNS), chance.choice(_CODES)
    number = f"{Decimal(text):,f}" if chance.random() < _GROUPED_SHARE else text
    forms = (f"{sign}{number}", f"{sign} {number}", f"{number} {sign}", f"{number}{sign}")
    return Cell(chance.choice((*forms, f"{code} {number}", f"{number} {code}")), text)


def _decimal_comma(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or "." not in text:
        return None
    grouped = f"{Decimal(text):,f}".translate(str.maketrans(",.", ".,"))
    if "." in grouped and chance.random() < _GROUPED_SHARE:
        return Cell(grouped, text)
    fraction = text.partition(".")[2]
    # Three digits after a comma without a dot before it are thousands.
    return Cell(text.replace(".", ","), text) if len(fraction) != 3 else None


def _thousands_separator(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or abs(Decimal(text)) < 1_000:
        return None
    return Cell(f"{Decimal(text):,f}", text)


def _percent(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    hundredths = Decimal(text) * 100
    short = f"{hundredths.normalize():f}"
    return Cell(chance.choice((short, f"{hundredths:f}")) + chance.choice(("%", " %")), text)


def _number_words(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or Decimal(text) not in range(len(_WORDS)):
        return None
    return Cell(in_any_case(chance, _WORDS[int(Decimal(text))]), text)


def _integer_as_float(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return None if text is None else Cell(text + chance.choice((".0", ".00", ".")), text)


def _trailing_zeros(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or "." not in text:
        return None
    return Cell(text + "0" * chance.randint(1, 4), text)


def _plus_sign(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return None if text is None or text.startswith("-") else Cell(f"+{text}", text)


# --- what is refused


def _unlisted_repairs(column: Column, text: str) -> Sequence[str]:
    """Forms that the contract of another column may allow, but not that of this one."""
    forms = []
    if "currency_sign" not in column.repairs:
        forms += [f"€{text}", f"{text} EUR"]
    if "decimal_comma" not in column.repairs and "." in text and len(text.partition(".")[2]) != 3:
        forms.append(text.replace(".", ","))
    if "percent" not in column.repairs:
        forms.append(f"{text} %")
    if "number_words" not in column.repairs and Decimal(text) in range(len(_WORDS)):
        forms.append(_WORDS[int(Decimal(text))])
    return forms


def _malformed_number(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    forms = ["#VALUE!", "ERROR", f"about {text}", f"{text}?", f"{text}.50.1", *_unlisted_repairs(column, text)]
    if (looks_like := text.translate(_LOOK_ALIKES)) != text:
        forms.append(looks_like)
    if column.type.logical == "integer":
        forms.append(f"{text}.5")
    return refused(column, chance.choice([form for form in forms if not is_null(column, form)]), "malformed")


def _malformed_id(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    """An integer with a letter in it: `12a4`."""
    if text is None:
        return None
    at = chance.randint(1, len(text))
    return refused(column, text[:at] + chance.choice("abxyOl") + text[at:], "malformed")


def _too_precise(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    missing = (column.type.scale or 0) - len(text.partition(".")[2])
    more = "0" * (missing + chance.randrange(3)) + str(chance.randint(1, 9))
    return refused(column, f"{text if '.' in text else text + '.'}{more}", "too_precise")


def _negative_number(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or column.minimum is None:
        return None
    forms = [f"-{text}"] if Decimal(text) > 0 else [_plainly(column, -Decimal(chance.randint(1, 9)))]
    if column.exclusive_minimum or column.minimum > 0:
        forms.append(_plainly(column, Decimal(0)))
    return refused(column, chance.choice(forms), "below_minimum")


def _above_maximum(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None or column.maximum is None:
        return None
    step = Decimal(1).scaleb(-(column.type.scale or 0))
    first = column.maximum.quantize(step) + step
    room = int((_greatest(column) - first) / step)
    if room < 0:
        return None
    number = first + step * chance.randint(0, min(room, int(10 / step)))
    if "percent" in column.repairs and chance.random() < 0.5:
        return refused(column, f"{number * 100:f} %", "above_maximum")
    return refused(column, _plainly(column, number), "above_maximum")


def _too_large(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    greatest = int(_greatest(column))
    number = str(greatest + 1 + chance.randrange(greatest + 1))
    fraction = text.partition(".")[2]
    return refused(column, f"{number}.{fraction}" if fraction else number, "out_of_range")


NUMBERS: list[AnyDefect] = [
    ValueDefect(
        name="currency_sign",
        share=0.006,
        recoverable=True,
        fits=lambda column, contract: "currency_sign" in column.repairs,
        spoil=_currency_sign,
    ),
    ValueDefect(
        name="decimal_comma",
        share=0.006,
        recoverable=True,
        fits=lambda column, contract: _is_decimal(column, contract) and "decimal_comma" in column.repairs,
        spoil=_decimal_comma,
    ),
    ValueDefect(
        name="thousands_separator",
        share=0.006,
        recoverable=True,
        tier="light",
        fits=_may_have_thousands,
        spoil=_thousands_separator,
    ),
    ValueDefect(
        name="percent",
        share=0.006,
        recoverable=True,
        fits=lambda column, contract: _is_decimal(column, contract) and "percent" in column.repairs,
        spoil=_percent,
    ),
    ValueDefect(
        name="number_words",
        share=0.004,
        recoverable=True,
        fits=lambda column, contract: "number_words" in column.repairs,
        spoil=_number_words,
    ),
    ValueDefect(name="integer_as_float", share=0.006, recoverable=True, fits=_is_integer, spoil=_integer_as_float),
    ValueDefect(
        name="trailing_zeros", share=0.006, recoverable=True, tier="light", fits=_is_decimal, spoil=_trailing_zeros
    ),
    ValueDefect(name="plus_sign", share=0.004, recoverable=True, fits=_is_exact, spoil=_plus_sign),
    ValueDefect(name="malformed_number", share=0.004, recoverable=False, fits=_is_measure, spoil=_malformed_number),
    ValueDefect(
        name="malformed_id",
        share=0.002,
        recoverable=False,
        fits=lambda column, contract: _is_integer(column, contract) and is_id(column),
        spoil=_malformed_id,
    ),
    ValueDefect(name="too_precise", share=0.002, recoverable=False, fits=_is_decimal, spoil=_too_precise),
    ValueDefect(name="negative_number", share=0.004, recoverable=False, fits=_has_floor, spoil=_negative_number),
    ValueDefect(name="above_maximum", share=0.002, recoverable=False, fits=_has_ceiling, spoil=_above_maximum),
    ValueDefect(name="too_large", share=0.001, recoverable=False, fits=_is_exact, spoil=_too_large),
]
