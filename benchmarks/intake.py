"""How fast files are judged, beside a validator of the standard library: in the same run, on one core.

    python benchmarks/intake.py [--json] [--small 2000] [--large 50] [--no-memory]

Reads files of 20 KB and of 20 MB (inflated) in the seven formats, made from the generator's rows, with `intake.read`
and with what most people would write: gzip, json and csv, which inflate all of it, decode UTF-8, parse every row, and
check the header, the width and that the key is there. Neither knows types or rules; `intake.read` also gives the rows
as columns of text. MB are millions of inflated bytes; seconds are those of the processor. Then the peak memory on
hostile input, each in a process of its own: an archive of 10 GB and a line of 2 GB, which have to be refused.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# The folder of a script comes first on Python's path: a neighbour would hide the package that it is named after.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]

import pyarrow as pa

from datagen.generate import Order
from datagen.rows import Page, Rows
from datagen.writers import FORMATS, Format, gzipped
from lakehouse import intake
from lakehouse.contract import SourceContract

GOAL = 3.0
SMALL_BYTES, LARGE_BYTES = 20_000, 20_000_000
DATASETS = ("transactions", "events", "users")
# About; rows enough for the largest file of each dataset, and some more, so that no two files are the same.
_ROWS = 200_000
_WORLD_ROWS = 3_000_000
_MB = 1_000_000


@dataclass(frozen=True)
class File:
    """One file to read; `size` counts inflated bytes."""

    form: Format
    contract: SourceContract
    data: bytes
    size: int


class Maker:
    """Makes files of any size from stretches of the generator's rows."""

    def __init__(self) -> None:
        self._plan = Order("storefront", _WORLD_ROWS, 30, seed=7, shares={}).plan
        self._tables = {name: self._table(name) for name in DATASETS}
        self._bytes_per_row: dict[tuple[str, str], float] = {}
        self._at = 0

    def _table(self, name: str) -> pa.Table:
        world, parts, rows = self._plan.world, [], 0
        for part in world.slices:
            parts.append(world.births(part)[name].table)
            rows += parts[-1].num_rows
            if rows >= _ROWS:
                break
        return pa.concat_tables(parts, promote_options="permissive").combine_chunks()

    def files(self, count: int, size: int) -> Iterator[File]:
        """So many files, of about that many inflated bytes: every format of every dataset in turn."""
        kinds = [(name, form) for name in DATASETS for form in FORMATS]
        for number in range(count):
            name, form = kinds[number % len(kinds)]
            key = (name, form.extension)
            if key not in self._bytes_per_row:
                sample = self._text(name, form, 0, 1_000)
                self._bytes_per_row[key] = len(sample) / 1_000
            text = self._text(name, form, self._at, max(1, int(size / self._bytes_per_row[key])))
            self._at += 101
            data = gzipped(text) if form.is_gzip else text
            yield File(form, self._plan.contracts[name], data, len(text))

    def _text(self, name: str, form: Format, start: int, rows: int) -> bytes:
        plan, table = replace(self._plan, formats=[form]), self._tables[name]
        start %= max(1, table.num_rows - rows)
        shape = plan.shape(plan.world.slices[0], name)
        return Page(Rows.alone(table.slice(start, rows)), shape, self._plan.contracts[name]).write().encode()


def standard(file: File) -> int:
    """Rows of a file, validated with the standard library alone."""
    key, landed = file.contract.key, io.BytesIO(file.data)
    inflated = gzip.GzipFile(fileobj=landed) if file.form.is_gzip else landed
    opened = io.TextIOWrapper(inflated, encoding="utf-8", newline="")
    count = 0
    if file.form.kind == "delimited":
        rows = csv.reader(opened, delimiter=file.form.delimiter, strict=True)
        header = next(rows)
        if not set(key) <= set(header):
            raise ValueError("no key in the header")
        for row in rows:
            if len(row) != len(header):
                raise ValueError(f"row {rows.line_num} is not as wide as the header")
            count += 1
        return count
    for item in json.load(opened) if file.form.kind == "json" else map(json.loads, opened):
        if not isinstance(item, dict) or any(name not in item for name in key):
            raise ValueError(f"object {count + 1} has no key")
        count += 1
    return count


def ours(file: File) -> int:
    """Rows of a file as `intake.read` finds them."""
    return sum(chunk.length for chunk in intake.read(file.data, file.contract))


def seconds(work: Callable[[File], int], file: File) -> tuple[float, int]:
    """Seconds of the processor, and rows."""
    began = time.process_time()
    rows = work(file)
    return time.process_time() - began, rows


def measure(files: Iterator[File], count: int, what: str) -> dict[str, Any]:
    """MB/s by format and altogether. Each file is read by both, one after the other, and both in turn come first."""
    spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for number, file in enumerate(files):
        order = (standard, ours) if number % 2 else (ours, standard)
        found = {work: seconds(work, file) for work in order}
        if found[standard][1] != found[ours][1]:
            raise SystemExit(f"{file.form.extension}: {found[standard][1]:,} rows and {found[ours][1]:,} differ")
        for key in (file.form.extension, "all"):
            spent[key][0] += file.size
            spent[key][1] += found[standard][0]
            spent[key][2] += found[ours][0]
        if number % max(1, count // 10) == 0:
            print(f"{what}: {number:,} of {count:,}", file=sys.stderr)
    return {
        "files": count,
        "what": what,
        "formats": {
            key: {
                "standard_mb_per_s": round(size / standard_s / _MB, 1),
                "ours_mb_per_s": round(size / ours_s / _MB, 1),
                "ratio": round(standard_s / ours_s, 2),
            }
            for key, (size, standard_s, ours_s) in spent.items()
        },
    }


# Hostile input, made in memory a member at a time: gzip streams may follow one another.
_PIECE = "".join(f"u-{number * 7919 % 99991},a{number}@example.com,Ada {number},FR;" for number in range(400)).encode()
_MEMBER = 64


def hostile(name: str) -> bytes:
    """The bytes of one hostile file."""
    head, member, size = gzipped(b"user_id,email,full_name,country\n"), gzipped(_PIECE * _MEMBER), len(_PIECE) * _MEMBER
    match name:
        case "archive_10_gb":
            rows = gzipped(_PIECE.replace(b";", b"\n") * _MEMBER)
            return b"".join([head, *[rows] * (10_000 * _MB // size)])
        case "line_2_gb_gzip":
            return b"".join([head, *[member] * (2_000 * _MB // size)])
        case "line_500_mb_gzip":
            return b"".join([head, *[member] * (500 * _MB // size)])
        case "line_2_gb":
            return _PIECE * (2_000 * _MB // len(_PIECE))
    raise ValueError(name)


HOSTILE: Mapping[str, str] = {
    "archive_10_gb": "an archive that inflates to 10 GB",
    "line_2_gb_gzip": "a line of 2 GB, compressed",
    "line_2_gb": "a line of 2 GB",
    "line_500_mb_gzip": "a line of 500 MB, compressed, below the limit of a file",
}


def read_hostile(name: str) -> None:
    """In a process of its own: print verdict, landed bytes, and peak memory in MB with and without the input."""
    import resource

    from lakehouse.contract import load_registry

    def peak_mb() -> int:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // (1 << 20 if sys.platform == "darwin" else 1 << 10)

    data, contract = hostile(name), load_registry().sources["storefront.users"]
    before, began, reason = peak_mb(), time.process_time(), None
    try:
        for chunk in intake.read(data, contract):
            if chunk.unreadable is not None:
                reason = f"row refused: {chunk.unreadable.drop_null()[0].as_py()}"
    except intake.Refusal as refusal:
        reason = f"file refused: {refusal.reason}"
    spent = round(time.process_time() - began, 1)
    found = {"landed_mb": len(data) // _MB, "peak_mb": peak_mb(), "peak_without_input_mb": peak_mb() - before}
    print(json.dumps({"name": name, "what": HOSTILE[name], "verdict": reason, "seconds": spent, **found}))


def memory() -> Sequence[Mapping[str, Any]]:
    """The verdict and the peak memory on each hostile file."""
    found = []
    for name, what in HOSTILE.items():
        print(f"memory: {what}", file=sys.stderr)
        command = [sys.executable, __file__, "--hostile", name]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        found.append(json.loads(answer.stdout))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.add_argument("--small", type=int, default=2_000, help="files of 20 KB")
    parser.add_argument("--large", type=int, default=50, help="files of 20 MB")
    parser.add_argument("--no-memory", action="store_true", help="leave the hostile files out")
    parser.add_argument("--hostile", choices=tuple(HOSTILE), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hostile:
        read_hostile(options.hostile)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pa.set_cpu_count(1)
    found: dict[str, Any] = {"goal": GOAL, "memory": [] if options.no_memory else memory()}
    maker = Maker()
    for file in maker.files(len(DATASETS) * len(FORMATS), SMALL_BYTES):  # whatever is made once is made now
        standard(file), ours(file)
    found["small"] = measure(maker.files(options.small, SMALL_BYTES), options.small, "files of 20 KB")
    found["large"] = measure(maker.files(options.large, LARGE_BYTES), options.large, "files of 20 MB")
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for group in (found["small"], found["large"]):
        print(f"{group['files']:,} {group['what']}, MB/s of one core (goal {GOAL:.0f}x)")
        for form, rates in group["formats"].items():
            line = f"  {form:11} {rates['ours_mb_per_s']:>7} MB/s, standard library {rates['standard_mb_per_s']:>6}"
            print(f"{line}: {rates['ratio']:.1f}x")
    for peak in found["memory"]:
        print(
            f"{peak['what']}: {peak['verdict']} after {peak['seconds']} s; landed {peak['landed_mb']:,} MB, "
            f"peak memory {peak['peak_mb']:,} MB, {peak['peak_without_input_mb']:,} MB of them besides the input"
        )


if __name__ == "__main__":
    main()
