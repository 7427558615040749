"""Glue job 1: read each file of a batch once, give it a verdict, and put the accepted rows into bronze.

Files that bring new columns to a dataset that evolves are read once more, when its tables have them.

Arguments: --batch_id, --bucket, --landing_bucket.
"""

import sys

import boto3

from lakehouse import batches, job, tables
from lakehouse.contract import load_registry
from lakehouse.ingesting import ingest
from lakehouse.lake import Lake
from lakehouse.rebuilding import bronze_from_raw
from lakehouse.settings import Buckets


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id", "bucket", "landing_bucket")
    buckets = Buckets(landing=args.landing_bucket, lake=args.bucket)
    batch = batches.read(boto3.client("s3"), args.bucket, int(args.batch_id))
    lake = Lake(job.spark())
    lake.ensure(tables.LEDGER)
    # Not the columns that an earlier try of this batch found: this one finds them again, and says the same of them.
    registry = lake.evolved(load_registry(), up_to=batch.batch_id - 1)
    # Of datasets whose rows wait for these too: the proof counts them.
    lake.ensure(table for source in registry.affected(batch.datasets) for table in tables.of_source(source))
    if lake.has_judged(batch):
        return  # a verdict stands: a file replaced since then is the next batch's
    if batch.kind == "discard":
        lake.discard(batch)
        lake.write_ledger(batch, ())
        return
    if batch.kind == "rebuild":
        for dataset in batch.datasets if batch.rebuilds("bronze") else ():
            bronze_from_raw(lake, registry.sources[dataset], buckets)
        lake.write_ledger(batch, ())
        return
    ingested = ingest(lake, registry, batch, buckets)
    for contract in ingested.contracts.values():
        lake.commit_bronze(contract, batch.batch_id, ingested.written)
    lake.write_drift(batch, ingested.verdicts, ingested.contracts)
    lake.write_ledger(batch, ingested.verdicts)


if __name__ == "__main__":
    main(sys.argv)
