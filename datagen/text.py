"""Typed values ↔ the text that a careful writer gives them. Defects work on text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Row = dict[str, str | None]


def as_text(row: Mapping[str, Any]) -> Row:
    """A row of truth as text: instants in ISO 8601 with Z, booleans as true and false, null as None."""
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='seconds')}Z"
    return str(value)


def instant(text: str) -> datetime:
    """The instant that `as_text` wrote, with its zone."""
    return datetime.fromisoformat(text)
