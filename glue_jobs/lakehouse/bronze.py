"""Landed files → verdicts and bronze rows: each file's bytes are read once, by Python inside a Spark task.

A task takes a group of files, writes the rows of the accepted ones as Parquet straight into the bronze tables' data
folders and returns only verdicts and file names. Nothing is visible until the driver commits those files, so a task
that Spark runs twice leaves unreferenced objects, never double rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import boto3
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse import drift, intake, landing
from lakehouse.contract import Column, SourceContract
from lakehouse.data_files import DataFileWriter, Destination, Written
from lakehouse.landing import LandedFile
from lakehouse.settings import Buckets

RESCUED = "_rescued"
UNREADABLE = "_unreadable"
# What bronze knows about a row besides the contract's columns: (column, Spark type).
LINEAGE = (
    (RESCUED, "string"),
    (UNREADABLE, "string"),
    ("_batch_id", "bigint"),
    ("_file_id", "string"),
    ("_row", "bigint"),
    ("_ingested_at", "timestamp_ntz"),
    ("_arrived_at", "timestamp_ntz"),
)
_ARROW = {"string": pa.string(), "bigint": pa.int64(), "timestamp_ntz": pa.timestamp("us")}


Content = tuple[str, str, tuple[tuple[str, str], ...]]
"""What a file says: dataset, content hash, columns that stand in its path."""


@dataclass(frozen=True)
class IngestPlan:
    """What every task needs to know. `known_content` maps what a file says to the file that said it first."""

    buckets: Buckets
    batch_id: int
    ingested_at: datetime
    contracts: Mapping[str, SourceContract]
    tables: Mapping[str, Destination]
    known_content: Mapping[Content, str]


@dataclass(frozen=True)
class FileVerdict:
    """One row of `ops.files` in the making: verdict is accepted, quarantined, duplicate_content or ignored.

    `unknown` are the file's columns that its contract does not declare: rows with a value, by spelling.
    """

    file: LandedFile
    content_hash: str
    verdict: str
    reason: str | None = None
    detail: str | None = None
    rows_parsed: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BronzeFile:
    """A data file of a dataset's bronze table that waits for its commit."""

    dataset: str
    written: Written


def columns(contract: SourceContract) -> tuple[tuple[str, str], ...]:
    """(name, Spark type) of a bronze table: every column as text, also in other units, then lineage."""
    return (*((name, "string") for name in contract.text_columns), *LINEAGE)


def schema_of(contract: SourceContract) -> pa.Schema:
    """`columns` as Arrow."""
    return pa.schema([(name, _ARROW[kind]) for name, kind in columns(contract)])


def content(contract: SourceContract, key: str, content_hash: str) -> Content:
    """What a file says: equal bytes below `date=…/` folders of two days say different things."""
    # Folders name declared columns only: what they say must not change when a dataset evolves.
    folders = intake.folder_columns(key, drift.as_declared(contract))
    return contract.dataset, content_hash, tuple(sorted(folders.items()))


def groups(files: Iterable[LandedFile], count: int) -> list[list[LandedFile]]:
    """Split files over at most `count` tasks of similar bytes.

    Files of one dataset and size stay together: only such can hold the same bytes, so a task alone can tell which of
    them came first.
    """
    twins: dict[tuple[str, int], list[LandedFile]] = {}
    for file in sorted(files, key=lambda item: item.key):
        twins.setdefault((file.dataset, file.bytes), []).append(file)
    # A file costs a round trip besides its bytes; 64 KiB is about what is read in that time.
    weigh = {key: sum(file.bytes + 65_536 for file in members) for key, members in twins.items()}
    split: list[list[LandedFile]] = [[] for _ in range(max(1, min(count, len(twins))))]
    load = [0] * len(split)
    for key in sorted(twins, key=lambda item: (-weigh[item], item)):
        lightest = load.index(min(load))
        split[lightest] += twins[key]
        load[lightest] += weigh[key]
    return [group for group in split if group]


def evolved(contracts: Mapping[str, SourceContract], verdicts: Iterable[FileVerdict]) -> dict[str, SourceContract]:
    """The contracts of the datasets to which these files add columns, with those; by dataset."""
    spellings: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.verdict == "accepted":
            spellings.setdefault(verdict.file.dataset, []).extend(verdict.unknown)
    # Sorted, for tasks end in any order.
    grown = {name: drift.evolved(contracts[name], sorted(found)) for name, found in spellings.items()}
    return {name: contract for name, contract in grown.items() if contract != contracts[name]}


def ingest(files: Iterable[LandedFile], plan: IngestPlan) -> Iterator[FileVerdict | BronzeFile]:
    """Read one group of files: a verdict for each, and the Parquet files that hold the accepted rows.

    A version that is gone since it was listed gets no verdict. Without `tables` to write to, the plan asks for verdicts
    only.
    """
    s3 = boto3.client("s3")
    first_with = dict(plan.known_content)
    writers: dict[str, _BronzeWriter | _RowCounter] = {}
    for file in files:
        if file.bytes > intake.MAX_FILE_BYTES:
            detail = f"{file.bytes:,} bytes; the limit is {intake.MAX_FILE_BYTES:,}: split the file"
            yield FileVerdict(file, "", "quarantined", "file_too_large", detail)
            continue
        try:
            data = landing.read_file(s3, plan.buckets, file, archive=bool(plan.tables))
        except landing.UnreadableError as error:
            yield FileVerdict(file, "", "quarantined", "unreadable_object", str(error))
            continue
        if data is None:
            continue
        content_hash = hashlib.sha256(data).hexdigest()
        contract = plan.contracts.get(file.dataset)
        if contract is None:
            detail = f"no contract declares {file.dataset}; files are landed under <domain>/<dataset>/"
            yield FileVerdict(file, content_hash, "quarantined", "unknown_dataset", detail)
            continue
        said = content(contract, file.key, content_hash)
        first = first_with.get(said)
        if first is not None and first != file.file_id:
            yield FileVerdict(file, content_hash, "duplicate_content", None, f"same bytes as file {first}")
            continue
        if file.dataset not in writers:
            writers[file.dataset] = _BronzeWriter(contract, plan) if plan.tables else _RowCounter(contract)
        try:
            taken = writers[file.dataset].add(file, intake.read(data, contract, dict(said[2])))
        except intake.Refusal as refusal:
            unknown = _refused_for(data, contract, dict(said[2])) if refusal.reason == "unknown_column" else {}
            yield FileVerdict(file, content_hash, "quarantined", refusal.reason, str(refusal), unknown=unknown)
            continue
        except MemoryError:
            raise  # of the machine, not of the file
        except Exception as error:  # noqa: BLE001 - whatever a file does to the parsers, the others are loaded
            yield given_up(file, f"{type(error).__name__} while it was read", content_hash)
            continue
        first_with[said] = file.file_id
        read_as = None if taken.encoding == "utf-8" else f"read as {taken.encoding}"
        yield FileVerdict(file, content_hash, "accepted", None, read_as, taken.rows, taken.unknown)
    for writer in writers.values():
        yield from writer.close()


def given_up(file: LandedFile, why: str, content_hash: str = "") -> FileVerdict:
    """The verdict on a file that cannot be processed: it is not tried again until somebody replays it."""
    return FileVerdict(file, content_hash, "quarantined", "processing_failed", why)


def abandoned(file: LandedFile) -> FileVerdict:
    """The verdict on an upload that its writer has given up."""
    detail = f"a hidden or temporary name, and not renamed in {landing.ABANDONED_AFTER.days} days"
    return FileVerdict(file, "", "ignored", "temporary_name", detail)


def rows(file: LandedFile, plan: IngestPlan) -> Iterator[pa.RecordBatch]:
    """The rows of a file as bronze holds them (`columns`); none when it is gone. Raises intake.Refusal."""
    contract = plan.contracts[file.dataset]
    data = landing.read_file(boto3.client("s3"), plan.buckets, file, archive=False)
    schema = schema_of(contract)
    folders = intake.folder_columns(file.key, contract)
    for chunk in intake.read(data, contract, folders) if data is not None else ():
        yield _record_batch(file, chunk, contract, plan, schema)


def _refused_for(data: bytes, contract: SourceContract, folders: Mapping[str, str]) -> Mapping[str, int]:
    """The unknown columns for which a frozen dataset refuses a file; none when more than these is wrong with it."""
    sightings = drift.Sightings(contract)
    try:
        for chunk in intake.read(data, replace(contract, drift="rescue"), folders):
            _look(chunk, sightings)
    except intake.Refusal:
        return {}
    return sightings.rows


def _look(chunk: intake.Chunk, sightings: drift.Sightings, added: Iterable[Column] = ()) -> None:
    """Note what a chunk holds of columns that no contract declares. An unreadable row has no columns."""
    sightings.named(chunk.strange)
    if chunk.rescued is not None:
        rescued = chunk.rescued
        if chunk.unreadable is not None:
            rescued = rescued.filter(chunk.unreadable.is_null())
        for text in rescued.drop_null().to_pylist():
            sightings.rescued(text)
    for column in added:
        if column.name in chunk.values:
            sightings.added(column, pc.sum(pc.not_equal(chunk.values[column.name], "")).as_py() or 0)


@dataclass(frozen=True)
class _Taken:
    """What a writer took of a file: its rows, what it was read as, and `FileVerdict.unknown`."""

    rows: int
    encoding: str
    unknown: Mapping[str, int]


class _BronzeWriter:
    """Rows of one dataset, whatever their files → the data file of a group."""

    def __init__(self, contract: SourceContract, plan: IngestPlan) -> None:
        self._contract, self._plan = contract, plan
        self._schema = schema_of(contract)
        self._writer = DataFileWriter(plan.tables[contract.dataset])
        self._finished: list[Written] = []

    def add(self, file: LandedFile, chunks: Iterator[intake.Chunk]) -> _Taken:
        """Write the rows of a file. Raises intake.Refusal when it cannot be read.

        All rows are made before the first is written, so that a file refused half-way leaves nothing behind.
        """
        encoding, batches, sightings = "utf-8", [], drift.Sightings(self._contract)
        for chunk in chunks:
            encoding = chunk.encoding
            batches.append(_record_batch(file, chunk, self._contract, self._plan, self._schema))
            _look(chunk, sightings, drift.added(self._contract))
        for batch in batches:
            self._finished += self._writer.add(batch)
        return _Taken(sum(batch.num_rows for batch in batches), encoding, sightings.rows)

    def close(self) -> Iterator[BronzeFile]:
        for written in (*self._finished, *self._writer.close()):
            yield BronzeFile(self._contract.dataset, written)


class _RowCounter:
    """What a file holds, for a question without consequences: nothing is written."""

    def __init__(self, contract: SourceContract) -> None:
        self._contract = contract

    def add(self, file: LandedFile, chunks: Iterator[intake.Chunk]) -> _Taken:
        """Count the rows of a file. Raises intake.Refusal when it cannot be read."""
        encoding, rows, sightings = "utf-8", 0, drift.Sightings(self._contract)
        for chunk in chunks:
            encoding, rows = chunk.encoding, rows + chunk.length
            _look(chunk, sightings, drift.added(self._contract))
        return _Taken(rows, encoding, sightings.rows)

    def close(self) -> Iterator[BronzeFile]:
        yield from ()


def _record_batch(
    file: LandedFile, chunk: intake.Chunk, contract: SourceContract, plan: IngestPlan, schema: pa.Schema
) -> pa.RecordBatch:
    count = chunk.length
    nothing = pa.nulls(count, pa.string())
    arrays = [
        *(chunk.values.get(name, nothing) for name in contract.text_columns),
        nothing if chunk.rescued is None else chunk.rescued,
        nothing if chunk.unreadable is None else chunk.unreadable,
        pa.repeat(pa.scalar(plan.batch_id, pa.int64()), count),
        pa.repeat(pa.scalar(file.file_id, pa.string()), count),
        pa.array(range(chunk.first, chunk.first + count), pa.int64()),
        pa.repeat(pa.scalar(plan.ingested_at, pa.timestamp("us")), count),
        pa.repeat(pa.scalar(utc_instant(file.arrived_at), pa.timestamp("us")), count),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def utc_instant(text: str) -> datetime:
    """An instant of ISO 8601 in UTC, without zone. What rows are stamped with comes from the batch, for every try."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
