"""Cells that somebody sends who means no good, or whose export went wrong, for a column of any contract."""

# ruff: noqa: RUF001 - characters that look like others are what is wanted

from __future__ import annotations

import random
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache

from lakehouse.contract import Column

MAX_CELL = (4 << 20) - 4096
"""Characters of ASCII that fit into a record beside a few other cells."""
_PIECES = (
    "&#1114112;", "&#0;", "&#x0;", "&#xD800;", "&#55357;", "&nbsp;", "&#32;", "&amp;", "&amp", "&copy;", "&eacute;",
    "&check;", "&unknown;", "&#150;", "&#x1F600;", "&amp;amp;", "&;", "&#;", "&#99999999999999999999;", "&lt;b&gt;",
    "Ã©", "CafÃ©", "ÃƒÂ©", "â‚¬", "ï»¿", "Ã", "Â\u00a0", "é", "😀", "\u0085", "\u2028", "\u2029", "\u2003", "\u3000",
    "\u200b", "\ufeff", "\x01", "\x1f", "\x7f", "\u202e", "e\u0301", "ﬃ", "İ", "user:", "uid-", "C-", "#", "order-",
    "null", "N/A", "-", "1,234.50", "1.234,50", "12,5", "15 %", "€", "EUR", "zł", "seven", "mailto:", "<", ">", "@",
    "+49", "(0)", "00", "2026-03-01", "T10:00:00Z", " ", "\t", "a", "0", ".", ",", '"', "\\", "'",
)  # fmt: skip
_DAYS = (
    *("2026-03-01", "20260301", "2026-060", "2026060", "2026-W09-7", "2026W097", "0000-12-31", "9999-12-31"),
    *(
        "0001-01-01",
        "2024-02-29",
        "2023-02-29",
        "2026-366",
        "2024-366",
        "2020-W53-1",
        "2025-W53-1",
        "2026-W53-1",
        "2026-02-30",
    ),
    *("+12026-01-01", "+12026/02/30", "01.03.2026", "2026/03/01", "2026-3-1", "30.02.2026", "2026-03", "20260230"),
)
_TIMES = (
    *("", "T09:30:00", "T09:30", "T093000", "T0930", "T09", " 09:30:00", " 0930", "t23:59:59", "T24:00", " 24:00:00"),
    *("T24:00:01", "T240000.0", "T23:59:60", "T25:00", " 09", "T12:61:00", "T9:30", "  09:30", " 09.30"),
)
_FRACTIONS = ("", "", "", ".5", ",25", ".123456789", ".1234567890", ".")
_ZONES = (
    *("", "", "Z", "z", "+00", "+01", "-05", "+0530", "+05:30", "-18:00", "+18:01", "+19", "+5", "-00:00", "-05:00"),
    *(" UTC", "+01:60"),
)
_MANTISSAS = (
    *("0", "1", "12", "1234", "1,234", "999", "0.001", "1.2345", ".5", "5.", "12.50", "0.000", "100", "32768", ".", ""),
    *("1767452400", "1767452400000", "9999999999", "000123456789", "2147483648", "9223372036854775808"),
    *("99999999999.99", "1767452400.25", "9" * 60),
)
_EXPONENTS = ("0", "1", "2", "3", "6", "9", "12", "00003", "40", "400", "999999999", "9" * 30, "", "1.0")
_LONG = (
    "a",
    "&amp;",
    "&#0;",
    "Ã©",
    "é",
    "1",
    "1,234",
    ",123",
    ".",
    "user:",
    "<",
    "@",
    "a@",
    " ",
    "\u2028",
    "\t",
    "-",
    "%",
)


@cache
def of_every_category() -> Sequence[str]:
    """Two characters of each general category of Unicode that text can hold."""
    found: dict[str, list[str]] = {}
    for point in range(1, sys.maxunicode + 1):
        known = found.setdefault(unicodedata.category(chr(point)), [])
        if len(known) < 2:
            known.append(chr(point))
    del found["Cs"]
    return [character for known in found.values() for character in known]


def endings(value: str) -> list[str]:
    """A value with something around it that is none of its own."""
    around = [
        " ",
        "\t",
        "\r\n",
        "\u00a0",
        "\u0085",
        "\u2028",
        "\u2029",
        "\u2003",
        "\u200a",
        "\u3000",
        "\u200b",
        "\ufeff",
    ]
    return [f"{value}{blank}" for blank in around] + [f"{blank}{value}" for blank in around]


def short_cells(column: Column, chance: random.Random, count: int) -> list[str]:
    """Cells of a few characters: prefixes with nothing or null behind them, and what chance puts together."""
    found = [
        *(f"{prefix}{rest}" for prefix in column.prefixes for rest in ("", " ", " 42", "null", "n/a", f"{prefix}7")),
        *(
            ("&nbsp;", "&#32;x", "&#0;", "&#1114112;", "Ada&#0;Bo", "&#8232;", "Ã©" + "a" * 60)
            if column.repairs
            else ()
        ),
        *endings(next(iter(column.synonyms), "DE")),
    ]
    pieces = (*_PIECES, *of_every_category(), *column.prefixes, *list(column.synonyms)[:5], *column.nulls)
    while len(found) < count:
        found.append("".join(chance.choices(pieces, k=chance.randint(1, 5))))
    return found


def instant_cells(chance: random.Random, count: int) -> list[str]:
    """Dates and instants in forms of ISO 8601 and near them, of years that there are and that there are not."""
    parts = (_DAYS, _TIMES, _FRACTIONS, _ZONES)
    edges = ["9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59.999999Z", "1000-01-01 00:00:00+17:59"]
    return edges + ["".join(chance.choice(part) for part in parts) for _ in range(count)]


def number_cells(chance: random.Random, count: int) -> list[str]:
    """Numbers in the grammar of JSON and near it, with exponents that nothing could write out."""
    found = []
    for _ in range(count):
        number = chance.choice(("", "", "-", "+")) + chance.choice(_MANTISSAS)
        if chance.random() < 0.5:
            number += chance.choice("eE") + chance.choice(("", "+", "-")) + chance.choice(_EXPONENTS)
        found.append(number)
    return found


def mutated(chance: random.Random, cell: str) -> str:
    """A cell in which one character is another, is gone, or is there twice."""
    at = chance.randrange(len(cell) + 1)
    return (
        cell[:at]
        + chance.choice(("", "0", "9", " ", "-", ":", ".", ",", "e", "Z", "é", cell[at : at + 1] * 2))
        + (cell[at + 1 :])
    )


@cache
def long_cells(length: int = MAX_CELL) -> Sequence[str]:
    """Cells of one thing over and over again, and of mojibake or an entity before what has no end."""
    repeated = [part * (length // len(part.encode())) for part in _LONG]
    return [*repeated, "Ã©" + "a" * (length - 4), "&amp;" + "b" * (length - 5), "a" * (length - 1) + "@"]
