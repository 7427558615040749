"""Several statements in one text: where each begins and ends, as Redshift reads quotes, comments and dollars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What a semicolon may hide in. Each is closed by the same kind of end, or by the end of the text.
_OPENINGS = re.compile(r"'|\"|--|/\*|\$[A-Za-z_]*\$|;")


@dataclass(frozen=True)
class Statement:
    """One statement without its semicolon, and the line of the text on which it begins, from 1."""

    text: str
    line: int


def statements(text: str) -> Iterator[Statement]:
    """Every statement of a text that is not blank or comment alone."""
    start = 0
    for end in (*_semicolons(text), len(text)):
        part = text[start:end]
        if _without_comments(part).strip():
            leading = len(part) - len(part.lstrip())
            yield Statement(part.strip(), text.count("\n", 0, start + leading) + 1)
        start = end + 1


def is_complete(text: str) -> bool:
    """Whether a text ends with a semicolon that ends a statement."""
    ends = list(_semicolons(text))
    return bool(ends) and not _without_comments(text[ends[-1] + 1 :]).strip()


def _semicolons(text: str) -> Iterator[int]:
    position = 0
    while match := _OPENINGS.search(text, position):
        if match[0] == ";":
            yield match.start()
            position = match.end()
        else:
            position = _end_of(text, match)


def _without_comments(text: str) -> str:
    kept, position, start = [], 0, 0
    while match := _OPENINGS.search(text, position):
        position = match.end() if match[0] == ";" else _end_of(text, match)
        if match[0] in ("--", "/*"):
            kept.append(text[start : match.start()])
            start = position
    return "".join((*kept, text[start:]))


def _end_of(text: str, opening: re.Match[str]) -> int:
    """Where what was opened ends. A doubled quote closes and opens again, which comes to the same."""
    mark = opening[0]
    if mark == "/*":
        return _end_of_block(text, opening.end())
    close = "\n" if mark == "--" else mark
    found = text.find(close, opening.end())
    return found + len(close) if found >= 0 else len(text)


def _end_of_block(text: str, position: int) -> int:
    """Comments in comments are closed one by one."""
    depth = 1
    while depth and (match := re.compile(r"/\*|\*/").search(text, position)):
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return position if not depth else len(text)
