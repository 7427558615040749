"""The files of one batch through the tasks that read them: verdicts, and Parquet files that wait for their commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lakehouse import bronze, landing, tables
from lakehouse.batches import Batch
from lakehouse.bronze import BronzeFile, FileVerdict, IngestPlan
from lakehouse.contract import Registry, SourceContract
from lakehouse.lake import Lake
from lakehouse.landing import LandedFile
from lakehouse.settings import Buckets


@dataclass(frozen=True)
class Ingested:
    """What came of a batch's files; `contracts` of every dataset it was planned with, with the columns found in it."""

    verdicts: Sequence[FileVerdict]
    written: Sequence[BronzeFile]
    contracts: Mapping[str, SourceContract]


def ingest(lake: Lake, registry: Registry, batch: Batch, buckets: Buckets) -> Ingested:
    """Read every file that has no verdict yet. Those of a dataset that evolves are read once more when they bring new
    columns, and its tables have them."""
    landed = {file.dataset for file in (*batch.files, *batch.excluded)}
    contracts = {name: registry.sources[name] for name in landed & registry.sources.keys()}
    known, known_content = lake.known(batch, contracts)
    files = [file for file in batch.files if file.file_id not in known]
    # Names matter where files land. What was accepted or refused once is read whatever it is called.
    given_up = [file for file in files if _is_given_up(file, batch)]
    files = [file for file in files if not _is_given_up(file, batch)]
    if batch.given_up:
        why = f"runs kept failing: {batch.given_up}"
        return Ingested([bronze.given_up(file, why) for file in files], (), contracts)

    def read(files: Sequence[LandedFile], contracts: Mapping[str, SourceContract]) -> Ingested:
        plan = IngestPlan(
            buckets=buckets,
            batch_id=batch.batch_id,
            ingested_at=bronze.utc_instant(batch.planned_at),
            contracts=contracts,
            tables={name: lake.destination(tables.bronze_table(contract)) for name, contract in contracts.items()},
            known_content=known_content,
        )
        results = lake.run_in_tasks(bronze.ingest, bronze.groups(files, lake.task_count), plan)
        verdicts = [result for result in results if isinstance(result, FileVerdict)]
        return Ingested(verdicts, [result for result in results if isinstance(result, BronzeFile)], contracts)

    first = read(files, contracts)
    first = replace(first, verdicts=[*first.verdicts, *map(bronze.abandoned, given_up)])
    grown = bronze.evolved(contracts, first.verdicts)
    if not grown:
        return first
    lake.ensure(table for contract in grown.values() for table in tables.of_source(contract))
    found = {verdict.file.file_id: verdict.unknown for verdict in first.verdicts}
    again = read([verdict.file for verdict in first.verdicts if verdict.file.dataset in grown], grown)
    return Ingested(
        [
            *(verdict for verdict in first.verdicts if verdict.file.dataset not in grown),
            # Only the first reading tells by which names the new columns came.
            *(replace(verdict, unknown=found[verdict.file.file_id]) for verdict in again.verdicts),
        ],
        [*(file for file in first.written if file.dataset not in grown), *again.written],
        {**contracts, **grown},
    )


def _is_given_up(file: LandedFile, batch: Batch) -> bool:
    return batch.kind == "ingest" and landing.is_uncommitted(file.key)
