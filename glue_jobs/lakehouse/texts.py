"""Columns of cells → columns of texts, as Arrow: `lakehouse.cell_text` for many rows at once. No Spark.

Nearly every cell is *plain*: nothing that the contract allows would change it. Plain cells are told by one look at all
cells of a batch, and stay where they are; of all others the reference is asked, once for each distinct text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.cell_text import CellText, in_unit, sources
from lakehouse.contract import Column, SourceContract

MISMATCHED = "_mismatched"
"""Beside the texts of a row: the columns whose value has another shape than its contract demands; null where none."""
_NAMES = pa.list_(pa.string())
# Texts remembered from batch to batch: what is said of millions of rows is often said in few words.
_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 200
_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"
_INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]{5,18}(?:Z|[+-][0-9:]{4,5})?)?"
_PRINTABLE = r"[!-~](?:[ -~]*[!-~])?"
_WITHOUT_ENTITIES = r"[!-%'-~](?:[ -%'-~]*[!-%'-~])?"


@dataclass(frozen=True)
class Texts:
    """What a contract makes of the cells of many rows. It is sent to tasks."""

    contract: SourceContract

    def __call__(self, *cells: pa.Array) -> pa.Array:
        """The texts of the contract's columns, and `_mismatched`, of columns of cells: all of `text_columns`."""
        came = dict(zip(self.contract.text_columns, cells, strict=True))
        mismatched: dict[int, list[str]] = {}
        texts = {}
        for reader in self._readers:
            name = reader.column.name
            texts[name] = self._texts(reader, came)
            for row in reader.mismatches(texts[name]):
                mismatched.setdefault(row, []).append(name)
        length = len(cells[0])
        texts[MISMATCHED] = (
            pa.array(map(mismatched.get, range(length)), _NAMES) if mismatched else pa.nulls(length, _NAMES)
        )
        return pa.StructArray.from_arrays(list(texts.values()), list(texts))

    def _texts(self, reader: _Reader, came: Mapping[str, pa.Array]) -> pa.Array:
        """The texts of a column; where it came in another unit only, what that is in the column's own."""
        (own, _), *others = sources(reader.column, self.contract)
        texts = reader.texts(came[own])
        for name, worth in others:
            if came[name].null_count < len(texts):
                there = (in_unit(text, worth) for text in reader.texts(came[name]).to_pylist())
                texts = pc.coalesce(texts, pa.array(there, pa.string()))
        return texts

    @cached_property
    def _readers(self) -> Sequence[_Reader]:
        return [_Reader(CellText(column)) for column in self.contract.columns]

    def __reduce__(self) -> tuple[type[Texts], tuple[SourceContract]]:
        return Texts, (self.contract,)  # readers remember what they read, where they do


class _Reader:
    """One column's texts."""

    def __init__(self, text: CellText) -> None:
        self._text, self.column = text, text.column
        self._known: dict[str, str | None] = {}
        self._wrong: dict[str, bool] = {}
        self._shape = _plain(text.column)
        # A plain cell that is longer than any spelling of null is none.
        spelled = (null for null in text.nulls if self._shape and re.fullmatch(self._shape, null))
        self._shortest = max(map(len, spelled), default=0) + 1
        begins = "|".join(map(re.escape, text.column.prefixes))
        self._prefixed = rf"\A(?i:{begins})" if begins else None

    def texts(self, cells: pa.Array) -> pa.Array:
        """The text of each cell."""
        if cells.null_count == len(cells):
            return cells
        if self._shape is None:
            return self._distinct(cells)
        is_plain = self._are_plain(cells)
        if is_plain.true_count == len(cells) - cells.null_count:
            return cells
        is_odd = pc.fill_null(pc.invert(is_plain), False)
        return pc.replace_with_mask(cells, is_odd, self._distinct(cells.filter(is_odd)))

    def mismatches(self, texts: pa.Array) -> Sequence[int]:
        """The rows whose value has the wrong shape."""
        if self.column.pattern is None or texts.null_count == len(texts):
            return ()
        encoded = texts.dictionary_encode()
        wrong = [
            place
            for place, text in enumerate(encoded.dictionary.to_pylist())
            if _remembered(self._wrong, text, self._text.mismatches)
        ]
        if not wrong:
            return ()
        rows: list[int] = pc.indices_nonzero(pc.is_in(encoded.indices, pa.array(wrong, pa.int32()))).to_pylist()
        return rows

    def _are_plain(self, cells: pa.Array) -> pa.BooleanArray:
        lengths = pc.binary_length(cells)
        fits = pc.and_(pc.greater_equal(lengths, self._shortest), pc.less_equal(lengths, self._text.bound))
        is_plain = pc.and_(fits, pc.match_substring_regex(cells, rf"\A(?:{self._shape})\z"))
        if self._prefixed is None:
            return is_plain
        return pc.and_not(is_plain, pc.match_substring_regex(cells, self._prefixed))

    def _distinct(self, cells: pa.Array) -> pa.Array:
        """The text of each cell, every distinct one read once."""
        encoded = cells.dictionary_encode()
        came = encoded.dictionary.to_pylist()
        found = [_remembered(self._known, cell, self._text) for cell in came]
        return cells if found == came else pa.array(found, pa.string()).take(encoded.indices)


Found = TypeVar("Found")


def _remembered(known: dict[str, Found], text: str, read: Callable[[str], Found]) -> Found:
    if text in known:
        return known[text]
    found = read(text)
    if len(text) <= _LONGEST_REMEMBERED:
        if len(known) == _REMEMBERED:
            known.clear()
        known[text] = found
    return found


def _plain(column: Column) -> str | None:
    """A regular expression of cells that nothing changes, prefixes and spellings of null aside; None where few texts
    are distinct, or none is plain. RE2 reads a cell once, whatever the expression."""
    if column.values or column.type.kind == "boolean" or {"email", "phone"} & set(column.repairs):
        return None
    if column.type.is_numeric:
        return _NUMBER
    if column.type.is_temporal:
        return _INSTANT
    return _WITHOUT_ENTITIES if column.repairs else _PRINTABLE
