"""The registry as a table for people.

    python -m datagen.defects.listing docs/generator.md

writes the table of a document again, between the two comments that mark its place.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datagen.defects import DEFECTS
from datagen.defects.model import AnyDefect, DeliveryDefect, FileDefect, LineDefect, RowDefect, ShapeDefect

COLUMNS = ("defect", "level", "from", "messy share", "what must become of it")
BEGIN, END = "<!-- defects: begin -->\n", "<!-- defects: end -->\n"


def outcome(defect: AnyDefect) -> str:
    """What must become of what the defect touches, in a few words."""
    match defect:
        case LineDefect():
            return f"row refused: {defect.violation}"
        case RowDefect(moves=True):
            return "comes later, once"
        case RowDefect():
            return {"same": "duplicate", "newer": "the newer row wins", "older": "superseded"}[defect.version]
        case ShapeDefect():
            return "read all the same"
        case FileDefect(verdict="accepted"):
            return "accepted, no rows"
        case FileDefect():
            return {"quarantined": "file refused", "ignored": "ignored"}.get(defect.verdict, defect.verdict) + (
                f": {defect.reason}" if defect.reason else ""
            )
        case DeliveryDefect(reason=None):
            return "the newer rows win"
        case DeliveryDefect():
            return f"file refused ({defect.reason}), the next one accepted"
        case _:
            return "right in silver" if defect.recoverable else "row refused"


def entries() -> list[dict[str, Any]]:
    """What there is to say of each defect: name, level, from (the mildest level of deliveries that have it), share (of
    the rows or files of a messy delivery), recoverable, outcome."""
    return [
        {
            "name": defect.name,
            "level": defect.level,
            "from": defect.tier,
            "share": defect.share,
            "recoverable": defect.recoverable,
            "outcome": outcome(defect),
        }
        for defect in DEFECTS.values()
    ]


def table() -> Sequence[Sequence[str]]:
    """A row for each defect, in the registry's order, as COLUMNS says."""
    return [
        (entry["name"], entry["level"], entry["from"], f"{entry['share'] * 100:.10g} %", entry["outcome"])
        for entry in entries()
    ]


def markdown() -> str:
    """The table for a document."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *table()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(document: str) -> str:
    """The document with the table as it is now. ValueError when it does not mark the place."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks {BEGIN.strip()} or {END.strip()}")
    return before + begin + markdown() + end + after


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
