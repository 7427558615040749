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
    redshift: Redshift, registry: Registry, bucket: str, dataset: str | None, since: datetime | None
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
        for column, group in groupby(of_dataset, key=lambda row: str(row["column_name"])):
            members = list(group)
            look = _Look()
            for row in members[:FILES_SAMPLED]:
                is_loaded = row["verdict"] == "accepted"
                portions = _bronze_of(row, contract, reader) if is_loaded else _refused(row, contract, bucket)
                _look_into(portions, contract, column, row["added_as"], look)
            findings.append(_finding(members, look, contract))
    return findings


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


def _bronze_of(row: Mapping[str, Any], contract: SourceContract, reader: LakeReader) -> Iterator[Portion]:
    table = tables.bronze_table(contract)
    wanted = {*table.column_names, row["added_as"]} & reader.columns(table)
    batches = reader(table, sorted(wanted), None, of_file=row["file_id"])
    for batch in batches or ():
        yield dict(zip(batch.schema.names, batch.columns, strict=True))


def _refused(row: Mapping[str, Any], contract: SourceContract, bucket: str) -> Iterator[Portion]:
    file = landing.LandedFile(row["file_id"], contract.dataset, row["key"], row["etag"], int(row["bytes"]), "")
    data = landing.read_file(boto3.client("s3"), bucket, file) if file.bytes <= MAX_REFUSED_BYTES else None
    if data is None:
        return
    # It may be broken further down; what was read until then is enough.
    with suppress(intake.Refusal):
        for chunk in intake.read(data, replace(contract, drift="rescue")):
            lineage = {bronze.RESCUED: chunk.rescued, bronze.UNREADABLE: chunk.unreadable}
            yield {**chunk.values, **{name: array for name, array in lineage.items() if array is not None}}


def _look_into(
    portions: Iterable[Portion], contract: SourceContract, column: str, added_as: str | None, look: _Look
) -> None:
    """Read until there are enough rows."""
    rows = 0
    for portion in portions:
        for name in contract.column_names:
            if name in portion and portion[name].null_count < len(portion[name]):
                look.present.add(name)
        for text in _values(portion, contract, column, added_as):
            if text and len(look.values) < VALUES_KEPT:
                look.values.setdefault(text)
        size = len(next(iter(portion.values()), ()))
        look.rows += size
        rows += size
        if rows >= ROWS_SAMPLED:
            return


def _values(portion: Portion, contract: SourceContract, column: str, added_as: str | None) -> Iterator[str | None]:
    if added_as is not None and added_as in portion:
        yield from portion[added_as].to_pylist()
    if bronze.RESCUED not in portion:
        return
    rescued = portion[bronze.RESCUED]
    if bronze.UNREADABLE in portion:
        rescued = rescued.filter(portion[bronze.UNREADABLE].is_null())
    for text in rescued.drop_null().to_pylist():
        # Numbers keep the text that they came with.
        item = json.loads(text, parse_float=str, parse_int=str)
        for spelling, value in drift.cells(item, is_deep=contract.drift != "evolve"):
            if spelling == column and value is not None:
                yield value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
