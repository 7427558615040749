"""The bytes of a file → a verdict and its rows: nothing lost, nothing guessed."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse import intake
from lakehouse.contract import load_registry
from lakehouse.intake import delimited, model, records, source

USERS = load_registry().sources["storefront.users"]
HEADER = b"user_id,email,country\n"


@dataclass(frozen=True)
class Row:
    """One row of any chunk: values that are there, what was rescued, and why it is unreadable."""

    number: int
    values: dict[str, str]
    rescued: str | None
    unreadable: str | None


def read(data: bytes, contract: Any = USERS) -> list[Row]:
    found = []
    for chunk in intake.read(data, contract):
        values = {name: array.to_pylist() for name, array in chunk.values.items()}
        rescued, unreadable = (
            array.to_pylist() if array is not None else [None] * chunk.length
            for array in (chunk.rescued, chunk.unreadable)
        )
        assert {len(column) for column in (*values.values(), rescued, unreadable)} == {chunk.length}
        found += [
            Row(
                chunk.first + index,
                {name: column[index] for name, column in values.items() if column[index] is not None},
                rescued[index],
                unreadable[index],
            )
            for index in range(chunk.length)
        ]
    assert [row.number for row in found] == list(range(1, len(found) + 1))
    return found


def ids(data: bytes) -> list[str | None]:
    """`user_id` of each row, or the reason why it is unreadable."""
    return [row.unreadable or row.values.get("user_id") for row in read(data)]


def refusal(data: bytes, contract: Any = USERS) -> intake.Refusal:
    with pytest.raises(intake.Refusal) as caught:
        read(data, contract)
    return caught.value


def csv_text(rows: Sequence[Sequence[str]], **how: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **how).writerows(rows)
    return text.getvalue()


# What is a file of rows


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("lf", b"user_id,email\n1,a\n2,b\n", ["1", "2"]),
        ("no line end at the end", b"user_id,email\n1,a\n2,b", ["1", "2"]),
        ("crlf", b"user_id,email\r\n1,a\r\n2,b\r\n", ["1", "2"]),
        ("cr, as an old Mac", b"user_id,email\r1,a\r2,b\r", ["1", "2"]),
        ("mixed", b"user_id,email\r\n1,a\n2,b\r3,c", ["1", "2", "3"]),
        ("NEL and U+2028 end no line", "user_id,email\n1,a\x85b\u2028c\x0b\x0cd\x1ce\n2,b\n".encode(), ["1", "2"]),
        ("blank lines", b"\n\nuser_id,email\n\n1,a\n   \n\r\n2,b\n\n", ["1", "2"]),
        ("a row of empty cells is a row", b"user_id,email\n,\n2,b\n", ["", "2"]),
        ("header only", b"user_id,email\n", []),
        ("header only, no line end", b"user_id,email", []),
        ("one column", b"user_id\n1\n\n2\n  \n3\n", ["1", "2", "3"]),
        ("semicolons", b"user_id;email;country\n1;a,b;x\n", ["1"]),
        ("tabs", b"user_id\temail\tcountry\n1\ta,b\tx\n\t\t\n", ["1", ""]),
        ("pipes", b"user_id|email|country\n1|a,b|x\n", ["1"]),
        ("byte order mark", b"\xef\xbb\xbfuser_id,email\n1,a\n", ["1"]),
        ("utf-16 little endian", b"\xff\xfe" + "user_id,email\n1,\u00e9\U0001f600\n".encode("utf-16-le"), ["1"]),
        ("utf-16 big endian", b"\xfe\xff" + "user_id,email\n1,\u00e9\U0001f600\n".encode("utf-16-be"), ["1"]),
        ("gzip", gzip.compress(b"user_id,email\n1,a\n"), ["1"]),
        ("gzip members", gzip.compress(b"user_id,email\n1,a\n2,") + gzip.compress(b"b\n"), ["1", "2"]),
        ("gzip with an empty member", gzip.compress(b"") + gzip.compress(b"user_id\n1\n"), ["1"]),
        ("gzip padded with zeros", gzip.compress(b"user_id,email\n1,a\n") + bytes(700), ["1"]),
        ("aliases in any case", b" USERID , Email \n1,a\n", ["1"]),
        ("json lines", b'{"user_id":"1"}\n{"user_id":"2"}\n', ["1", "2"]),
        ("json lines, crlf and blank lines", b'\r\n{"user_id":"1"}\r\n\r\n \t\r\n{"user_id":"2"}', ["1", "2"]),
        ("json with NEL and U+2028", '{"user_id":"1","email":"a\x85\u2028b"}\n{"user_id":"2"}'.encode(), ["1", "2"]),
        ("json lines ended by cr", b'{"user_id":"1"}\r{"user_id":"2"}\r', ["1", "2"]),
        ("objects end to end", b'{"user_id":"1"}{"user_id":"2"} {"user_id":"3"}\n{"user_id":"4"}', list("1234")),
        ("one object over lines", b'{\n  "user_id": "1"\n}\n', ["1"]),
        ("objects over lines", b'{\n "user_id": "1"\n}\n{\n "user_id": "2"}{"user_id":"3"}', ["1", "2", "3"]),
        ("array", b' [{"user_id":"1"},\n{"user_id":"2"}]\n', ["1", "2"]),
        ("empty array", b"[ ]", []),
        ("utf-16 json", b"\xff\xfe" + '{"user_id":"1"}'.encode("utf-16-le"), ["1"]),
        ("empty object", b'{}\n{"user_id":"2"}', [None, "2"]),
    ],
)
def test_content_decides_how_a_file_is_read(name: str, data: bytes, expected: list[str | None]) -> None:
    assert ids(data) == expected


@pytest.mark.parametrize(
    ("reason", "offset", "data"),
    [
        ("empty_file", None, b""),
        ("empty_file", None, b" \r\n\t\n"),
        ("empty_file", None, b"\xef\xbb\xbf"),
        ("empty_file", None, gzip.compress(b"")),
        ("html_page", 2, b"\n <!DOCTYPE html><html>"),
        ("html_page", 0, b"<?xml version='1.0'?><Error/>"),
        ("binary_content", 10, b"user_id,em\x00il\n"),
        ("binary_content", 13, b"\xef\xbb\xbfuser_id,em\x00il\n"),
        ("binary_content", 22, b"\xff\xfe" + "user_id,em\x00il\n".encode("utf-16-le")),
        ("wrong_type", 0, b"PK\x03\x04\x00\x00\x08\xff\xfe"),
        ("wrong_encoding", 17, b"user_id,email\n1,a\xe9b\n2,c\n"),
        ("wrong_encoding", 20, b"\xef\xbb\xbfuser_id,email\n1,a\xe9b\n2,c\n"),
        ("wrong_encoding", 13, b'{"user_id":"1\xa0"}\n'),
        ("wrong_encoding", 4, b"\xff\xfea\x00\x00\xdcb\x00"),
        ("header_missing", 0, b"brand,city\nx,y\n"),
        ("header_missing", 2, b"\n\n1,2\nuser_id,email\n"),
        ("header_missing", 0, b'"user_id,email\n1,2\n'),
        ("header_mismatch", 0, b"email,country\na,b\n"),
        ("corrupt_gzip", 0, b"\x1f\x8b\x07" + bytes(20)),
        ("trailing_garbage", len(gzip.compress(b"user_id\n1\n")), gzip.compress(b"user_id\n1\n") + b"junk"),
        ("truncated_json", 16, b'[{"user_id":"1"}'),
        ("truncated_json", 12, b'{"user_id":1'),
        ("truncated_json", 20, b'{\n"user_id":1,\n"a":['),
        ("malformed_json", 17, b'[{"user_id":"1"},]'),
        ("malformed_json", 17, b'[{"user_id":"1"} {"user_id":"2"}]'),
        ("malformed_json", 19, '[{"user_id":"\u00e91"},]'.encode()),
        ("malformed_json", 36, b"\xff\xfe" + '[{"user_id":"\u00e9"},]'.encode("utf-16-le")),
        ("malformed_json", 3, b"[1]x"),
        ("malformed_json", 1, b"[" + b'{"a":' * 50_000),
        ("malformed_json", 0, b"{oops\nno: json\n"),
        ("malformed_json", 0, b'{oops\n"just text"\n3\n'),
        ("malformed_json", 35, b'{\n "data": [\n  {"user_id": "1"},\n  oops\n ]\n}'),
    ],
)
def test_an_unusable_file_is_refused_with_its_place(reason: str, offset: int | None, data: bytes) -> None:
    found = refusal(data)
    assert (found.reason, found.offset) == (reason, offset)
    assert offset is None or f"(at byte {offset:,})" in str(found)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("too few cells", HEADER + b"1,a\n2,b,x\n", ["wrong_field_count", "2"]),
        ("too many cells", HEADER + b"1,a,x,\n2,b,x\n", ["wrong_field_count", "2"]),
        ("text after a quote", HEADER + b'1,"a"b,x\n2,b,x\n', ["malformed_row", "2"]),
        ("a quote inside is text", HEADER + b'1,5" pipe,x\n', ["1"]),
        ("a quote opens, rows follow", HEADER + b'1,"a,x\n2,b,x\n3,c,x\n', ["malformed_row", "2", "3"]),
        ("two quotes open", HEADER + b'1,"a,x\n2,b,x\n3,"c,x\n4,d,x\n', ["malformed_row", "2", "malformed_row", "4"]),
        ("a quote opens, well quoted rows follow", HEADER + b'1,"a,x\n2,"b",x\n3,c,x\n', ["malformed_row", "2", "3"]),
        ("a quote opens on the last line", HEADER + b'1,b,x\n2,"b,x', ["1", "malformed_row"]),
        ("line ends inside quotes", HEADER + b'1,"a\nb\r\nc",x\n2,b,x\n', ["1", "2"]),
        ("many lines inside quotes, one cell too many", HEADER + b'1,"a\nb",c,d\n2,b,x\n', ["wrong_field_count", "2"]),
        ("many lines inside quotes, then rubbish", HEADER + b'1,"a\nb"x,c\n2,b,x\n', ["malformed_row", "2"]),
        ("cut inside a quoted text of many lines", HEADER + b'1,b,x\n2,"a\nb', ["1", "malformed_row"]),
        ("cut inside a character", HEADER + b"1,b,x\n2,b,caf\xc3", ["1", "malformed_row"]),
        ("first line broken", b'{"user_id":1,\n{"user_id":"2"}\n{"user_id":"3"}', ["malformed_json", "2", "3"]),
        ("first line broken in a text", b'{"user_id":"1\n{"user_id":"2"}\n', ["malformed_json", "2"]),
        ("line broken", b'{"user_id":"1"}\n{"user_id":"2\n{"user_id":"3"}\n', ["1", "malformed_json", "3"]),
        ("last line cut", b'{"user_id":"1"}\n{"user_i', ["1", "malformed_json"]),
        ("last line cut inside a character", b'{"user_id":"1"}\n{"user_id":"\xf0\x9f\x98', ["1", "malformed_json"]),
        ("not an object", b'{"user_id":"1"}\n[1]\n"x"\n3\nnull\n', ["1", *["not_an_object"] * 4]),
        ("array of other things", b'[1,"x",null,[],{"user_id":"5"}]', [*["not_an_object"] * 4, "5"]),
        ("a comma ends the line", b'{"user_id":"1"}\n{"user_id":"2"},\n', ["1", "malformed_json"]),
        ("objects and rubbish on a line", b'{"user_id":"1"}\n{"user_id":"2"}3\n', ["1", "malformed_json"]),
        ("key twice", b'{"user_id":"1","user_id":"1"}\n{"user_id":"2"}', ["duplicate_key", "2"]),
        ("key twice inside", b'[{"user_id":"1","x":[{"a":1,"a":2}]},{"user_id":"2"}]', ["duplicate_key", "2"]),
        ("half a pair", b'{"user_id":"\\ud800"}\n{"user_id":"\\ud83d\\ude00"}', ["invalid_character", "\U0001f600"]),
        ("half a pair in a key", b'{"\\uDFFF":"1"}\n{"user_id":"2"}', ["invalid_character", "2"]),
        ("NUL", b'{"user_id":"\\u0000"}\n{"user_id":"\\\\u0000"}', ["invalid_character", "\\u0000"]),
        ("NUL before digits", b'{"user_id":"\\u00001"}\n{"user_id":2}', ["invalid_character", "2"]),
        ("101 deep", b'{"user_id":' + b"[" * 100 + b"]" * 100 + b'}\n{"user_id":"2"}', ["nested_too_deeply", "2"]),
        ("far too deep", b'{"user_id":"1"}\n{"user_id":' + b"[" * 90_000 + b"\n", ["1", "nested_too_deeply"]),
    ],
)
def test_a_broken_row_is_one_unreadable_row(name: str, data: bytes, expected: list[str]) -> None:
    assert ids(data) == expected
    arrived = io.StringIO(data.decode(errors="ignore"), newline=None).read()
    for row in read(data):
        if row.unreadable:
            assert row.values == {}
            assert row.rescued
            assert row.rescued.replace("\r\n", "\n") in arrived, "the raw text is kept as it came"


# Values


def test_json_values_keep_their_text() -> None:
    written = (
        '{"user_id": 12345678901234567890123, "email": 1.10, "full_name": -0, "country": 1E400, '
        '"signed_up_at": true, "is_marketing_opt_in": false, "updated_at": null}'
    )
    for data in (written, f"[{written}]", json.dumps(json.loads('{"a":1}')) + "\n" + written):
        assert read(data.encode())[-1].values == {
            "user_id": "12345678901234567890123",
            "email": "1.10",
            "full_name": "-0",
            "country": "1E400",
            "signed_up_at": "true",
            "is_marketing_opt_in": "false",
        }


def test_a_number_of_any_length_is_text() -> None:
    digits = "9" * 6_000  # Python refuses to make an int of more than 4,300 digits from text
    assert ids(b'{"user_id":%s}' % digits.encode()) == [digits]


def test_nested_values_are_json_with_numbers_as_written() -> None:
    (row,) = read(b'{"user_id":{"a":[1.10,"1.10",null,true,NaN],"\xc3\xa9":{}},"email":[ ],"new":{"n":1e5},"more":"7"}')
    assert row.values == {"user_id": '{"a":[1.10,"1.10",null,true,"NaN"],"\u00e9":{}}', "email": "[]"}
    assert row.rescued == '{"new":{"n":1e5},"more":"7"}'


def test_control_characters_in_json_strings_are_read() -> None:
    assert ids(b'{"user_id":"a\tb\x01"}') == ["a\tb\x01"]


def test_of_two_spellings_the_first_counts_and_the_other_is_rescued() -> None:
    assert read(b'{"userId":"1","user_id":"2"}') == [Row(1, {"user_id": "1"}, '{"user_id":"2"}', None)]
    assert read(b"userId,user_id\n1,2\n") == [Row(1, {"user_id": "1"}, '{"user_id":"2"}', None)]


def test_unknown_columns_are_rescued_under_names_of_their_own() -> None:
    rows = read(b"user_id,x,,x,\xc3\xa9,\n1,a,b,c,d,\n2,,,,,\n")
    assert [row.values for row in rows] == [{"user_id": "1"}, {"user_id": "2"}]
    assert json.loads(rows[0].rescued or "") == {"x": "a", "column 3": "b", "x (column 4)": "c", "\u00e9": "d"}
    assert rows[1].rescued is None, "cells without a value are nothing"


@pytest.mark.parametrize("data", [b"user_id,shoe\n1,42\n", b'{"user_id":"1"}\n{"user_id":"2","shoe":42}\n'])
def test_a_frozen_dataset_refuses_unknown_columns(data: bytes) -> None:
    found = refusal(data, replace(USERS, drift="freeze"))
    assert found.reason == "unknown_column"
    assert "shoe" in str(found)


def test_cells_keep_blanks_and_quotes() -> None:
    (row,) = read(HEADER + b'" 1 ", a""b ,"say ""x"", \'y\'"\n')
    assert row.values == {"user_id": " 1 ", "email": ' a""b ', "country": "say \"x\", 'y'"}


# Nothing is lost, whatever the content

CELL = st.text(st.sampled_from('ab,;\t|"\n\r\x85\u2028\u00e9\U0001f600 '), max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6),
    delimiter=st.sampled_from(delimited.DELIMITERS),
    # The csv module quotes line ends in a cell only when they are its own.
    layout=st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r")]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    is_gzip=st.booleans(),
    is_in_blocks=st.booleans(),
)
def test_what_the_csv_module_writes_is_read(
    rows: list[list[str]], delimiter: str, layout: tuple[Any, str], encoding: str, is_gzip: bool, is_in_blocks: bool
) -> None:
    names = ["user_id", "email", "country"]
    how = {"delimiter": delimiter, "quoting": layout[0], "lineterminator": layout[1]}
    data = csv_text([names, *rows], **how).encode(encoding)
    longest_record = max(len(csv_text([row], **how).encode()) for row in [names, *rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "BLOCK_BYTES", longest_record if is_in_blocks else 4 << 20)
        found = read(gzip.compress(data) if is_gzip else data)
    assert [[row.values.get(name) for name in names] for row in found] == rows


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.sampled_from('a",\n\r \x85'), max_size=40))
def test_arrow_and_python_agree_on_every_block_that_arrow_is_given(text: str) -> None:
    data = HEADER + text.encode()
    with pytest.MonkeyPatch.context() as patch:
        at_once = read(data)
        patch.setattr(delimited._Rows, "_columns_at_once", lambda *_: None)
        assert read(data) == at_once


@settings(max_examples=80, deadline=None)
@given(text=st.text(st.sampled_from("ab,\n\r"), max_size=60))
def test_without_quotes_every_line_is_a_row(text: str) -> None:
    expected = [cells for cells in csv.reader(io.StringIO(text, newline="")) if cells]
    found = read(HEADER + text.encode())
    assert len(found) == len(expected)
    assert [row.unreadable is None for row in found] == [len(cells) == 3 for cells in expected]


@settings(max_examples=80, deadline=None)
@given(text=st.text(st.sampled_from('a",\n'), max_size=60))
def test_every_character_of_a_broken_file_is_in_a_row(text: str) -> None:
    found = read(HEADER + text.encode())
    kept = sum(len("".join(row.values.values())) for row in found) + sum(
        len(row.rescued or "") for row in found if row.unreadable
    )
    assert kept >= text.count("a")


JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: "\x00" not in json.dumps(value, ensure_ascii=False).replace("\\u0000", "\x00"))
RECORD = st.fixed_dictionaries({"user_id": JSON_VALUE}, optional={"email": JSON_VALUE, "nobody knows": JSON_VALUE})


@settings(max_examples=50, deadline=None)
@given(
    items=st.lists(RECORD | JSON_VALUE, min_size=1, max_size=6),
    is_ascii=st.booleans(),
    form=st.sampled_from(["array", "pretty array", "lines"]),
    rows_per_chunk=st.sampled_from([1, 2, 20_000]),
)
def test_what_the_json_module_writes_is_read(items: list[Any], is_ascii: bool, form: str, rows_per_chunk: int) -> None:
    if form == "lines":
        items = [{"user_id": "first"}, *items]
        text = "\n".join(json.dumps(item, ensure_ascii=is_ascii) for item in items)
    else:
        text = json.dumps(items, ensure_ascii=is_ascii, indent=1 if form == "pretty array" else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "ROWS_PER_CHUNK", rows_per_chunk)
        found = read(text.encode())
    assert len(found) == len(items)
    for row, item in zip(found, items, strict=True):
        if not isinstance(item, dict):
            assert row.unreadable == "not_an_object"
            continue
        known = {name: value for name, value in item.items() if name in ("user_id", "email") and value is not None}
        assert row.values.keys() == known.keys()
        for name, value in known.items():
            text_value = row.values[name]
            assert text_value == value if isinstance(value, str) else json.loads(text_value) == value
        rest = {name: value for name, value in item.items() if name not in ("user_id", "email")}
        assert json.loads(row.rescued or "{}") == rest


def test_an_array_cut_anywhere_is_truncated() -> None:
    whole = json.dumps(
        [
            {"user_id": '\u00e9\\"\U0001f600', "email": -1.5e-7, "x": [True, False, None, {}]},
            0,
            float("-inf"),
            float("nan"),
        ]
    )
    for end in range(1, len(whole)):
        found = refusal(whole[:end].encode())
        assert (found.reason, found.offset) == ("truncated_json", end), whole[:end]


def test_lines_cut_anywhere_lose_at_most_the_last() -> None:
    lines = [json.dumps({"user_id": f"\u00e9{number}", "email": "x"}, ensure_ascii=False) for number in range(3)]
    whole = "\n".join(lines).encode()
    for end in range(len(lines[0].encode()) + 1, len(whole) + 1):
        complete = sum(end >= len("\n".join(lines[: count + 1]).encode()) for count in range(3))
        found = ids(whole[:end])
        assert found[:complete] == [f"\u00e9{number}" for number in range(complete)]
        assert found[complete:] in ([], ["malformed_json"])


def test_a_gzip_file_cut_anywhere_is_truncated() -> None:
    whole = gzip.compress(b"user_id,email\n1,a\n")
    for end in range(2, len(whole)):
        found = refusal(whole[:end])
        assert (found.reason, found.offset) == ("truncated_gzip", end)


def test_gzip_with_a_flipped_bit_is_never_accepted_as_other_rows() -> None:
    content = HEADER + b"".join(b"%d,a%d,x\n" % (number, number * 7919) for number in range(50))
    whole, expected = gzip.compress(content), ids(content)
    chosen = random.Random(7)
    reasons = set()
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[chosen.randrange(10, len(whole))] ^= 1 << chosen.randrange(8)
        try:
            assert ids(bytes(damaged)) == expected
        except intake.Refusal as found:
            reasons.add(found.reason)
    assert reasons <= {"corrupt_gzip", "truncated_gzip", "trailing_garbage"}
    assert "corrupt_gzip" in reasons


# Blocks


@pytest.mark.parametrize("block", [1, 7, 40, 1000])
def test_rows_do_not_depend_on_where_blocks_end(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = HEADER + b'1,a,x\n2,"b\nb",x\n3\n4,"d"d,x\n5,"e,x\n6,f,x\n"7","g\n\n",x\n'
    lines = b'{"user_id":"1"}\n\n{"user_id":"2"\n{"user_id":"3"}{"user_id":"4"}\n'
    expected = read(data), read(lines)
    monkeypatch.setattr(source, "BLOCK_BYTES", max(block, 30))
    assert (read(data), read(lines)) == expected


def test_a_line_that_is_too_long_is_one_unreadable_row(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (delimited, records):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 64)
    monkeypatch.setattr(source, "BLOCK_BYTES", 64)
    monkeypatch.setattr(model, "KEPT_OF_TOO_LONG_BYTES", 20)
    long = "\u00e9" * 60
    expected = [("1", None), (None, "record_too_long"), ("3", None)]
    for data in (
        f"user_id,email\n1,a\n2,{long}\n3,b\n",
        f'{{"user_id":"1"}}\n{{"user_id":"{long}"}}\n{{"user_id":"3"}}\n',
    ):
        found = read(data.encode())
        assert [(row.values.get("user_id"), row.unreadable) for row in found] == expected
        assert data.splitlines()[-2].startswith(found[1].rescued or "?")
    assert refusal(b"user_id," + b"x" * 100).reason == "line_too_long"
    assert ids(b'{"user_id":"1"}' * 20 + b'\n{"user_id":"2"}') == ["1"] * 20 + ["2"], "objects end to end are no line"


def test_a_quote_that_would_swallow_the_file_is_refused_when_its_rows_cannot_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", 64)
    found = refusal(HEADER + b"1,a,x\n" * 4 + b'2,"free\n' + b"text of any length\n" * 10)
    assert (found.reason, found.offset) == ("unbalanced_quotes", len(HEADER) + 24)


def test_quotes_that_open_again_and_again_cost_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "FREE_REREAD_CHARACTERS", 10_000)
    # Read alone, each line opens a quote; read inside a quote, it closes that one and opens another.
    found = refusal(HEADER + b'a",b,"c\nx,y,z\n' * 3_000)
    assert found.reason == "unbalanced_quotes"


# Hostile input


def test_a_zip_bomb_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "RATIO_APPLIES_ABOVE_BYTES", 1 << 20)
    bomb = gzip.compress(b"user_id,email\n" + b"1,a\n" * (2 << 20))
    assert refusal(bomb).reason == "zip_bomb"


def test_a_file_over_the_limit_is_refused_inflated_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_FILE_BYTES", 1_000)
    content = HEADER + b"1,a,x\n" * 200
    assert refusal(content).reason == "file_too_large"
    assert refusal(gzip.compress(content)).reason == "file_too_large"


def test_the_largest_ratio_of_real_files_is_no_bomb() -> None:
    content = HEADER + b"".join(b"%d,a@example.com,FR\n" % number for number in range(100_000))
    assert len(content) / len(gzip.compress(content)) < source.MAX_INFLATION_RATIO / 4


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (HEADER + b"1,b,x\n\xc3", "malformed_row"),
        (b'{"user_id":"1"}\n\xc3', "malformed_json"),
    ],
)
def test_a_line_of_nothing_but_a_cut_character_is_a_row_too(data: bytes, reason: str) -> None:
    assert [(row.number, row.unreadable) for row in read(data)] == [(1, None), (2, reason)]
