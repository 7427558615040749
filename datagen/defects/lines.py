"""Defects of single lines: no reader can tell the row's cells any more, and the lines around it are not touched.

Only clear cases. A quote that opens and never closes is none of them: how many lines it swallows depends on the reader.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterable, Sequence

from datagen.defects.model import AnyDefect, LineDefect
from datagen.writers import Layout

_NESTED_LEVELS = 120
"""A hundred are more than any record of a business has."""
_LONG_BYTES = (4 << 20) + (64 << 10)
"""A row may have 4 MiB, the most that the warehouse takes."""
_UNUSABLE = ("\\u0000", "\\ud83d")
"""Escapes of NUL and of one half of a pair of surrogates: no characters that a database could hold."""


def _is_delimited(layout: Layout) -> bool:
    return layout.kind == "delimited" and len(layout.header) > 2


def _is_json(layout: Layout) -> bool:
    return layout.kind != "delimited"


def _is_line_of_json(layout: Layout) -> bool:
    return layout.kind == "ndjson" and "\n" in layout.line_end


def _is_element(layout: Layout) -> bool:
    """Whether what is no object can stand in an object's place."""
    return layout.kind == "json" or _is_line_of_json(layout)


def _may_be_long(layout: Layout) -> bool:
    return layout.kind == "delimited" or _is_line_of_json(layout)


# --- delimited text


def _cells(line: str, layout: Layout) -> list[str]:
    return next(csv.reader(io.StringIO(line, newline=""), delimiter=layout.delimiter))


def _joined(cells: Sequence[str], layout: Layout) -> str:
    """Cells as a line, without its end."""
    if not cells:
        return ""
    text = io.StringIO()
    dialect = csv.unix_dialect if layout.quotes_all else csv.excel
    csv.writer(text, dialect, delimiter=layout.delimiter, lineterminator="").writerow(cells)
    return text.getvalue()


def _too_few_fields(chance: random.Random, line: str, layout: Layout) -> str:
    cells = _cells(line, layout)
    keep = chance.randint(2, len(cells) - 1)
    return _joined(cells[:keep], layout) + layout.line_end


def _too_many_fields(chance: random.Random, line: str, layout: Layout) -> str:
    cells = _cells(line, layout)
    more = chance.choice(([""], ["x"], ["", ""], [cells[0]], cells))
    at = chance.randint(1, len(cells))
    return _joined([*cells[:at], *more, *cells[at:]], layout) + layout.line_end


def _stray_quote(chance: random.Random, line: str, layout: Layout) -> str:
    """Quotes inside a quoted cell that are not doubled: `"Quiet "Lamp" 5"`."""
    cells = _cells(line, layout)
    # After the quote that closes too early, any reader sees at once that something is wrong: a letter stands there.
    signs = ('"', layout.delimiter, "\n", "\r")
    places = [
        (place, start)
        for place, cell in enumerate(cells)
        if not any(sign in cell for sign in signs)
        for start in range(1, len(cell))
        if cell[start].isalnum()
    ]
    if not places:
        return line
    place, start = chance.choice(places)
    cell = cells[place]
    end = chance.randint(start + 1, len(cell))
    stray = f'"{cell[:start]}"{cell[start:end]}"{cell[end:]}"'
    around = [_joined(cells[:place], layout), stray, _joined(cells[place + 1 :], layout)]
    first, last = int(place == 0), len(around) - int(place == len(cells) - 1)
    return layout.delimiter.join(around[first:last]) + layout.line_end


# --- JSON


def _body(line: str, layout: Layout) -> tuple[str, str]:
    """The object, and what stands behind it."""
    end = ("," if layout.kind == "json" else "") + layout.line_end
    return line.removesuffix(end), end


def _broken_json(chance: random.Random, line: str, layout: Layout) -> str:
    body, end = _body(line, layout)
    forms = (
        body[: chance.randint(len(body) // 3, len(body) - 1)],
        body.replace('"', "'"),
        body.replace('": ', '" ', 1),
        body[:-1] + ",}",
        body.replace('"', "", 1),
    )
    return chance.choice(forms) + end


def _not_an_object(chance: random.Random, line: str, layout: Layout) -> str:
    body, end = _body(line, layout)
    values = list(json.loads(body).values())
    listed, text = json.dumps(values, ensure_ascii=False), json.dumps("end of export")
    return chance.choice((listed, "[1, 2]", text, "0", "null")) + end


def _members(line: str, layout: Layout) -> dict[str, str]:
    """The object's members by name, each value as JSON."""
    members: dict[str, object] = json.loads(_body(line, layout)[0])
    return {name: json.dumps(value, ensure_ascii=False) for name, value in members.items()}


def _object(members: Iterable[tuple[str, str]], line: str, layout: Layout) -> str:
    """Members as an object, with what stood behind the line's."""
    inside = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {value}" for name, value in members)
    return f"{{{inside}}}{_body(line, layout)[1]}"


def _with_value(chance: random.Random, line: str, layout: Layout, value: str) -> str:
    """The object with another value of one of its members."""
    members = _members(line, layout)
    members[chance.choice(list(members))] = value
    return _object(members.items(), line, layout)


def _duplicate_key(chance: random.Random, line: str, layout: Layout) -> str:
    members = _members(line, layout)
    name = chance.choice(list(members))
    again = (name, chance.choice((members[name], "null", '"x"')))
    return _object([*members.items(), again], line, layout)


def _nested_too_deeply(chance: random.Random, line: str, layout: Layout) -> str:
    return _with_value(chance, line, layout, "[" * _NESTED_LEVELS + "]" * _NESTED_LEVELS)


def _invalid_character(chance: random.Random, line: str, layout: Layout) -> str:
    return _with_value(chance, line, layout, f'"a{chance.choice(_UNUSABLE)}b"')


# --- both


def _record_too_long(chance: random.Random, line: str, layout: Layout) -> str:
    """Four megabytes in a cell that had a few letters."""
    filler = chance.choice("x-0") * _LONG_BYTES
    if layout.kind == "ndjson":
        return _with_value(chance, line, layout, f'"{filler}"')
    cells = _cells(line, layout)
    return _joined([*cells[:-1], cells[-1] + filler], layout) + layout.line_end


LINES: list[AnyDefect] = [
    LineDefect(
        name="too_few_fields", share=0.003, fits=_is_delimited, alter=_too_few_fields, violation="wrong_field_count"
    ),
    LineDefect(
        name="too_many_fields", share=0.003, fits=_is_delimited, alter=_too_many_fields, violation="wrong_field_count"
    ),
    LineDefect(name="stray_quote", share=0.003, fits=_is_delimited, alter=_stray_quote, violation="malformed_row"),
    LineDefect(name="broken_json", share=0.003, fits=_is_line_of_json, alter=_broken_json, violation="malformed_json"),
    LineDefect(name="not_an_object", share=0.002, fits=_is_element, alter=_not_an_object, violation="not_an_object"),
    LineDefect(name="duplicate_key", share=0.002, fits=_is_json, alter=_duplicate_key, violation="duplicate_key"),
    LineDefect(
        name="nested_too_deeply",
        share=0.001,
        tier="hostile",
        fits=_is_json,
        alter=_nested_too_deeply,
        violation="nested_too_deeply",
    ),
    LineDefect(
        name="invalid_character",
        share=0.001,
        tier="hostile",
        fits=_is_json,
        alter=_invalid_character,
        violation="invalid_character",
    ),
    LineDefect(
        name="record_too_long",
        share=0.000_005,
        tier="hostile",
        fits=_may_be_long,
        alter=_record_too_long,
        violation="record_too_long",
    ),
]
