"""The rows of one file on their way: which come again and where, which are spoilt and how."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datagen.chance import Chance, Flags, Indices
from datagen.contests import NOBODY
from datagen.defects.model import Cell, LineDefect, Shape, ValueDefect
from datagen.text import Row, rows_of, spell_column, typed
from datagen.writers import Text, closing_line, write, write_row
from lakehouse.contract import Column, SourceContract

NO_CAUSE = -1
_SHARE_BITS = 24
OLDER, FIRST, NEWER = -1, 0, 1
VERSIONS = {"older": OLDER, "same": FIRST, "newer": NEWER}


@dataclass(frozen=True)
class Rows:
    """Rows of one dataset, some of which compete with others: arrays of the table's length."""

    table: pa.Table
    contest: Indices
    version: Indices
    cause: Indices
    """Place of the row defect that made the row arrive, -1 for none."""

    @classmethod
    def alone(cls, table: pa.Table) -> Rows:
        """Rows whose keys come once."""
        count = table.num_rows
        return cls(table, np.full(count, NOBODY), np.full(count, FIRST), np.full(count, NO_CAUSE))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """All rows, one part after the other."""
        if len(parts) == 1:
            return parts[0]
        table = pa.concat_tables([part.table for part in parts], promote_options="permissive").combine_chunks()
        arrays = [np.concatenate([getattr(part, name) for part in parts]) for name in ("contest", "version", "cause")]
        return cls(table, *arrays)

    def take(self, places: Indices) -> Rows:
        """Some of the rows, in that order."""
        table = self.table.take(pa.array(places)).combine_chunks()
        return Rows(table, self.contest[places], self.version[places], self.cause[places])

    def again(self, contest: Indices, version: int, cause: int) -> Rows:
        """The same rows as another delivery of their keys."""
        count = len(contest)
        return Rows(self.table, contest, np.full(count, version), np.full(count, cause))

    def __len__(self) -> int:
        return int(self.table.num_rows)


@dataclass(frozen=True)
class Lottery:
    """Gives every row one defect at most: a number drawn for it falls on one of the stretches of the shares."""

    shares: Sequence[float]

    def draw(self, chance: Chance, count: int) -> Indices:
        """The place of each row's defect, len(shares) for none."""
        if not any(self.shares):
            return np.full(count, len(self.shares))
        edges = np.cumsum([round(share * (1 << _SHARE_BITS)) for share in self.shares])
        drawn = (chance.words(count) >> np.uint64(64 - _SHARE_BITS)).astype(np.int64)
        places: Indices = np.searchsorted(edges, drawn, side="right")
        return places


def other_version(one: random.Random, rows: pa.Table, contract: SourceContract, version: str) -> pa.Table:
    """The rows as they were some time before (`older`) or are some time after (`newer`)."""
    if contract.order_by is None:
        raise ValueError(f"{contract.dataset} does not order versions")
    column = rows[contract.order_by].combine_chunks()
    if column.null_count:
        raise ValueError(f"{contract.dataset}: a row without {contract.order_by} has no other version")
    seconds = [one.randint(60, 172_800) * VERSIONS[version] for _ in range(len(column))]
    moved = pc.add(column, pa.array([timedelta(seconds=value) for value in seconds], pa.duration("us")))
    return rows.set_column(rows.column_names.index(contract.order_by), contract.order_by, moved.cast(column.type))


@dataclass(frozen=True)
class Touched:
    """What a defect made of one row."""

    defect: str
    violations: tuple[str, ...] = ()
    repairs: tuple[Mapping[str, str | None], ...] = ()
    line: str | None = None


class Page:
    """The rows of one file in their final order, as text; defects are put into single rows of it."""

    def __init__(self, rows: Rows, shape: Shape, contract: SourceContract) -> None:
        self.rows, self.shape, self.contract = rows, _folded(shape, rows), contract
        self.touched: dict[int, Touched] = {}
        self.changed: dict[int, dict[str, str | None]] = {}
        """Cells that silver holds otherwise than the table has them: by place and column."""
        self._texts: dict[int, Row] = {}

    @cached_property
    def text_columns(self) -> Mapping[str, pa.Array]:
        """Every column as text, those that only this file has included."""
        table, spelled = self.rows.table, self.shape.spelled
        columns = {name: spelled.get(name, spell_column)(_array(table, name)) for name in table.column_names}
        for name, texts in self.shape.added.items():
            columns[name] = texts(len(self.rows))
        return columns

    def read(self, places: Indices) -> None:
        """Get the text of rows that are going to be spoilt, all at once."""
        rows = rows_of(list(self.text_columns.values()), list(self.text_columns), pa.array(places))
        self._texts |= dict(zip(places.tolist(), rows, strict=True))

    def spoil_value(self, one: random.Random, place: int, defect: ValueDefect, columns: Sequence[Column]) -> None:
        """Spoil one cell of a row, in one of these columns."""
        row = self._texts[place]
        for column in one.sample(columns, len(columns)):
            text = row[column.name]
            cell = defect.spoil(one, column, text)
            if cell is None or cell.delivered == text or not self.shape.can_write(cell.delivered):
                continue
            if not cell.violations and cell.value != text:
                if self.rows.contest[place] != NOBODY or column.key_position is not None:
                    continue  # of rivals that say different things nobody could know the winner
                self.changed.setdefault(place, {})[column.name] = cell.value
            line = write_row({**row, column.name: cell.delivered}, self.shape.layout)
            self.touched[place] = Touched(defect.name, cell.violations, _repairs(column, cell), line)
            return

    def spoil_line(self, one: random.Random, place: int, defect: LineDefect) -> None:
        """Spoil the line of a row. The first one shows what the file is, and stays as it is."""
        if place == 0:
            return
        line = write_row(self._texts[place], self.shape.layout)
        altered = defect.alter(one, line, self.shape.layout)
        if altered != line:
            self.touched[place] = Touched(defect.name, (defect.violation,), line=altered)

    def refuse(self, place: int, violation: str) -> None:
        """A row that is sound itself, but refused for what became of another."""
        self.touched[place] = Touched("", (violation,))

    def write(self) -> Text:
        """The file's text."""
        layout, last = self.shape.layout, len(self.rows) - 1
        lines = {place: touched.line for place, touched in sorted(self.touched.items()) if touched.line is not None}
        if last in lines:
            lines[last] = closing_line(lines[last], layout)
        return write(self.text_columns, layout).with_lines(np.array(list(lines), np.int64), list(lines.values()))

    def is_valid(self) -> Flags:
        """Which rows break no rule."""
        valid = np.ones(len(self.rows), np.bool_)
        valid[[place for place, touched in self.touched.items() if touched.violations]] = False
        return valid

    def silver(self) -> pa.Table:
        """The rows as silver has them: with the cells that a defect changed, without what the file does not have."""
        table = self.rows.table
        for name in self.shape.dropped:
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.nulls(len(table), _plain_type(table.schema.field(name).type)))
        for name in sorted({name for cells in self.changed.values() for name in cells}):
            column = table[name].combine_chunks()
            plain = column.cast(_plain_type(column.type)) if pa.types.is_dictionary(column.type) else column
            values = {place: cells[name] for place, cells in self.changed.items() if name in cells}
            places = sorted(values)
            mask = np.zeros(len(table), np.bool_)
            mask[places] = True
            new = typed([values[place] for place in places], plain.type)
            replaced = pc.replace_with_mask(plain, pa.array(mask), new)
            table = table.set_column(table.column_names.index(name), name, replaced)
        return table


def _folded(shape: Shape, rows: Rows) -> Shape:
    """With columns as folders only where all rows say the same in them."""
    if not shape.folders:
        return shape
    is_constant = all(len(rows.table[name].unique().drop_null()) == 1 for name in shape.folders)
    folders = shape.folders if is_constant else ()
    header = {name: title for name, title in shape.layout.header.items() if name not in folders}
    return replace(shape, folders=folders, layout=replace(shape.layout, header=header))


def _repairs(column: Column, cell: Cell) -> tuple[Mapping[str, str | None], ...]:
    if cell.violations:
        return ()
    return ({"column": column.name, "delivered": cell.delivered, "value": cell.value},)


def _array(table: pa.Table, name: str) -> pa.Array:
    column = table[name]
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _plain_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_
