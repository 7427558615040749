"""Looks up which unknown columns arrived, and into a few of the files that brought them.

The ledger holds names and counts only, for values may be personal data: samples are read when somebody asks for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow as pa

from lakehouse import bronze, drift, intake, landing, tables
from lakehouse.cli.drift_proposal import Finding
from lakehouse.cli.lake_reader import LakeReader
from lakehouse.contract import Registry, SourceContract
from lakehouse.settings import Buckets

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift

FILES_SHOWN = 5
FILES_SAMPLED = 3
ROWS_SAMPLED = 10_000
VALUES_KEPT = 1_000
# A refused file is in no table: to look into it is to read it again.
MAX_REFUSED_BYTES = 16 << 20


@dataclass
class _Look:
    """What the files that brought one column show: distinct values of it, and which declared columns they have."""

    values: dict[str, None] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    rows: int = 0


def find(
    redshift: Redshift, registry: Registry, buckets: Buckets, dataset: str | None, since: datetime | None
) -> list[Finding]:
    """Every column that arrived, at any time or since then, and that its contract does not declare today."""
    rows = [
        row
        for row in _arrivals(redshift, dataset, since)
        if row["dataset"] in registry.sources and drift.is_unknown(registry.sources[row["dataset"]], row["column_name"])
    ]
    findings: list[Finding] = []
    reader = LakeReader()
    for name, of_dataset in groupby(rows, key=lambda row: str(row["dataset"])):
        contract = registry.sources[name]
        columns = {
            column: list(members) for column, members in groupby(of_dataset, key=lambda row: str(row["column_name"]))
        }
        looks = _look_into_files(columns, contract, reader, buckets)
        findings += [_finding(members, looks[column], contract) for column, members in columns.items()]
    return findings


def _look_into_files(
    columns: Mapping[str, Sequence[Mapping[str, Any]]], contract: SourceContract, reader: LakeReader, buckets: Buckets
) -> Mapping[str, _Look]:
    """What the first files of every column show of it; each file is read once, whatever it brought."""
    looks = {column: _Look() for column in columns}
    files: dict[str, dict[str, Mapping[str, Any]]] = {}
    for column, members in columns.items():
        for row in members[:FILES_SAMPLED]:
            files.setdefault(row["file_id"], {})[column] = row
    for brought in files.values():
        row = next(iter(brought.values()))
        added = {name: one["added_as"] for name, one in brought.items()}
        is_loaded = row["verdict"] == "accepted"
        portions = _bronze_of(row, contract, reader, added) if is_loaded else _refused(row, contract, buckets)
        _look_into(portions, contract, added, {column: looks[column] for column in brought})
    return looks


def _arrivals(redshift: Redshift, dataset: str | None, since: datetime | None) -> list[dict[str, Any]]:
    """One row per column and file, the earliest few files of each column, with figures over all of its files."""
    if not redshift.query(
        "SELECT COUNT(*) FROM svv_external_tables WHERE schemaname = 'lake_ops' AND tablename = 'drift'"
    ).rows[0][0]:
        return []
    conditions = [f"place <= {FILES_SHOWN:d}"]
    parameters = {}
    if dataset:
        conditions.append("dataset = :dataset")
        parameters["dataset"] = dataset
    if since:
        conditions.append("last_seen >= CAST(:since AS TIMESTAMP)")
        parameters["since"] = since.isoformat(sep=" ")
    each = "OVER (PARTITION BY d.dataset, d.column_name)"
    return redshift.query(
        "SELECT * FROM (SELECT d.dataset, d.column_name, d.file_id, f.key, f.etag, f.bytes, f.verdict, f.batch_id, "
        f"f.arrived_at, MAX(d.added_as) {each} AS added_as, COUNT(*) {each} AS file_count, "
        f"SUM(d.row_count) {each} AS row_count, MIN(f.arrived_at) {each} AS first_seen, "
        f"MAX(f.arrived_at) {each} AS last_seen, MIN(f.batch_id) {each} AS first_batch, "
        f"SUM(CASE WHEN f.verdict = 'quarantined' THEN 1 ELSE 0 END) {each} AS refused_count, "
        "ROW_NUMBER() OVER (PARTITION BY d.dataset, d.column_name ORDER BY f.arrived_at, f.key) AS place "
        "FROM lake_ops.drift d JOIN lake_ops.files f ON f.file_id = d.file_id AND f.batch_id = d.batch_id) seen "
        f"WHERE {' AND '.join(conditions)} ORDER BY dataset, column_name, place",
        parameters,
    ).dicts()


def _finding(rows: Sequence[Mapping[str, Any]], look: _Look, contract: SourceContract) -> Finding:
    first = rows[0]
    return Finding(
        dataset=contract.dataset,
        column=first["column_name"],
        added_as=first["added_as"],
        files=int(first["file_count"]),
        rows=int(first["row_count"]),
        first_seen=_instant(first["first_seen"]),
        last_seen=_instant(first["last_seen"]),
        first_batch=int(first["first_batch"]),
        seen_in=tuple(row["key"] for row in rows),
        refused_files=int(first["refused_count"]),
        samples=tuple(look.values),
        lacking=frozenset(contract.column_names) - look.present if look.rows else frozenset(),
    )


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


Portion = Mapping[str, pa.Array]
"""Bronze columns of consecutive rows, those that the files have."""


def _bronze_of(
    row: Mapping[str, Any], contract: SourceContract, reader: LakeReader, added: Mapping[str, str | None]
) -> Iterator[Portion]:
    table = tables.bronze_table(contract)
    wanted = {*table.column_names, *filter(None, added.values())} & reader.columns(table)
    batches = reader(table, sorted(wanted), None, of_file=row["file_id"])
    for batch in batches or ():
        yield dict(zip(batch.schema.names, batch.columns, strict=True))


def _refused(row: Mapping[str, Any], contract: SourceContract, buckets: Buckets) -> Iterator[Portion]:
    file = landing.LandedFile(row["file_id"], contract.dataset, row["key"], row["etag"], int(row["bytes"]), "")
    data = None
    if file.bytes <= MAX_REFUSED_BYTES:
        with suppress(landing.UnreadableError):
            data = landing.read_file(boto3.client("s3"), buckets, file, archive=False)
    if data is None:
        return
    # It may be broken further down; what was read until then is enough.
    with suppress(intake.Refusal):
        for chunk in intake.read(data, replace(contract, drift="rescue")):
            lineage = {bronze.RESCUED: chunk.rescued, bronze.UNREADABLE: chunk.unreadable}
            yield {**chunk.values, **{name: array for name, array in lineage.items() if array is not None}}


def _look_into(
    portions: Iterable[Portion], contract: SourceContract, added: Mapping[str, str | None], looks: Mapping[str, _Look]
) -> None:
    """Read one file until there are enough rows of it; `added` are the columns that were made of what came."""
    rows, present = 0, set()
    for portion in portions:
        present |= {
            name for name in contract.column_names if name in portion and portion[name].null_count < len(portion[name])
        }
        for column, text in _values(portion, contract, added):
            if text and column in looks and len(looks[column].values) < VALUES_KEPT:
                looks[column].values.setdefault(text)
        rows += len(next(iter(portion.values()), ()))
        if rows >= ROWS_SAMPLED:
            break
    for look in looks.values():
        look.present |= present
        look.rows += rows


def _values(
    portion: Portion, contract: SourceContract, added: Mapping[str, str | None]
) -> Iterator[tuple[str, str | None]]:
    """(spelling as it came, value) of columns that the contract does not declare."""
    for column, name in added.items():
        if name is not None and name in portion:
            yield from ((column, text) for text in portion[name].to_pylist())
    if bronze.RESCUED not in portion:
        return
    rescued = portion[bronze.RESCUED]
    if bronze.UNREADABLE in portion:
        rescued = rescued.filter(portion[bronze.UNREADABLE].is_null())
    for text in rescued.drop_null().to_pylist():
        # Numbers keep the text that they came with.
        item = json.loads(text, parse_float=str, parse_int=str)
        for spelling, value in drift.cells(item, is_deep=contract.drift != "evolve"):
            if value is not None:
                yield spelling, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
