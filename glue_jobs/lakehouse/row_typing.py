"""Bronze rows → silver's columns and what the rows break, as Arrow: one pass over the cells of a batch. No Spark.

Beside the contract's columns there are `_violations`, the rules that refuse a row, each with its field and the cell as
it came (of a long one the beginning); `_warnings`, the names of the rules that keep it; and `_raw`, the row as it came
in JSON (`lakehouse.raw_rows`). Rules between columns and parents are no affair of cells: silver adds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse import bronze, raw_rows
from lakehouse.cell_text import sources
from lakehouse.cells import MAX_SHOWN, stand_in
from lakehouse.column_typing import Broken, ColumnTyper, Typed
from lakehouse.contract import Column, SourceContract

VIOLATIONS, WARNINGS, RAW = "_violations", "_warnings", "_raw"
LINEAGE = (bronze.RESCUED, "_file_id", "_row", "_batch_id", "_ingested_at")
"""What a typed row keeps of a bronze row besides its columns."""
_VIOLATION = pa.struct([("rule", pa.string()), ("field", pa.string()), ("value", pa.string())])


@dataclass(frozen=True)
class RowTyper:
    """What a contract makes of many rows. It is sent to tasks."""

    contract: SourceContract
    keep: tuple[str, ...] = ()
    """Further columns of the rows that stay as they are."""

    def batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Each batch typed."""
        return map(self, batches)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The contract's columns, `LINEAGE`, what to keep, `_raw`, `_violations` and `_warnings` of bronze's rows.

        `_raw` is null where nobody asks for it: in rows that break nothing, of a contract whose rows can be refused
        only for their cells.
        """
        cells = {name: batch.column(name) for name in self.contract.text_columns}
        found, values = _Found(batch.num_rows), {}
        columns = {column.name: self._typed(column, cells) for column in self.contract.columns}
        for column in self.contract.columns:
            came, typed = columns[column.name]
            found.add(column.name, came, typed.broken)
            values[column.name] = typed.values
            if (column.required or column.substitute) and typed.is_unsaid.true_count:
                others = {name: other.values for name, (_, other) in columns.items()}
                values[column.name] = self._completed(column, came, typed, others, batch, found)
        unreadable = batch.column(bronze.UNREADABLE)
        if unreadable.null_count < len(unreadable):
            found.replace(unreadable)
        violations, warnings = found.violations(), found.warnings()
        lineage = {name: batch.column(name) for name in (*LINEAGE, *self.keep)}
        judged = {RAW: self._raw(batch, violations), VIOLATIONS: violations, WARNINGS: warnings}
        return pa.RecordBatch.from_pydict({**values, **lineage, **judged})

    def _typed(self, column: Column, cells: Mapping[str, pa.Array]) -> tuple[pa.Array, Typed]:
        """The cells that a column is read from, and what became of them. Where its own says nothing, the first in
        another unit that does counts."""
        (own, typer), *others = self._typers[column.name]
        came, typed = cells[own], typer(cells[own])
        for name, typer in others:
            there = cells[name]
            if there.null_count == len(there) or not typed.is_unsaid.true_count:
                continue
            there = pc.if_else(typed.is_unsaid, there, pa.scalar(None, there.type))
            other = typer(there)
            counts = pc.and_not(typed.is_unsaid, other.is_unsaid)
            came = pc.coalesce(pc.if_else(counts, there, came), there)
            values = pc.if_else(counts, other.values, typed.values)
            is_unsaid = pc.and_(typed.is_unsaid, other.is_unsaid)
            typed = Typed(values, is_unsaid, (*typed.broken, *other.broken))
        return came, typed

    def _completed(
        self,
        column: Column,
        came: pa.Array,
        typed: Typed,
        others: Mapping[str, pa.Array],
        batch: pa.RecordBatch,
        found: _Found,
    ) -> pa.Array:
        """The column's values with what stands in for those that did not come; notes what is filled, and missing."""
        rows = pc.indices_nonzero(typed.is_unsaid)
        instead = self._instead(column, rows, others, batch, typed.values.type)
        is_filled = instead.is_valid()
        notes = [Broken(rows.filter(is_filled), (), (f"{column.name}_filled",))]
        if column.required:
            notes.append(Broken(rows.filter(pc.invert(is_filled)), (f"{column.name}_missing",), ()))
        found.add(column.name, came, notes)
        return pc.replace_with_mask(typed.values, typed.is_unsaid, instead) if is_filled.true_count else typed.values

    def _instead(
        self,
        column: Column,
        rows: pa.Array,
        others: Mapping[str, pa.Array],
        batch: pa.RecordBatch,
        type_: pa.DataType,
    ) -> pa.Array:
        """What stands in for the column's value in these rows."""
        substitute = column.substitute
        if substitute is None:
            return pa.nulls(len(rows), type_)
        if substitute.is_arrival:
            return pc.cast(batch.column("_arrived_at").take(rows), type_, safe=False)
        if substitute.of is None:
            return pa.repeat(pa.scalar(substitute.value, type_), len(rows))
        of = others[substitute.of].take(rows).dictionary_encode()
        meant = [stand_in(column, {substitute.of: value}, None) for value in of.dictionary.to_pylist()]
        return pa.array(meant, type_).take(of.indices)

    def _raw(self, batch: pa.RecordBatch, violations: pa.ListArray) -> pa.Array:
        names = (*self.contract.text_columns, bronze.RESCUED)
        unreadable, rescued = batch.column(bronze.UNREADABLE), batch.column(bronze.RESCUED)
        is_wanted = pc.greater(pc.list_value_length(violations), 0)
        if self._may_be_refused_later or is_wanted.true_count == len(is_wanted):
            raw = raw_rows.as_json({name: batch.column(name) for name in names})
        elif is_wanted.true_count:
            few = batch.select(names).filter(is_wanted)
            raw = raw_rows.as_json({name: few.column(name) for name in names})
            raw = pc.replace_with_mask(pa.nulls(len(batch), pa.string()), is_wanted, raw)
        else:
            return pa.nulls(len(batch), pa.string())
        return raw if unreadable.null_count == len(batch) else pc.if_else(unreadable.is_valid(), rescued, raw)

    @cached_property
    def _may_be_refused_later(self) -> bool:
        """Whether rows whose cells break nothing may still be refused: by rules between columns, or without parents."""
        return bool(self.contract.bindings) or any(rule.severity == "error" for rule in self.contract.rules)

    @cached_property
    def _typers(self) -> Mapping[str, Sequence[tuple[str, ColumnTyper]]]:
        return {
            column.name: [(source, ColumnTyper(column, worth)) for source, worth in sources(column, self.contract)]
            for column in self.contract.columns
        }

    def __reduce__(self) -> tuple[type[RowTyper], tuple[Any, ...]]:
        return RowTyper, (self.contract, self.keep)  # typers remember what they read, where they do


@dataclass
class _Found:
    """What the rows of a batch break, rule by rule."""

    length: int
    refused: list[tuple[pa.Array, pa.StructArray]] = field(default_factory=list)
    """Rows, and a violation of each."""
    warned: list[tuple[pa.Array, pa.Array]] = field(default_factory=list)
    """Rows, and the name of a rule for each."""

    def add(self, name: str, came: pa.Array, broken: Sequence[Broken]) -> None:
        """Note what a column's cells break."""
        for note in broken:
            count = len(note.rows)
            value = _shown(came.take(note.rows)) if note.refused and count else None
            for rule in note.refused if count else ():
                parts = [pa.repeat(rule, count), pa.repeat(name, count), value]
                self.refused.append((note.rows, pa.StructArray.from_arrays(parts, fields=list(_VIOLATION))))
            for rule in note.warned if count else ():
                self.warned.append((note.rows, pa.repeat(rule, count)))

    def replace(self, unreadable: pa.Array) -> None:
        """Rows that could not be read have no values: the reason why is their only violation, and nothing warns."""
        is_readable = unreadable.is_null()
        for name in ("refused", "warned"):
            kept = [(rows, is_readable.take(rows), items) for rows, items in getattr(self, name)]
            setattr(self, name, [(rows.filter(ok), items.filter(ok)) for rows, ok, items in kept])
        rows = pc.indices_nonzero(unreadable.is_valid())
        parts = [unreadable.take(rows), *(pa.nulls(len(rows), pa.string()) for _ in range(2))]
        self.refused.append((rows, pa.StructArray.from_arrays(parts, fields=list(_VIOLATION))))

    def violations(self) -> pa.ListArray:
        """Of each row, in the order of the contract's columns."""
        return _lists(self.refused, self.length, _VIOLATION)

    def warnings(self) -> pa.ListArray:
        """Of each row, in the same order."""
        return _lists(self.warned, self.length, pa.string())


def _lists(found: Sequence[tuple[pa.Array, pa.Array]], length: int, type_: pa.DataType) -> pa.ListArray:
    """One list for each row, empty for most, of (rows, an item of each): in the order of the pairs."""
    if not found:
        return pa.ListArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), length + 1), pa.array([], type_))
    rows = pa.concat_arrays([rows for rows, _ in found])
    order = pc.sort_indices(rows)  # stable
    counts = pc.value_counts(rows.take(order))
    has_some = pc.is_in(pa.array(range(length), rows.type), counts.field("values"))
    zeros = pa.repeat(pa.scalar(0, pa.int32()), length)
    per_row = pc.replace_with_mask(zeros, has_some, counts.field("counts").cast(pa.int32()))
    offsets = pa.concat_arrays([zeros[:1], pc.cumulative_sum(per_row)])
    return pa.ListArray.from_arrays(offsets, pa.concat_arrays([items for _, items in found]).take(order))


def _shown(cells: pa.Array) -> pa.Array:
    """`cells.shown` of each."""
    is_long = pc.greater(pc.utf8_length(cells), MAX_SHOWN)
    if not pc.any(is_long).as_py():
        return cells
    begins = pc.binary_join_element_wise(pc.utf8_slice_codeunits(cells, 0, MAX_SHOWN - 1), "…", "")
    return pc.if_else(is_long, begins, cells)
