"""Every spoilt cell that the generator makes for a dataset, with what it says must become of it."""

from __future__ import annotations

import random
from datetime import date

import pyarrow as pa

from datagen.defects import DEFECTS
from datagen.defects.model import Cell, ValueDefect
from datagen.text import Row, rows_of, spell_column
from datagen.worlds import WORLDS, world_of
from lakehouse.contract import SourceContract, load_registry

ROWS = 12
CELLS_OF_EACH = 4
JUDGED_ELSEWHERE = ("orphan_refused",)
"""Whether a parent is there is no matter of the cell alone."""
DATASETS = [name for name in load_registry().sources if name.split(".")[0] in WORLDS]


def sound_rows(contract: SourceContract) -> list[Row]:
    """Sound rows of the dataset, from the first day of its world."""
    world = world_of(contract.domain)(rows=2_000, days=3, seed=9, first_day=date(2026, 1, 1), rows_per_slice=10_000)
    table = world.births(world.slices[0])[contract.name].table.slice(0, ROWS).combine_chunks()
    columns = [spell_column(table[name].combine_chunks()) for name in table.column_names]
    return rows_of(columns, table.column_names, pa.array(range(len(table))))


def spoilt_cells(contract: SourceContract) -> list[tuple[str, str, Row, Cell]]:
    """(defect, column, the sound row, the cell that stands in it)."""
    chance, rows, found = random.Random(contract.dataset), sound_rows(contract), []
    for defect in DEFECTS.values():
        if not isinstance(defect, ValueDefect) or defect.name in JUDGED_ELSEWHERE:
            continue
        for column in contract.columns:
            if defect.fits(column, contract):
                for row in chance.choices(rows, k=CELLS_OF_EACH):
                    cell = defect.spoil(chance, column, row[column.name])
                    if cell is not None:
                        found.append((defect.name, column.name, row, cell))
    return found
