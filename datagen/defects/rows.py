"""Defects of rows: they arrive again, changed or not, or later than they should."""

from __future__ import annotations

from datagen.defects.model import AnyDefect, RowDefect

ROWS: list[AnyDefect] = [
    RowDefect(name="resent", share=0.01, tier="light", is_later=False),
    RowDefect(name="resent_later", share=0.01, tier="light", is_later=True),
    RowDefect(name="updated", share=0.01, is_later=False, version="newer"),
    RowDefect(name="updated_later", share=0.02, tier="light", is_later=True, version="newer"),
    RowDefect(name="outdated_later", share=0.01, is_later=True, version="older"),
    RowDefect(name="late_arrival", share=0.01, is_later=True, moves=True),
]
