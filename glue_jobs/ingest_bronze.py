"""Glue job 1: read each file of a batch once, give it a verdict, and put the accepted rows into bronze.

Files that bring new columns to a dataset that evolves are read once more, when its tables have them.

Arguments: --batch_id, --bucket.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import boto3

from lakehouse import bronze, job, landing, tables
from lakehouse.bronze import FileVerdict, WrittenFile
from lakehouse.contract import SourceContract, load_registry
from lakehouse.lake import Lake
from lakehouse.landing import LandedFile


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id", "bucket")
    batch = landing.read_batch(boto3.client("s3"), args.bucket, int(args.batch_id))
    lake = Lake(job.spark())
    lake.ensure(tables.LEDGER)
    # Not those that an earlier try of this batch found: this one finds them again, and says the same of them.
    registry = lake.evolved(load_registry(), up_to=batch.batch_id - 1)
    present = {file.dataset: registry.sources[file.dataset] for file in batch.files if file.dataset in registry.sources}
    # Of datasets whose rows wait for these too: the proof counts them.
    lake.ensure(table for source in registry.affected(present) for table in tables.of_source(source))
    if lake.has_judged(batch):
        return  # a verdict stands: a file replaced since then is the next batch's

    known, known_content = lake.known(batch, present)

    def ingest(
        files: Sequence[LandedFile], contracts: Mapping[str, SourceContract]
    ) -> tuple[list[FileVerdict], list[WrittenFile]]:
        plan = bronze.IngestPlan(
            bucket=args.bucket,
            batch_id=batch.batch_id,
            ingested_at=bronze.planned_instant(batch.planned_at),
            contracts=contracts,
            tables={name: lake.bronze_destination(contract) for name, contract in contracts.items()},
            known_content=known_content,
        )
        results = lake.run_in_tasks(bronze.ingest, bronze.groups(files, lake.task_count), plan)
        return (
            [result for result in results if isinstance(result, FileVerdict)],
            [result for result in results if isinstance(result, WrittenFile)],
        )

    verdicts, written = ingest([file for file in batch.files if file.file_id not in known], present)
    if grown := bronze.evolved(present, verdicts):
        present |= grown
        lake.ensure(table for contract in grown.values() for table in tables.of_source(contract))
        first = {verdict.file.file_id: verdict for verdict in verdicts if verdict.file.dataset in grown}
        again, more = ingest([verdict.file for verdict in first.values()], grown)
        # Only the first reading tells by which names the new columns came.
        verdicts = [verdict for verdict in verdicts if verdict.file.dataset not in grown]
        verdicts += [replace(verdict, unknown=first[verdict.file.file_id].unknown) for verdict in again]
        written = [file for file in written if file.dataset not in grown] + more
    for name, contract in present.items():
        lake.commit_bronze(contract, batch.batch_id, [file for file in written if file.dataset == name])
    lake.write_drift(batch, verdicts, present)
    lake.write_ledger(batch, verdicts)


if __name__ == "__main__":
    main(sys.argv)
