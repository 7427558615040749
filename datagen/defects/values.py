"""Defects of a single cell."""

from __future__ import annotations

import random

from datagen.defects.model import AnyDefect, Cell, ValueDefect
from lakehouse.contract import Column

VALUES: list[AnyDefect] = []


def _padding(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return None if text is None else Cell(f" {text}\t", text)


def _missing_key(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return Cell(None, violations=(f"{column.name}_missing",))


VALUES += [
    ValueDefect(
        name="padding", share=0.02, recoverable=True, tier="light", fits=lambda column, contract: True, spoil=_padding
    ),
    ValueDefect(
        name="missing_key",
        share=0.006,
        recoverable=False,
        fits=lambda column, contract: column.key_position is not None,
        spoil=_missing_key,
    ),
]
