"""Glue job 3: compute the gold rows that a batch touches, and export them for the warehouse.

Arguments: --batch_id, --bucket, --token_key (the name of the secret that holds the key of the tokens).
"""

import sys

import boto3

from lakehouse import batches, job, tokens
from lakehouse.building import GoldTables
from lakehouse.contract import load_registry
from lakehouse.export import Export
from lakehouse.lake import Lake


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id", "bucket", "token_key")
    batch_id, lake = int(args.batch_id), Lake(job.spark())
    batch = batches.read(boto3.client("s3"), args.bucket, batch_id)
    export = Export(args.bucket, batch_id, tokens.read_key(args.token_key))
    export.publish(GoldTables(lake, load_registry(), batch, export).build())


if __name__ == "__main__":
    main(sys.argv)
