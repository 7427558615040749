"""Sound files, ways to spoil them, and what must hold whatever comes of it."""

from __future__ import annotations

import codecs
import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest

from lakehouse import intake
from lakehouse.contract import SourceContract, load_registry
from lakehouse.intake import alike, delimited, source

_SOURCES = load_registry().sources
CONTRACTS: Sequence[SourceContract] = (
    _SOURCES["storefront.users"],
    replace(_SOURCES["storefront.users"], drift="freeze"),
    _SOURCES["storefront.transactions"],  # a second encoding, an amount in another unit
    _SOURCES["storefront.events"],  # columns inside objects
)
_CELLS = ("u-1", "", "é😀", 'a "b"', "x,y", "1.10", " ", "a\nb", "null", "it's", "-0", "2026-01-01T00:00:00Z")
_VALUES = (*_CELLS, None, True, 12, -0.0, 1e300, {"device": "mobile", "os": "x"}, [1, "a"], {}, "\\", "\u2028")


class Sound(NamedTuple):
    """A file of which nothing is wrong: its bytes and how many rows it has."""

    data: bytes
    rows: int


class Spoiling(NamedTuple):
    """One thing done to a file: what, where (from 0 to 1), and a number that it may use."""

    what: str
    where: float
    number: int


MAGIC = (
    b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"%PDF-1.4", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xff\xfe\x00\x00",
    b"<html>", b"\x00", bytes(20), b'"', b"\\", b"\r", b"\n", b"\r\n", b"[", b"]", b"{", b"}", b",", b":", b"\xc3",
    b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"NaN", b"-", b"null", b'"user_id"', b"_violations", b"\xee\x80\x80",
)  # fmt: skip
SPOILINGS = ("flip", "cut", "drop", "double", "insert", "splice", "swap", "gzip", "encode", "byte")


def sound_files() -> list[Sound]:
    """Every format, dialect and encoding that can be read, of each contract's columns."""
    chance, found = random.Random(7), []
    for contract in CONTRACTS[::2] + CONTRACTS[3:]:
        names = [*contract.column_names[:6], *(("note",) if contract.drift != "freeze" else ())]
        rows = [[f"k-{number}", *(chance.choice(_CELLS) for _ in names[1:])] for number in range(12)]
        for delimiter, end in ((",", "\n"), (";", "\r\n"), ("\t", "\n"), ("|", "\r")):
            lines = [delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [names, *rows]]
            found.append(Sound((end.join(lines) + end).encode(), len(rows)))
        plain = [[cell for cell in row if not set(cell) & set('",\n')] for row in rows]
        plain = [row for row in plain if len(row) == len(names)] or [["k"] * len(names)]
        found.append(Sound("\n".join(",".join(row) for row in [names, *plain]).encode(), len(plain)))
        alike_items = [
            dict(zip(names, [f"k-{number}", "é" if number % 3 else None, 1.5, None, "x", True, "n"], strict=False))
            for number in range(9)
        ]
        items = [{name: chance.choice(_VALUES) for name in names} | {names[0]: f"k-{number}"} for number in range(9)]
        for objects in (items, alike_items, alike_items + items[:2] + alike_items):
            dumped = [json.dumps(item, ensure_ascii=False) for item in objects]
            texts = (
                "\n".join(dumped) + "\n",
                "\r\n".join(dumped),
                " ".join(dumped),
                json.dumps(objects),
                json.dumps(objects, indent=1),
                "[\n" + ",\n".join(dumped) + "\n]\n",
                "[" + ",\r\n".join(dumped) + "]",
                "\n".join(json.dumps(item, indent=2) for item in objects),
            )
            found += [Sound(text.encode(), len(objects)) for text in texts]
    text, rows = found[0].data.decode(), found[0].rows
    found += [
        Sound(codecs.BOM_UTF8 + text.encode(), rows),
        Sound(text.encode("utf-16"), rows),
        Sound(codecs.BOM_UTF32_BE + text.encode("utf-32-be"), rows),
        Sound(gzip.compress(text.encode(), mtime=0), rows),
        Sound(gzip.compress(text[:50].encode(), mtime=0) + gzip.compress(text[50:].encode(), mtime=0) + bytes(9), rows),
    ]
    return found


def spoilt(data: bytes, spoiling: Spoiling, others: Sequence[Sound]) -> bytes:
    """The file after one thing has been done to it."""
    at, number = int(spoiling.where * len(data)), spoiling.number
    match spoiling.what:
        case "flip" if data:
            at = min(at, len(data) - 1)
            return data[:at] + bytes([data[at] ^ (1 << number % 8)]) + data[at + 1 :]
        case "cut":
            return data[:at]
        case "drop":
            return data[:at] + data[at + 1 + number % 40 :]
        case "double":
            return data[:at] + data[max(0, at - number % 200) : at] + data[at:]
        case "insert":
            return data[:at] + MAGIC[number % len(MAGIC)] + data[at:]
        case "splice":
            other = others[number % len(others)].data
            return data[:at] + other[int(spoiling.where * len(other)) :]
        case "swap":
            return data[at:] + data[:at]
        case "gzip":
            return gzip.compress(data, 1, mtime=0)
        case "encode":
            encoding = ("utf-16", "utf-32", "cp1252", "utf-8-sig", "utf-16-le")[number % 5]
            return data.decode("utf-8", "replace").encode(encoding, "replace")
        case "byte":
            return data[:at] + bytes([number % 256]) + data[at:]
    return data


@dataclass(frozen=True)
class Verdict:
    """What became of a file: a refusal (reason, offset, sentence), or its rows, each with all that is said of it."""

    refusal: tuple[str, int | None, str] | None
    rows: Sequence[tuple[str | None, ...]]


def verdict(data: bytes, contract: SourceContract) -> Verdict:
    """Read a file and check what holds for all; any other exception than a refusal goes through."""
    rows: list[tuple[str | None, ...]] = []
    names = contract.text_columns
    try:
        for chunk in intake.read(data, contract):
            assert chunk.first == len(rows) + 1, "rows are numbered without a gap"
            assert chunk.length > 0
            assert chunk.values.keys() <= set(names)
            columns = [chunk.values.get(name) for name in names] + [chunk.rescued, chunk.unreadable]
            assert {len(column) for column in columns if column is not None} <= {chunk.length}
            for column in columns:
                if column is not None:
                    column.validate(full=True)
            lists = [[None] * chunk.length if column is None else column.to_pylist() for column in columns]
            rows += zip(*lists, strict=True)
    except intake.Refusal as refusal:
        return Verdict((refusal.reason, refusal.offset, str(refusal)), ())
    for row in rows:
        *values, rescued, unreadable = row
        assert unreadable is None or unreadable in intake.UNREADABLE
        assert unreadable is None or (rescued is not None and not any(value is not None for value in values))
    return Verdict(None, rows)


def check(data: bytes, contract: SourceContract, block_bytes: int) -> Verdict:
    """The verdict on a file: the same with and without the ways that read many rows at once, and no line is lost.

    Blocks of a few bytes put their ends everywhere.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "BLOCK_BYTES", block_bytes)
        found = verdict(data, contract)
        patch.setattr(alike, "ARROW_PAYS_FROM_BYTES", 0)
        assert verdict(data, contract) == found, "small and large blocks agree"
        patch.setattr(delimited._Rows, "_columns_at_once", lambda *_: None)
        patch.setattr(alike, "_filled", lambda *_: None)
        assert verdict(data, contract) == found, "fast and slow agree"
    if found.refusal is None and data.isascii() and b'"' not in data and not data.lstrip().startswith((b"{", b"[")):
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        count = sum(1 for line in lines if line.strip(b" \t\v\f\x1c\x1d\x1e\x1f"))
        assert len(found.rows) == count - 1, "without quotes, every line but the header is a row"
    return found


def drawn(chance: random.Random, files: Sequence[Sound]) -> tuple[bytes, SourceContract, int]:
    """Any input of a long run: mostly a spoilt file, now and then random bytes."""
    if chance.random() < 0.05:
        data = chance.randbytes(chance.randint(0, 300))
    else:
        data = chance.choice(files).data
        for _ in range(chance.randint(0, 4)):
            data = spoilt(data, Spoiling(chance.choice(SPOILINGS), chance.random(), chance.getrandbits(16)), files)
    return data, chance.choice(CONTRACTS), chance.choice((40, 200, 1_000, 4 << 20))
