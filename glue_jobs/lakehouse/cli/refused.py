"""How text that somebody else wrote, and the rows that were refused for it, are shown to people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

_SHOWN_OF_RAW = 2_000
_NAMED = 10
# A terminal obeys these; a file may hold them on purpose.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


def safe(text: str) -> str:
    """Text for a console: neither markup nor a control character in it does anything."""
    return escape(text.translate(_CONTROLS))


def counted(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def named(keys: Sequence[str]) -> str:
    """The first ones, in order, and how many more there are."""
    more = f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else ""
    return ", ".join(sorted(keys)[:_NAMED]) + more


def print_refused(console: Console, row: Mapping[str, Any], title: str) -> None:
    """A refused row under its title (markup allowed): its id, every rule that it breaks, and the row as it came."""
    state = "" if row["status"] == "open" else f", {row['status']}"
    console.print(f"\n{title}  [dim]{row['quarantine_id']}{state}[/]", soft_wrap=True)
    if row["resolution"]:
        console.print(f"  {safe(row['resolution'])}", soft_wrap=True)
    for violation in row["violations"]:
        came = _came(violation)
        shown = f"  [dim]came as[/] {safe(came)}" if came is not None else ""
        console.print(f"  [red]{safe(violation['rule'])}[/]{shown}", soft_wrap=True)
    raw = row["raw"] or ""
    cut = f"… ({len(raw):,} characters; --json shows all)" if len(raw) > _SHOWN_OF_RAW else ""
    console.print(f"  {safe(raw[:_SHOWN_OF_RAW])}{cut}", soft_wrap=True)


def _came(violation: Mapping[str, Any]) -> str | None:
    """The value as it came, in quotes that show its blanks; of a rule between columns it is a JSON object already."""
    value = violation.get("value")
    is_object = "," in (violation.get("field") or "")
    return value if value is None or is_object else json.dumps(value, ensure_ascii=False)
