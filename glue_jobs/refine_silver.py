"""Glue job 2: type a batch's bronze rows by their contracts, refuse bad ones, and settle the versions of every key.

Arguments: --batch_id, --bucket.
"""

import sys
from functools import reduce

import boto3
from pyspark.sql import DataFrame

from lakehouse import batches, job, tables
from lakehouse.contract import load_registry
from lakehouse.lake import Lake
from lakehouse.refining import Refined, refine, warnings_of


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id", "bucket")
    lake = Lake(job.spark())
    batch = batches.read(boto3.client("s3"), args.bucket, int(args.batch_id))
    if batch.kind == "discard":
        return
    registry = lake.evolved(load_registry(), up_to=batch.batch_id)
    concerned = {*lake.datasets_in(batch.batch_id), *batch.rows, *(batch.datasets if batch.narrowed else ())}
    levels = registry.in_order(concerned)
    for level in levels:
        lake.ensure(table for contract in level for table in tables.of_batch(contract, registry))
    if batch.given_up:
        lake.reopen(batch)
    results: list[Refined] = []
    for level in levels:
        results += lake.side_by_side(lambda contract: refine(lake, registry, contract, batch), level)
    waited = [result.released for result in results if result.released is not None]
    released = lake.pin(reduce(DataFrame.unionByName, waited)) if waited else None
    lake.account({result.contract: result.files for result in results}, released)
    # When all of silver has moved: what is looked up there is then the same for every try.
    warned = [warnings_of(lake, registry, result) for result in results if result.contract.can_warn]
    if warned:
        lake.warn(reduce(DataFrame.unionByName, warned), batch)
    # Last, for a try that is killed before finds them again here.
    if released is not None:
        lake.release(released, batch)


if __name__ == "__main__":
    main(sys.argv)
