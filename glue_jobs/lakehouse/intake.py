"""The bytes of one file → a verdict and its rows as text. Plain Python: no Spark, no AWS.

Content decides, not the name: a gzip stream is inflated whatever its extension, a JSON array under `.ndjson` is read as
the array it is. What can be read without guessing is read; what cannot is refused with one reason and the place where
it went wrong. One broken line in a good file is an unreadable row, not a refused file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from isal import isal_zlib

from lakehouse.contract import SourceContract

# Hostile input is refused before it fills the memory of a worker; set here and nowhere else.
MAX_INFLATED_BYTES = 1 << 30
MAX_INFLATION_RATIO = 1_000
RATIO_APPLIES_ABOVE_BYTES = 64 << 20
MAX_LINE_BYTES = 16 << 20

DELIMITERS = ",;\t|"
GZIP_MAGIC = b"\x1f\x8b"
_HTML = re.compile(r"\s*<(!doctype|html|head|body|\?xml)", re.IGNORECASE)
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


@dataclass(frozen=True)
class Row:
    """One row as it came. `values` by contract column; `rescued` holds what the contract does not know.

    `number` counts from 1, header excluded. `unreadable` is a reason code when the row has no usable values; `raw` is
    then its text.
    """

    number: int
    values: Mapping[str, str | None]
    rescued: Mapping[str, Any] = field(default_factory=dict)
    unreadable: str | None = None
    raw: str | None = None


class Refusal(Exception):  # noqa: N818 - a verdict about a file, not a fault of the program
    """Why a file is quarantined: a reason code and a sentence for a person, with the byte offset where there is one."""

    def __init__(self, reason: str, detail: str, offset: int | None = None) -> None:
        super().__init__(detail if offset is None else f"{detail} (at byte {offset:,})")
        self.reason = reason


def is_ignored(key: str) -> bool:
    """Hidden and temporary names, which writers leave behind and nobody means to load."""
    name = key.rsplit("/", 1)[-1].lower()
    return name.startswith((".", "_")) or name.endswith((".tmp", ".part", ".crdownload", "~"))


def rows(data: bytes, contract: SourceContract) -> Iterator[Row]:
    """The rows of a file, in order. Raises Refusal, before the first row where it can, when the file is unusable."""
    text = _decoded(_inflated(data))
    start = len(text) - len(text.lstrip())
    if start == len(text):
        raise Refusal("empty_file", "the file holds nothing but white space" if data else "the file is empty")
    if _HTML.match(text):
        raise Refusal("html_page", "this is an HTML or XML page, probably an error page saved as data")
    if "\x00" in text:
        raise Refusal("binary_content", "NUL characters: this is not text", text.index("\x00"))
    first = text[start]
    if first == "[":
        return _json_array(text, contract)
    if first == "{":
        return _json_lines(text, contract)
    return _delimited(text, contract)


def _inflated(data: bytes) -> bytes:
    """Gzip members one after the other, checked by their CRC and length; other bytes as they are."""
    if not data.startswith(GZIP_MAGIC):
        return data
    parts: list[bytes] = []
    total, rest = 0, data
    while rest.startswith(GZIP_MAGIC):
        member = isal_zlib.decompressobj(wbits=31)
        chunk = rest
        try:
            while not member.eof:
                piece = member.decompress(chunk, 8 << 20)
                chunk = member.unconsumed_tail
                total += len(piece)
                parts.append(piece)
                if total > MAX_INFLATED_BYTES or (
                    total > RATIO_APPLIES_ABOVE_BYTES and total > len(data) * MAX_INFLATION_RATIO
                ):
                    raise Refusal("zip_bomb", f"{len(data):,} bytes inflate to more than {total:,}")
                if not piece and not chunk:
                    break
        except isal_zlib.error as error:
            raise Refusal("corrupt_gzip", f"the gzip stream is damaged: {error}", len(data) - len(chunk)) from None
        if not member.eof:
            raise Refusal("truncated_gzip", f"the gzip stream ends early, after {total:,} inflated bytes", len(data))
        rest = member.unused_data
    if rest.strip(b"\x00"):
        raise Refusal("trailing_garbage", f"{len(rest):,} bytes follow the gzip stream", len(data) - len(rest))
    return b"".join(parts)


def _decoded(data: bytes) -> str:
    encoding = "utf-8"
    for bom, name in _BOMS:
        if data.startswith(bom):
            data, encoding = data[len(bom) :], name
            break
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refusal("wrong_encoding", f"not {encoding.upper()}: {error.reason}", error.start) from None


def _delimited(text: str, contract: SourceContract) -> Iterator[Row]:
    """Delimited text with a header. The delimiter is the one under which the header names most known columns."""
    end = text.find("\n")
    header_line = text[: end if end >= 0 else len(text)].strip("\r")
    if len(header_line) > MAX_LINE_BYTES:
        raise Refusal("line_too_long", f"the first line has {len(header_line):,} characters", 0)
    delimiter = max(DELIMITERS, key=lambda candidate: len(_known(_cells(header_line, candidate), contract)))
    if not _known(_cells(header_line, delimiter), contract):
        raise Refusal(
            "header_missing",
            f"no column of {contract.dataset} is named in the first line; it should name "
            f"{', '.join(column.name for column in contract.columns)}",
            0,
        )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    csv.field_size_limit(MAX_LINE_BYTES)
    header = [cell.strip() for cell in next(reader)]
    place = _places(header, contract)
    return _delimited_rows(reader, header, place)


def _delimited_rows(reader: Iterator[list[str]], header: list[str], place: Mapping[int, str]) -> Iterator[Row]:
    width, number = len(header), 0
    known = list(place.items())
    unknown = [index for index in range(width) if index not in place]
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield Row(number, {}, unreadable="malformed_row", raw=str(error))
            continue
        if not cells:
            continue  # a blank line is no row
        number += 1
        if len(cells) != width:
            yield Row(number, {}, unreadable="wrong_field_count", raw=json.dumps(cells, ensure_ascii=False))
            continue
        values = {name: cells[index] for index, name in known}
        yield Row(number, values, {header[index]: cells[index] for index in unknown} if unknown else {})


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _known(header: list[str], contract: SourceContract) -> list[str]:
    lookup = contract.header_lookup
    return [lookup[cell.lower()] for cell in header if cell.lower() in lookup]


def _places(header: list[str], contract: SourceContract) -> dict[int, str]:
    """Position → contract column; of two spellings of one column the first counts, the other is rescued."""
    places: dict[int, str] = {}
    for index, cell in enumerate(header):
        name = contract.header_lookup.get(cell.lower())
        if name and name not in places.values():
            places[index] = name
    if missing := [name for name in contract.key if name not in places.values()]:
        raise Refusal(
            "header_mismatch",
            f"the key column {', '.join(missing)} is not in the header ({', '.join(header)}); "
            "add the spelling to the column's aliases in the contract if it was renamed",
            0,
        )
    return places


# Numbers keep the text they came with: none passes through a double.
_decode_json = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


def _json_array(text: str, contract: SourceContract) -> Iterator[Row]:
    try:
        items = _decode_json.decode(text)
    except json.JSONDecodeError as error:
        reason = "truncated_json" if error.pos >= len(text.rstrip()) - 1 else "malformed_json"
        offset = len(text[: error.pos].encode())
        raise Refusal(reason, f"the JSON array cannot be read: {error.msg}", offset) from None
    except RecursionError:
        raise Refusal("malformed_json", "the JSON is nested too deeply") from None
    as_row = _record_reader(contract)
    return (as_row(number, item, None) for number, item in enumerate(items, 1))


def _json_lines(text: str, contract: SourceContract) -> Iterator[Row]:
    """One object a line; a file that is one object over several lines, or objects end to end, is read as such."""
    as_row = _record_reader(contract)
    first_line = text.lstrip().split("\n", 1)[0]
    try:
        _decode_json.decode(first_line)
    except (json.JSONDecodeError, RecursionError):
        stream = list(_json_stream(text))
        if stream:
            return (as_row(number, item, None) for number, item in enumerate(stream, 1))
    return _json_line_rows(text, as_row)


def _json_line_rows(text: str, as_row: Callable[[int, Any, str | None], Row]) -> Iterator[Row]:
    number = 0
    for line in text.split("\n"):
        if not line or line.isspace():
            continue
        number += 1
        try:
            item = _decode_json.decode(line)
        except (json.JSONDecodeError, RecursionError):
            yield Row(number, {}, unreadable="malformed_json", raw=line[:MAX_LINE_BYTES])
        else:
            yield as_row(number, item, line)


def _json_stream(text: str) -> Iterator[Any]:
    """Objects one after the other with anything white between them; nothing at all when one cannot be read."""
    position, items = 0, []
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if position == len(text):
            return iter(items)
        try:
            item, position = _decode_json.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError):
            return iter(())
        items.append(item)


def _record_reader(contract: SourceContract) -> Callable[[int, Any, str | None], Row]:
    lookup = contract.header_lookup

    def as_row(number: int, item: Any, line: str | None) -> Row:
        if not isinstance(item, dict):
            raw = line if line is not None else json.dumps(item, ensure_ascii=False)
            return Row(number, {}, unreadable="not_an_object", raw=raw)
        values: dict[str, str | None] = {}
        rescued: dict[str, Any] = {}
        for name, value in item.items():
            column = lookup.get(name.strip().lower())
            if column is None or column in values:
                rescued[name] = value
            else:
                values[column] = _as_text(value)
        return Row(number, values, rescued)

    return as_row


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
