"""Which one reason a file is refused for, where, and what a person is told."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.orc
import pyarrow.parquet
import pytest

from datagen.defects import DEFECTS
from lakehouse import intake
from lakehouse.contract import SourceContract, load_registry
from lakehouse.intake import listing

SOURCES = load_registry().sources
USERS, TRANSACTIONS = SOURCES["storefront.users"], SOURCES["storefront.transactions"]
HEADER = b"user_id,email,country\n"
TABLE = pa.table({"user_id": ["u-1", "u-2"], "email": ["a@example.com", None]})
DOCUMENT = Path(__file__).parents[2] / "docs" / "file-verdicts.md"


def rows(data: bytes, contract: SourceContract = USERS) -> list[dict[str, Any]]:
    """Every row, without what it does not have."""
    found: list[dict[str, Any]] = []
    for chunk in intake.read(data, contract):
        columns = {**chunk.values, "_rescued": chunk.rescued, "_unreadable": chunk.unreadable}
        lists = {name: column.to_pylist() for name, column in columns.items() if column is not None}
        found += [
            {name: cells[n] for name, cells in lists.items() if cells[n] is not None} for n in range(chunk.length)
        ]
    return found


def refusal(data: bytes, contract: SourceContract = USERS) -> intake.Refusal:
    with pytest.raises(intake.Refusal) as caught:
        rows(data, contract)
    return caught.value


# What it is, by its bytes


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def zipped(*names: str) -> bytes:
    def write(file: io.BytesIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, HEADER * 100)

    return written(write)


def tarred(file: io.BytesIO) -> None:
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("users.csv")
        member.size = len(HEADER)
        archive.addfile(member, io.BytesIO(HEADER))


def arrow_file(file: io.BytesIO) -> None:
    with pa.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE)


def database(path: Path) -> bytes:
    with sqlite3.connect(path / "users.db") as connection:
        connection.execute("CREATE TABLE users (user_id)")
    connection.close()
    return (path / "users.db").read_bytes()


TYPES: dict[str, bytes] = {
    "a zip archive": zipped("users.csv"),
    "an Excel workbook (.xlsx)": zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"),
    "a Word document (.docx)": zipped("[Content_Types].xml", "word/document.xml"),
    "an OpenDocument file (.ods, .odt)": b"PK\x03\x04"
    + bytes(26)
    + b"mimetypeapplication/vnd.oasis.opendocument.spread",
    "an old Microsoft Office document (.xls, .doc)": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
    "a Parquet file": written(lambda file: pa.parquet.write_table(TABLE, file)),
    "an ORC file": written(lambda file: pa.orc.write_table(TABLE, file)),
    "an Arrow or Feather file": written(arrow_file),
    "a PDF document": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
    "a PNG picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "a JPEG picture": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "a zstd stream": pa.compress(HEADER * 50, codec="zstd", asbytes=True),
    "a bzip2 stream": bz2.compress(HEADER),
    "an xz stream": lzma.compress(HEADER),
    "an LZ4 stream": b"\x04\x22\x4d\x18\x64\x40\xa7",
    "a 7z archive": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "a tar archive": written(tarred),
    "an RTF document": rb"{\rtf1\ansi user_id}",
}


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("contract", [USERS, TRANSACTIONS], ids=["utf-8", "cp1252"])
def test_another_format_is_named(name: str, contract: SourceContract) -> None:
    found = refusal(TYPES[name], contract)
    assert (found.reason, found.offset) == ("wrong_type", 0)
    assert f"this is {name} (at byte 0)." in str(found)


def test_a_database_is_named(tmp_path: Path) -> None:
    assert "an SQLite database" in str(refusal(database(tmp_path)))


@pytest.mark.parametrize("name", ["a tar archive", "a Parquet file", "a zip archive"])
def test_another_format_inside_of_gzip_is_named_too(name: str) -> None:
    assert f"inside of the gzip stream, this is {name}" in str(refusal(gzip.compress(TYPES[name])))


def test_what_is_compressed_twice_is_named() -> None:
    assert "inside of the gzip stream, this is a gzip stream" in str(refusal(gzip.compress(gzip.compress(HEADER))))


@pytest.mark.parametrize("first", ["PAR1", "ORC", "BZh", "ARROW1", "PK", "GIF89a", "Obj"])
def test_text_that_begins_like_another_format_is_text(first: str) -> None:
    assert rows(f"{first},user_id\nx,u-1\n".encode()) == [{"user_id": "u-1", "_rescued": f'{{"{first}":"x"}}'}]


# Which comes first


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("wrong_type", TYPES["a PNG picture"] + b"<html>\x00\xff"),
        ("truncated_gzip", gzip.compress(b"<html>" + bytes(99))[:-3]),
        ("wrong_type", gzip.compress(TYPES["an xz stream"] + b"\x00\xff")),
        ("html_page", b"<html>" + bytes(50) + b"\xff"),
        ("html_page", gzip.compress(b"\xef\xbb\xbf\n<?xml version='1.0'?>")),
        ("html_page", "<html><body>Zugriff verweigert: ä".encode("latin-1")),
        ("binary_content", HEADER + bytes(50) + b"\xff"),
        ("wrong_encoding", b"brand,city\n\xff,b\n"),
        ("header_missing", b"brand,city\n1,2\n"),
        ("header_mismatch", b"email,shoe_size\n1,2\n"),
    ],
)
def test_the_first_thing_that_is_wrong_is_the_reason(reason: str, data: bytes) -> None:
    assert refusal(data).reason == reason
    assert refusal(data, replace(USERS, drift="freeze")).reason == reason


# NULs


@pytest.mark.parametrize(
    "data",
    [
        HEADER + b"u-1,a\x00b,FR\n" + b"u-2,a,FR\n" * 40,
        b'{"user_id":"u-1","email":"a\x00b"}\n' + b'{"user_id":"u-2"}\n' * 40,
        b'[{"user_id":"u-1","email":"a\x00b"},\n' + b'{"user_id":"u-2"},\n' * 40 + b'{"user_id":"u-2"}]',
    ],
    ids=["delimited", "lines", "array"],
)
def test_one_nul_spoils_its_row(data: bytes) -> None:
    first, *others = rows(data)
    assert first["_unreadable"] == "invalid_character"
    assert "a\x00b" in first["_rescued"]
    assert {row["user_id"] for row in others} == {"u-2"}


@pytest.mark.parametrize(
    ("name", "data", "offset"),
    [
        ("a hole in a large file", HEADER + b"u-1,a,FR\n" * 9_000 + bytes(16) + b"u-2,a,FR\n" * 9_000, 22 + 81_000),
        ("more than one in a hundred", HEADER + b"u-1,a\x00,F\n", 27),
        ("UTF-16 that does not say so", HEADER.decode().encode("utf-16-le"), 1),
        ("a NUL in the header", b"user_id,em\x00il\n" + b"u-1,a\n" * 99, 10),
    ],
)
def test_text_with_holes_is_refused(name: str, data: bytes, offset: int) -> None:
    found = refusal(data)
    assert (found.reason, found.offset) == ("binary_content", offset)


# Frozen datasets, and what comes back from quarantine


@pytest.mark.parametrize(
    "data",
    [
        b"user_id,_quarantine_id,_violations\nu-1,q-1,email_malformed\n",
        b'{"user_id":"u-1","_quarantine_id":"q-1","_violations":"email_malformed"}\n',
        b'[{"user_id":"u-1","_quarantine_id":"q-1","_violations":"email_malformed"}]',
    ],
)
@pytest.mark.parametrize("drift", ["rescue", "evolve", "freeze"])
def test_control_columns_are_rescued_whatever_the_drift(data: bytes, drift: Any) -> None:
    expected = {"user_id": "u-1", "_rescued": '{"_quarantine_id":"q-1","_violations":"email_malformed"}'}
    assert rows(data, replace(USERS, drift=drift)) == [expected]


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"user_id,_violations,shoe\nu-1,x,42\n", 0),
        (b'{"user_id":"u-1","_violations":"x"}\n{"user_id":"u-2","shoe":42}\n', 53),
        (b'[{"user_id":"u-1"},\n{"user_id":"u-2","shoe":42}]', 37),
    ],
)
def test_a_column_beside_them_still_refuses_a_frozen_file(data: bytes, offset: int) -> None:
    found = refusal(data, replace(USERS, drift="freeze"))
    assert (found.reason, found.offset) == ("unknown_column", offset)
    assert "shoe (at byte" in str(found), "control columns are not named"


# What a person is told


def test_a_refusal_says_what_where_and_what_to_do() -> None:
    assert str(refusal(b"email,country\na,b\n")) == (
        "the key column user_id is not in the header (email, country) (at byte 0). Send the column; if it was renamed, "
        "add the new spelling to its aliases in the contract."
    )


def test_no_reason_can_be_given_that_is_not_explained() -> None:
    with pytest.raises(KeyError):
        intake.Refusal("no_such_reason", "for no reason")


def test_the_generator_expects_no_reason_that_is_not_explained() -> None:
    reasons = {reason for defect in DEFECTS.values() if (reason := getattr(defect, "reason", None))}
    assert reasons <= intake.REASONS.keys()


def test_every_sentence_about_a_reason_is_whole() -> None:
    for reason in intake.REASONS.values():
        assert reason.meaning.endswith(".")
        assert reason.advice.endswith(".")


def test_the_documents_tables_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert listing.with_tables(text) == text, "run: python -m lakehouse.intake.listing docs/file-verdicts.md"
