"""Dialects: how a file is packed, named and written. All of its rows can still be read.

Content decides, not the name: what calls itself .csv may be compressed, what calls itself .ndjson may be one array.
"""

from __future__ import annotations

import codecs
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datagen.chance import Flags
from datagen.defects.drift import stranger, takes_unknown_columns
from datagen.defects.model import AnyDefect, Shape, ShapeDefect
from datagen.writers import Kind, Text
from lakehouse.contract import SourceContract

Fits = Callable[[Shape, SourceContract], bool]
Reshape = Callable[[random.Random, Shape, SourceContract], Shape]


def any_file(shape: Shape, contract: SourceContract) -> bool:
    """Fits every file."""
    return True


def is_delimited(shape: Shape, contract: SourceContract) -> bool:
    """Fits delimited text."""
    return shape.layout.kind == "delimited"


def is_gzip(shape: Shape, contract: SourceContract) -> bool:
    """Fits names of compressed files."""
    return shape.format.is_gzip


def _is_json(*kinds: Kind) -> Fits:
    return lambda shape, contract: shape.layout.kind in kinds


# --- folders and names


def _folder_columns(contract: SourceContract) -> tuple[str, ...]:
    """The dates of a key: such datasets come by the day. A file with rows of several days keeps the column."""
    return tuple(
        column.name for column in contract.columns if column.key_position is not None and column.type.kind == "date"
    )


def _in_day_folder(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    return replace(shape, name=f"{shape.day:%Y/%m/%d}/{shape.name}")


_ODD_NAMES = (
    "{0} (1)",
    "{0} copy of copy",
    "Übersicht {0} für Zoë",
    "{0}+corrected+final",
    "100% {0}",
    "{0}%20%2B%C3%BC",
    "売上 {0}",
    "{0} & co; 'v2', #3 [new] = ok!",
)
"""Names that have to be quoted, escaped or decoded somewhere on the way."""


def _oddly_named(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    stem = shape.name.removesuffix(shape.format.extension)
    return replace(shape, name=chance.choice(_ODD_NAMES).format(stem) + shape.format.extension)


# --- encodings and compression


def _with_bom(*choices: tuple[str, bytes]) -> Reshape:
    def reshape(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
        encoding, bom = chance.choice(choices)
        return replace(shape, encoding=encoding, bom=bom)

    return reshape


def _by_contract(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    return replace(shape, encoding=contract.encoding or "utf-8")


def _in_members(count: int) -> Reshape:
    return lambda chance, shape, contract: replace(shape, gzip_members=count)


# --- delimited text


def _otherwise_delimited(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    others = [sign for sign in ",;\t|" if sign != shape.layout.delimiter]
    return replace(shape, layout=replace(shape.layout, delimiter=chance.choice(others)))


def _all_quoted(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    return replace(shape, layout=replace(shape.layout, quotes_all=True))


# --- lines


def _crlf(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    return replace(shape, layout=replace(shape.layout, line_end="\r\n"))


def _every(count: int, nth: int) -> Flags:
    """Every nth of so many; of fewer than that the last."""
    step = min(nth, count)
    flags: Flags = np.arange(count) % step == step - 1
    return flags


def _mixed_ends(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    nth = chance.randint(2, 9)

    def rework(text: Text) -> Text:
        windows = pc.replace_substring_regex(text.lines, r"\n\z", "\r\n")
        return replace(text, lines=pc.if_else(pa.array(_every(len(text.lines), nth)), windows, text.lines))

    return replace(shape, rework=rework)


def _with_blank_lines(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    nth = chance.randint(2, 30)

    def rework(text: Text) -> Text:
        # After a quote that does not close, a blank line could be part of the cell.
        quotes = pc.count_substring(text.lines, '"')
        may = pc.equal(pc.bit_wise_and(quotes, pa.scalar(1, quotes.type)), 0)
        chosen = pc.and_(may, pa.array(_every(len(text.lines), nth)))
        followed = pc.binary_join_element_wise(text.lines, shape.layout.line_end, "")
        return replace(text, lines=pc.if_else(chosen, followed, text.lines), tail=text.tail + shape.layout.line_end)

    return replace(shape, rework=rework)


def _unended(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    def rework(text: Text) -> Text:
        if text.tail:
            return replace(text, tail=text.tail.rstrip("\r\n"))
        last = text.lines[-1].as_py().rstrip("\r\n")
        return text.with_lines(np.array([len(text.lines) - 1]), [last])

    return replace(shape, rework=rework)


_LONG_BYTES = (300_000, 900_000)
"""Longer than any varchar, and well below the longest record that can be read."""


def _with_long_cell(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    """One cell is very long, in a column that the contract does not know."""
    name, size = stranger(contract, ("comment", "free_text_comment")), chance.randint(*_LONG_BYTES)
    place = chance.getrandbits(32)

    def texts(count: int) -> pa.Array:
        where = place * count >> 32
        return pa.array(["lorem ipsum " * (size // 12) if row == where else None for row in range(count)], pa.string())

    layout = shape.layout
    layout = replace(layout, header={**layout.header, name: name}, types={**layout.types, name: "string"})
    return replace(shape, layout=layout, added={**shape.added, name: texts})


# --- JSON


def _as_kind(kind: Kind) -> Reshape:
    return lambda chance, shape, contract: replace(shape, layout=replace(shape.layout, kind=kind))


def _pretty(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    return replace(shape, layout=replace(shape.layout, kind="json", is_pretty=True))


def _concatenated(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    """An array without its brackets and commas: one pretty object after the other."""

    def rework(text: Text) -> Text:
        return Text("", pc.replace_substring_regex(text.lines, r",(\r?\n)\z", r"\1"), "")

    return replace(_pretty(chance, shape, contract), rework=rework)


_dialect = partial(ShapeDefect, level="dialect")
_utf16 = _with_bom(("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))
_utf32 = _with_bom(("utf-32-le", codecs.BOM_UTF32_LE), ("utf-32-be", codecs.BOM_UTF32_BE))

DIALECTS: Sequence[AnyDefect] = (
    # Those that fit few files come first, for a file has one dialect at most.
    _dialect(
        name="folder_columns",
        share=0.15,
        fits=lambda shape, contract: bool(_folder_columns(contract)),
        reshape=lambda chance, shape, contract: replace(shape, folders=_folder_columns(contract)),
        holds_rows_back=True,
    ),
    _dialect(
        name="cp1252", share=0.06, fits=lambda shape, contract: contract.encoding is not None, reshape=_by_contract
    ),
    _dialect(name="ndjson_named_json", share=0.06, fits=_is_json("json"), reshape=_as_kind("ndjson")),
    _dialect(name="pretty_json", share=0.05, tier="light", fits=_is_json("json"), reshape=_pretty),
    _dialect(name="json_array_named_ndjson", share=0.03, fits=_is_json("ndjson"), reshape=_as_kind("json")),
    _dialect(name="concatenated_json", share=0.025, fits=_is_json("ndjson", "json"), reshape=_concatenated),
    _dialect(name="two_gzip_members", share=0.03, fits=is_gzip, reshape=_in_members(2)),
    _dialect(name="plain_named_gzip", share=0.025, fits=is_gzip, reshape=_in_members(0)),
    _dialect(name="other_delimiter", share=0.04, tier="light", fits=is_delimited, reshape=_otherwise_delimited),
    _dialect(name="all_quoted", share=0.03, tier="light", fits=is_delimited, reshape=_all_quoted),
    _dialect(
        name="gzip_named_plain",
        share=0.02,
        fits=lambda shape, contract: not shape.format.is_gzip,
        reshape=_in_members(1),
    ),
    _dialect(
        name="blank_lines",
        share=0.02,
        fits=lambda shape, contract: shape.layout.kind != "json" and len(shape.layout.header) > 1,
        reshape=_with_blank_lines,
    ),
    _dialect(name="wide_line", share=0.008, tier="hostile", fits=takes_unknown_columns, reshape=_with_long_cell),
    _dialect(name="utf8_bom", share=0.02, tier="light", fits=any_file, reshape=_with_bom(("utf-8", codecs.BOM_UTF8))),
    _dialect(name="utf16", share=0.015, fits=any_file, reshape=_utf16),
    _dialect(name="utf32", share=0.008, tier="hostile", fits=any_file, reshape=_utf32),
    _dialect(name="crlf", share=0.02, tier="light", fits=any_file, reshape=_crlf),
    _dialect(name="mixed_line_ends", share=0.015, fits=any_file, reshape=_mixed_ends),
    _dialect(name="no_final_newline", share=0.02, tier="light", fits=any_file, reshape=_unended),
    _dialect(name="odd_name", share=0.02, fits=any_file, reshape=_oddly_named),
    _dialect(name="nested_folder", share=0.015, fits=any_file, reshape=_in_day_folder),
)
