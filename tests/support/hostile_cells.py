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


@cache
def long_cells(length: int = MAX_CELL) -> Sequence[str]:
    """Cells of one thing over and over again, and of mojibake or an entity before what has no end."""
    repeated = [part * (length // len(part.encode())) for part in _LONG]
    return [*repeated, "Ã©" + "a" * (length - 4), "&amp;" + "b" * (length - 5), "a" * (length - 1) + "@"]
