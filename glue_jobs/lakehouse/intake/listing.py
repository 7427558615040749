"""Reasons and limits as tables for people.

    python -m lakehouse.intake.listing docs/file-verdicts.md

writes the tables of a document again, each between the two comments that mark its place.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lakehouse.intake import model, source
from lakehouse.intake.model import REASONS, UNREADABLE

_Table = Sequence[Sequence[str]]


def tables() -> Mapping[str, _Table]:
    """Rows by the name of the table, its head first."""
    return {
        "files": [
            ("reason", "what it means", "what to do"),
            *((f"`{code}`", reason.meaning, reason.advice) for code, reason in REASONS.items()),
        ],
        "rows": [("reason", "what it means"), *((f"`{code}`", meaning) for code, meaning in UNREADABLE.items())],
        "limits": [
            ("limit", "", "beyond it"),
            ("a file, inflated", f"{source.MAX_FILE_BYTES >> 20} MiB", "`file_too_large`"),
            (
                f"inflated to landed bytes, above {source.RATIO_APPLIES_ABOVE_BYTES >> 20} MiB",
                f"{source.MAX_INFLATION_RATIO} to 1",
                "`zip_bomb`",
            ),
            ("a line, a record", f"{model.MAX_RECORD_BYTES >> 20} MiB", "`line_too_long`; a row: `record_too_long`"),
            ("objects and lists in one another", f"{model.MAX_NESTING} deep", "row: `nested_too_deeply`"),
            ("NUL characters", f"{source.MAX_NUL_SHARE:.0%} of all", "`binary_content`"),
            ("NUL characters in a row", f"{len(source.NUL_HOLE) - 1}", "`binary_content`"),
        ],
    }


def with_tables(document: str) -> str:
    """The document with the tables as they are now. ValueError when it does not mark the place of one."""
    for name, rows in tables().items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
        before, found, rest = document.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"the document lacks {begin.strip()} or {end.strip()}")
        head, *others = rows
        lines = "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *others))
        document = before + begin + lines + end + after
    return document


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
