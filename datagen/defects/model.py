"""What a defect is: its name, the level that it works on, and what must become of what it touches.

    value     the text of one cell
    row       a row that arrives again, later, or out of order
    line      one line of a file's text
    drift     which columns a file has and how it names them
    dialect   how a file is packed, named and written; all of its rows can still be read
    file      a file that arrives besides the sound one and is no use
    delivery  a file that arrives again

What must become of it follows from the contract, never from the code that reads files: a repair that the contract does
not allow is none.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import pyarrow as pa

from datagen.writers import Format, Layout, Text, gzipped
from lakehouse.contract import Column, SourceContract

Level = Literal["value", "row", "line", "drift", "dialect", "file", "delivery"]
Tier = Literal["light", "messy", "hostile"]
Verdict = Literal["accepted", "quarantined", "duplicate_content", "ignored"]


@dataclass(frozen=True)
class Cell:
    """A cell as it is delivered, and what it has to become.

    `value` is the text that `datagen.text.spell` gives the typed value in silver. With violations the row is refused
    for exactly these rules, and `value` says nothing.
    """

    delivered: str | None
    value: str | None = None
    violations: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Defect:
    """`share` of the rows or files that a messy delivery spoils so; `tier` is the mildest delivery that has it."""

    name: str
    share: float
    level: Level
    recoverable: bool
    tier: Tier = "messy"


@dataclass(frozen=True, kw_only=True)
class ValueDefect(Defect):
    """`spoil(chance, column, text)` gives a cell, or None where there is nothing to spoil; `fits` says in which
    columns of a contract it may be tried. It is recoverable when no cell that it makes breaks a rule."""

    fits: Callable[[Column, SourceContract], bool]
    spoil: Callable[[random.Random, Column, str | None], Cell | None]
    level: Level = "value"


@dataclass(frozen=True, kw_only=True)
class RowDefect(Defect):
    """A row that is delivered again: in the same file or a later one, unchanged or as another version.

    `version` is what becomes of the column that orders versions: the copy's is `same`, `newer` or `older`. With
    `moves`, the row itself arrives later, and only once.
    """

    is_later: bool
    version: Literal["same", "newer", "older"] = "same"
    moves: bool = False
    level: Level = "row"
    recoverable: bool = True


@dataclass(frozen=True, kw_only=True)
class LineDefect(Defect):
    """`alter` makes another line of one (line end included); the row is refused for `violation`."""

    fits: Callable[[Layout], bool]
    alter: Callable[[random.Random, str, Layout], str]
    violation: str
    level: Level = "line"
    recoverable: bool = False


def as_it_is(text: Text) -> Text:
    """The text, nothing changed."""
    return text


@dataclass(frozen=True)
class Shape:
    """How a file will be written: drift and dialect defects change it before anything is written.

    `layout.header` names the columns that are in the file. `dropped` columns are not, and null in silver; `folders` are
    not either, but stand in the path as `name=value/`, if every row has the same value of them; else they stay in the
    file. `added` columns are in it under names that the contract does not know: count of rows → text. `spelled` columns
    have a spelling of their own: typed values → text.
    """

    dataset: str
    name: str
    """Within the dataset's folder, with folders if any."""
    day: date
    """On which it is written."""
    format: Format
    layout: Layout
    gzip_members: int
    """0: not compressed."""
    dropped: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    added: Mapping[str, Callable[[int], pa.Array]] = field(default_factory=dict)
    spelled: Mapping[str, Callable[[pa.Array], pa.Array]] = field(default_factory=dict)
    encoding: str = "utf-8"
    bom: bytes = b""
    """What the bytes begin with, in front of the text."""
    rework: Callable[[Text], Text] = as_it_is
    """What becomes of the text when all of it is there."""

    def can_write(self, text: str | None) -> bool:
        """Whether the encoding has all the characters."""
        try:
            (text or "").encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def pack(self, text: Text) -> bytes:
        """The bytes of the file from its text."""
        data = self._encoded(self.rework(text))
        if not self.gzip_members:
            return data
        edges = [len(data) * number // self.gzip_members for number in range(self.gzip_members + 1)]
        return b"".join(gzipped(data[start:end]) for start, end in itertools.pairwise(edges))

    def _encoded(self, text: Text) -> bytes:
        """Text with characters that the encoding lacks comes as UTF-8; so does what would pass for UTF-8 by chance."""
        if self.encoding == "utf-8":
            return self.bom + text.encode()
        try:
            data = text.encode(self.encoding)
        except UnicodeEncodeError:
            return text.encode()
        return text.encode() if not self.bom and is_utf8(data) else self.bom + data

    def named(self, what: str) -> str:
        """Its name with words before the extension."""
        stem = self.name.removesuffix(self.format.extension)
        return f"{stem}-{what.replace('_', '-')}{self.format.extension}"


@dataclass(frozen=True, kw_only=True)
class ShapeDefect(Defect):
    """Drift or dialect: `reshape` changes how a file will be written; `fits` says of which it can."""

    fits: Callable[[Shape, SourceContract], bool]
    reshape: Callable[[random.Random, Shape, SourceContract], Shape]
    recoverable: bool = True
    holds_rows_back: bool = False
    """The file changes what its rows say, so that a row that also arrives elsewhere may not be in it."""


@dataclass(frozen=True)
class Sound:
    """A file as it was delivered, from which a spoilt one is made. `text` is what was packed, `data` its bytes."""

    shape: Shape
    contract: SourceContract
    text: Text
    data: bytes


@dataclass(frozen=True, kw_only=True)
class FileDefect(Defect):
    """`spoil` makes the name and the bytes of a file that arrives besides the sound one, with a verdict of its own.

    It is accepted with no rows, or not accepted. With `is_once` every dataset has one at most: its bytes are much the
    same each time, and a second one would be a duplicate.
    """

    fits: Callable[[Shape, SourceContract], bool]
    spoil: Callable[[random.Random, Sound], tuple[str, bytes]]
    verdict: Verdict = "quarantined"
    reason: str | None
    is_once: bool = False
    level: Level = "file"
    recoverable: bool = False


@dataclass(frozen=True, kw_only=True)
class DeliveryDefect(Defect):
    """The name of a file comes again with other bytes.

    With `spoil` and `reason`, what comes first is a spoilt upload of the sound file that follows. Without, the sound
    file is followed by the same rows, some of them in a newer version.
    """

    fits: Callable[[Shape, SourceContract], bool]
    spoil: Callable[[random.Random, Sound], bytes] | None = None
    reason: str | None = None
    level: Level = "delivery"
    recoverable: bool = True


AnyDefect = ValueDefect | RowDefect | LineDefect | ShapeDefect | FileDefect | DeliveryDefect


def is_utf8(data: bytes) -> bool:
    """Whether these bytes are text in UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def registry(*groups: Sequence[AnyDefect]) -> Mapping[str, AnyDefect]:
    """All defects by name. ValueError when two have one name."""
    found: dict[str, AnyDefect] = {}
    for group in groups:
        for defect in group:
            if defect.name in found:
                raise ValueError(f'two defects are called "{defect.name}"')
            found[defect.name] = defect
    return found


def small_chance(*name: object) -> random.Random:
    """A stream for the few things that are made one at a time."""
    return random.Random("/".join(map(str, name)))  # noqa: S311 - a simulation, not a secret
