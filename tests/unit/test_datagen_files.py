"""Files that are no use are what they claim to be, and every file that is delivered is in the truth, once."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from datagen.defects import DEFECTS, shares_of
from datagen.defects.model import DeliveryDefect, FileDefect, ShapeDefect
from datagen.generate import TRUTH, Order, generate
from datagen.sinks import SECOND_DELIVERY, Folder
from datagen.worlds import WORLDS
from lakehouse.contract import SourceContract, load_registry
from tests.support.independent import by_column, readings, text_of, told

SOURCES = load_registry().sources
FILE_DEFECTS = [defect.name for defect in DEFECTS.values() if isinstance(defect, FileDefect)]
MIB = 1 << 20
# What the lake refuses to hold in memory, and to read as one line.
LARGEST_FILE, LONGEST_LINE = 512 * MIB, 4 * MIB


@dataclass(frozen=True)
class Delivered:
    """A file and what the truth says of it."""

    expected: dict[str, Any]
    data: bytes
    contract: SourceContract

    @property
    def inflated(self) -> bytes:
        return gzip.decompress(self.data) if self.data.startswith(b"\x1f\x8b") else self.data

    @property
    def titles(self) -> list[str]:
        """The cells of the first line."""
        first = self.inflated.decode().splitlines()[0]
        return next(csv.reader([first], delimiter=max(",|", key=first.count)))

    @property
    def known_titles(self) -> set[str]:
        """Columns that the first line names."""
        return {self.contract.header_lookup.get(title.lower(), "") for title in self.titles} - {""}


def deliver(folder: Path, domain: str, shares: str, rows: int, days: int, seed: int = 3) -> list[Delivered]:
    order = Order(domain, rows, days, seed, shares=shares_of(shares))
    list(generate(order, Folder(folder), folder / TRUTH))
    found = []
    for expected in pq.read_table(folder / TRUTH / "expected_files").to_pylist():
        contract = SOURCES[expected["dataset"]]
        top = folder / SECOND_DELIVERY if expected["delivery"] == 2 else folder
        found.append(Delivered(expected, (top / contract.name / expected["file"]).read_bytes(), contract))
    return found


@pytest.mark.parametrize("domain", WORLDS)
def test_a_file_of_nothing_but_repeated_rows_is_read_once(domain: str, tmp_path: Path) -> None:
    """Rows that come again by themselves make the bytes of the file that they were in."""
    order = Order(domain, 60, 3, 3, shares_of("none,resent_later=1"), formats=(".csv",), file_bytes=1)
    done = list(generate(order, Folder(tmp_path), tmp_path / TRUTH))
    files = pq.read_table(tmp_path / TRUTH / "expected_files").to_pylist()
    accepted = [(file["dataset"], file["content_hash"]) for file in files if file["verdict"] == "accepted"]
    again = [file for file in files if file["verdict"] == "duplicate_content"]
    assert len(accepted) == len(set(accepted))
    assert again
    assert {(file["dataset"], file["content_hash"]) for file in again} <= set(accepted)
    assert [(file["rows"], file["defects"]) for file in again] == [(0, ["resent_later"])] * len(again)
    assert sum(not file.is_sound for file in done) == len(again)
    rows = pq.read_table(tmp_path / TRUTH / "expected_rows").to_pylist()
    assert not {(row["dataset"], row["file"]) for row in rows} & {(file["dataset"], file["file"]) for file in again}


# --- each is what it claims to be


def is_nothing(file: Delivered) -> None:
    assert not file.data.strip()


def is_blank(file: Delivered) -> None:
    assert file.inflated
    assert not file.inflated.strip()


def is_without_rows(file: Delivered) -> None:
    if file.inflated.startswith(b"["):
        assert json.loads(file.inflated) == []
    else:
        assert len(file.inflated.splitlines()) == 1
        assert file.known_titles >= set(file.contract.key)


def is_without_header(file: Delivered) -> None:
    assert len(file.titles) == len(file.contract.columns)
    assert not file.known_titles


def is_without_key(file: Delivered) -> None:
    missing = set(file.contract.column_names) - file.known_titles
    assert len(missing) == 1
    assert missing < {*file.contract.key, ""} or missing == set(file.contract.key)
    assert len(file.inflated.splitlines()) > 1


def is_cut_gzip(file: Delivered) -> None:
    with pytest.raises(EOFError):
        gzip.decompress(file.data)


def is_wrong_gzip(file: Delivered) -> None:
    with pytest.raises(gzip.BadGzipFile, match="CRC check failed"):
        gzip.decompress(file.data)
    assert zlib.decompressobj(wbits=-15).decompress(file.data[10:-8])


def is_followed_by_garbage(file: Delivered) -> None:
    with pytest.raises(gzip.BadGzipFile, match="Not a gzipped file"):
        gzip.decompress(file.data)
    member = zlib.decompressobj(wbits=31)
    assert member.decompress(file.data)
    assert member.eof
    assert member.unused_data.strip(b"\x00")


def is_cut_json(file: Delivered) -> None:
    text = file.inflated.decode()
    assert text.startswith("[")
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    # Either a value that began does not end, or the text ends where more of it should be.
    is_open = caught.value.msg.startswith(("Unterminated", "Invalid \\"))
    assert is_open or re.fullmatch(r"[a-z]*|[-.eE\d]*", text[caught.value.pos :])


def has_stray_brace(file: Delivered) -> None:
    text = file.inflated.decode()
    with pytest.raises(json.JSONDecodeError, match="Expecting ',' delimiter") as caught:
        json.loads(text)
    assert json.loads(text[: caught.value.pos] + text[caught.value.pos + 1 :])


def is_html(file: Delivered) -> None:
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.feed(file.inflated.decode())
    assert tags[0] == "html"


def is_xml(file: Delivered) -> None:
    assert ElementTree.fromstring(file.inflated).tag == "Error"  # noqa: S314 - the test's own file


def is_binary(file: Delivered) -> None:
    assert file.inflated.count(0) * 2 >= len(file.inflated)


def is_latin_1(file: Delivered) -> None:
    with pytest.raises(UnicodeDecodeError):
        file.inflated.decode()
    assert not file.inflated.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))
    assert file.contract.key[-1] in file.inflated.decode("latin-1")


def is_bomb(file: Delivered) -> None:
    size, rest = 0, file.data
    while rest:
        member = zlib.decompressobj(wbits=31)
        size += len(member.decompress(rest))
        rest = member.unused_data
        assert member.eof
    assert size > 2 * LARGEST_FILE
    assert size > 900 * len(file.data)


def is_one_long_line(file: Delivered) -> None:
    assert len(file.inflated) > LONGEST_LINE
    assert not set(b"\r\n") & set(file.inflated)


def is_temporary(file: Delivered) -> None:
    name = Path(file.expected["file"]).name
    assert name.startswith((".", "_")) or Path(name).suffix in (".part", ".tmp", ".crdownload") or name.endswith("~")


def is_copy(file: Delivered) -> None:
    """That there is an original is told from the others."""
    assert file.data


CHECKS: dict[str, Callable[[Delivered], None]] = {
    "empty_file": is_nothing,
    "white_space_only": is_blank,
    "header_only": is_without_rows,
    "header_missing": is_without_header,
    "wrong_header": is_without_key,
    "truncated_gzip": is_cut_gzip,
    "corrupt_gzip": is_wrong_gzip,
    "trailing_garbage": is_followed_by_garbage,
    "truncated_json": is_cut_json,
    "stray_brace": has_stray_brace,
    "html_page": is_html,
    "xml_page": is_xml,
    "binary_content": is_binary,
    "not_utf8": is_latin_1,
    "zip_bomb": is_bomb,
    "long_line": is_one_long_line,
    "temporary_name": is_temporary,
    "same_bytes": is_copy,
    "same_bytes_elsewhere": is_copy,
}


@pytest.mark.parametrize("domain", WORLDS)
@pytest.mark.parametrize("name", FILE_DEFECTS)
def test_a_spoilt_file_is_what_it_claims_to_be(domain: str, name: str, tmp_path: Path) -> None:
    defect = DEFECTS[name]
    assert isinstance(defect, FileDefect)
    files = deliver(tmp_path, domain, f"{name}=1", rows=200, days=3)
    spoilt = [file for file in files if name in file.expected["defects"]]
    sound = [file for file in files if name not in file.expected["defects"]]
    if domain == "storefront" or not defect.is_once:
        assert spoilt
    for file in spoilt[:1] if name == "zip_bomb" else spoilt:  # it takes a second to defuse one
        CHECKS[name](file)
    for file in spoilt:
        assert (file.expected["verdict"], file.expected["reason"]) == (defect.verdict, defect.reason)
        assert file.expected["rows"] == 0
        if defect.verdict != "ignored":  # an upload may be whole but for its name
            has_original = any(file.data == other.data and file.contract is other.contract for other in sound)
            assert has_original == (defect.verdict == "duplicate_content")
    accepted = [(file.contract.dataset, file.data) for file in files if file.expected["verdict"] == "accepted"]
    assert len(accepted) == len(set(accepted))


@pytest.mark.parametrize("name", [defect.name for defect in DEFECTS.values() if isinstance(defect, DeliveryDefect)])
@pytest.mark.parametrize("domain", WORLDS)
def test_what_comes_again_holds_in_the_end(domain: str, name: str, tmp_path: Path) -> None:
    defect = DEFECTS[name]
    assert isinstance(defect, DeliveryDefect)
    files = deliver(tmp_path / "out", domain, f"{name}=1", rows=400, days=3)
    again = {(file.contract.name, file.expected["file"]) for file in files if file.expected["delivery"] == 2}
    assert again
    for file in files:
        is_first = file.expected["delivery"] == 1 and (file.contract.name, file.expected["file"]) in again
        if is_first and defect.reason is not None:
            assert (file.expected["verdict"], file.expected["reason"]) == ("quarantined", defect.reason)
            CHECKS[defect.reason](file)
        else:
            assert file.expected["verdict"] == "accepted"
    for dataset in {file.contract.dataset for file in files}:
        contract = SOURCES[dataset]
        latest: dict[Any, dict[str, Any]] = {}
        for row in rows_of([file for file in files if file.contract is contract], tmp_path / "scratch"):
            key = tuple(row[column] for column in contract.key)
            assert contract.order_by is not None
            if key not in latest or row[contract.order_by] > latest[key][contract.order_by]:
                latest[key] = row
        silver = pq.read_table(tmp_path / "out" / TRUTH / "silver" / contract.name).to_pylist()
        assert latest == {tuple(row[column] for column in contract.key): row for row in silver}


def rows_of(files: list[Delivered], scratch: Path) -> Iterator[dict[str, Any]]:
    for file in files:
        if file.expected["verdict"] == "accepted":
            known = told(file.expected["file"], file.expected["defects"])
            _, rows = next(readings(text_of(file.data, known), known, scratch))
            assert len(rows) == file.expected["rows"]
            yield from (by_column(row, file.expected["file"], file.contract) for row in rows)


# --- a whole delivery


@pytest.mark.parametrize("domain", WORLDS)
def test_a_hostile_delivery_has_every_kind_and_all_of_it_is_in_the_truth(domain: str, tmp_path: Path) -> None:
    files = deliver(tmp_path, domain, "hostile", rows=10_000, days=24 if domain == "storefront" else 16)
    places = [(file.contract.name, file.expected["file"], file.expected["delivery"]) for file in files]
    assert len(places) == len(set(places))
    on_disk = {path for path in tmp_path.rglob("*") if path.is_file() and TRUTH not in path.parts}
    tops = {1: tmp_path, 2: tmp_path / SECOND_DELIVERY}
    assert on_disk == {tops[delivery] / dataset / name for dataset, name, delivery in places}
    for file in files:
        assert file.expected["bytes"] == len(file.data)
        assert file.expected["content_hash"] == hashlib.sha256(file.data).hexdigest()
    order = Order(domain, 10_000, 24 if domain == "storefront" else 16, 3, shares=shares_of("hostile"))
    assert {name for file in files for name in file.expected["defects"]} == set(fitting(order))


def fitting(order: Order) -> Iterator[str]:
    """The defects of whole files that fit any file of a world."""
    plan = order.plan
    shapes = [
        (plan.shape(part, dataset), plan.contracts[dataset])
        for part in plan.world.slices
        for dataset in plan.world.datasets_in(part)
    ]
    for defect in plan.defects:
        is_of_files = isinstance(defect, ShapeDefect | FileDefect | DeliveryDefect)
        if is_of_files and any(defect.fits(*shape) for shape in shapes):
            yield defect.name


def tree(folder: Path) -> dict[str, str]:
    """SHA-256 by path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


_AGAIN = """
import sys
from pathlib import Path
from datagen.defects import shares_of
from datagen.generate import TRUTH, Order, generate
from datagen.sinks import Folder
folder = Path(sys.argv[1])
list(generate(Order(sys.argv[2], 3000, 8, 5, shares=shares_of("hostile")), Folder(folder), folder / TRUTH))
"""


@pytest.mark.parametrize("domain", WORLDS)
def test_the_same_seed_gives_the_same_bytes_in_another_process(domain: str, tmp_path: Path) -> None:
    deliver(tmp_path / "here", domain, "hostile", rows=3_000, days=8, seed=5)
    there = tmp_path / "there"
    subprocess.run(
        [sys.executable, "-c", _AGAIN, there, domain],
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert tree(tmp_path / "here") == tree(there)


class Overwritten(Folder):
    """A place where a second delivery takes the first one's at once, as a bucket does."""

    overwrites_at_once = True


@pytest.mark.parametrize(("name", "reason"), [("replaced_archive", "truncated_gzip"), ("corrected_file", None)])
def test_where_files_are_overwritten_at_once_nobody_need_have_seen_the_first(
    name: str, reason: str | None, tmp_path: Path
) -> None:
    order = Order("storefront", 300, 3, 3, shares=shares_of(f"{name}=1"))
    list(generate(order, Overwritten(tmp_path), tmp_path / TRUTH))
    files = pq.read_table(tmp_path / TRUTH / "expected_files").to_pylist()
    optional = [file for file in files if file["is_optional"]]
    assert {file["reason"] for file in optional} == ({reason} if reason else set())
    # What was not spoilt is not corrected: rows that the second file lacks would never have been seen.
    assert len(optional) == sum(file["delivery"] == 2 for file in files)
    assert all(file["verdict"] == "accepted" for file in files if not file["is_optional"])
