"""Glue job 1: read each file of a batch once, give it a verdict, and put the accepted rows into bronze.

Arguments: --batch_id, --bucket.
"""

import sys

import boto3

from lakehouse import batches, bronze, job, tables
from lakehouse.contract import load_registry
from lakehouse.lake import Lake


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id", "bucket")
    batch = batches.read(boto3.client("s3"), args.bucket, int(args.batch_id))
    lake, registry = Lake(job.spark()), load_registry()
    concerned = registry.affected(batch.datasets)
    # Of datasets whose rows wait for these too: the proof counts them.
    lake.ensure([*tables.LEDGER, *(table for source in concerned for table in tables.of_source(source))])
    if lake.has_judged(batch):
        return  # a verdict stands: a file replaced since then is the next batch's
    if batch.kind == "discard":
        lake.discard(batch)
        lake.write_ledger(batch, ())
        return

    landed = {file.dataset for file in (*batch.files, *batch.excluded)}
    present = {name: registry.sources[name] for name in landed & registry.sources.keys()}
    known, known_content = lake.known(batch, present)
    plan = bronze.IngestPlan(
        bucket=args.bucket,
        batch_id=batch.batch_id,
        ingested_at=bronze.planned_instant(batch.planned_at),
        contracts=present,
        tables={name: lake.bronze_destination(contract) for name, contract in present.items()},
        known_content=known_content,
    )
    files = [file for file in batch.files if file.file_id not in known]
    if batch.given_up:
        results = [bronze.given_up(file, batch.given_up) for file in files]
    else:
        results = lake.run_in_tasks(bronze.ingest, bronze.groups(files, lake.task_count), plan)
    written = [result for result in results if isinstance(result, bronze.WrittenFile)]
    for name, contract in present.items():
        lake.commit_bronze(contract, batch.batch_id, [file for file in written if file.dataset == name])
    lake.write_ledger(batch, [result for result in results if isinstance(result, bronze.FileVerdict)])


if __name__ == "__main__":
    main(sys.argv)
