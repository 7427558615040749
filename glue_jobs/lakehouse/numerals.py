"""The text of a number → the number, exactly: no digit passes through a binary fraction. Plain Python.

A sign, digits with a decimal point, thousands in groups of three (`1,234.50`), and the exponents of JSON (`1.2345E3`),
which mean what the number would be, written out. It never is written out: `1e999999999` costs no more than `1`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal

_SHAPE = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?)0*([0-9]+))?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
# Digits of an exponent beyond which no type of a column tells numbers apart, whatever stands before it.
_EXPONENT_DIGITS = 9
_EXACT = Context(prec=1_000)


@dataclass(frozen=True, slots=True)
class Numeral:
    """`digits` times ten to the power of `exponent`; digits end in no zero, and zero has the exponent 0."""

    digits: int
    exponent: int

    @property
    def decimals(self) -> int:
        """Digits after the decimal point."""
        return max(0, -self.exponent)

    @property
    def whole_digits(self) -> int:
        """Digits before the decimal point, leading zeros aside."""
        return max(0, len(str(abs(self.digits))) + self.exponent) if self.digits else 0

    def steps(self, scale: int) -> int:
        """How many units of so many decimals it is: of a number that has no more of them, and few whole digits."""
        return self.digits * int(10 ** (self.exponent + scale))

    def __float__(self) -> float:
        return float(f"{self.digits}e{self.exponent}")


def read(text: str, worth: Decimal | None = None) -> Numeral | None:
    """The number of a text of at most some hundred characters, times `worth`; None where it is none."""
    found = _SHAPE.fullmatch(ungrouped(text))
    if found is None:
        return None
    sign, whole, fraction, bare, minus, power = found.groups()
    fraction = fraction or bare or ""
    exponent = 0 if power is None else int(power) if len(power) <= _EXPONENT_DIGITS else 10**_EXPONENT_DIGITS
    exponent = (-exponent if minus == "-" else exponent) - len(fraction)
    digits = int(f"{sign}{whole or ''}{fraction}")
    return _normal(digits, exponent) if worth is None else _times(digits, exponent, worth)


def ungrouped(text: str) -> str:
    """`1,234.50` is 1234.50; `1,5` stays as it is, for it may mean one and a half."""
    return text.replace(",", "") if "," in text and _GROUPED.fullmatch(text) else text


def as_decimal(steps: int, scale: int) -> Decimal:
    """So many units of so many decimals."""
    return Decimal(steps).scaleb(-scale, _EXACT)


def _times(digits: int, exponent: int, worth: Decimal) -> Numeral:
    sign, factors, power = worth.as_tuple()
    factor = int("".join(map(str, factors))) * (-1 if sign else 1)
    return _normal(digits * factor, exponent + int(power))


def _normal(digits: int, exponent: int) -> Numeral:
    if digits == 0:
        return Numeral(0, 0)
    text = str(digits)
    kept = text.rstrip("0")
    return Numeral(int(kept), exponent + len(text) - len(kept))
