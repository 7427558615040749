"""Glue job 2: type a batch's bronze rows by their contracts, refuse bad ones, and settle the versions of every key.

Arguments: --batch_id, --bucket.
"""

import sys
from collections.abc import Sequence
from functools import reduce

import boto3
from pyspark.sql import DataFrame

from lakehouse import batches, job, tables
from lakehouse.batches import Batch
from lakehouse.contract import Registry, SourceContract, load_registry
from lakehouse.lake import Lake
from lakehouse.rebuilding import silver_from_bronze
from lakehouse.refining import Refined, refine, warnings_of


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id", "bucket")
    lake = Lake(job.spark())
    batch = batches.read(boto3.client("s3"), args.bucket, int(args.batch_id))
    if batch.kind == "discard" or batch.rebuild_from == "silver":
        return
    registry = lake.evolved(load_registry(), up_to=batch.batch_id)
    arrived = lake.rows_accepted(batch.batch_id)
    concerned = {*arrived, *batch.rows, *(batch.datasets if batch.narrowed else ())}
    levels = registry.in_order(concerned)
    for level in levels:
        lake.ensure(table for contract in level for table in tables.of_batch(contract, registry))
    if batch.is_rebuild_given_up:
        # What is counted follows the tables.
        lake.account({contract: lake.accepted_files(contract) for level in levels for contract in level})
        return
    if batch.kind == "rebuild":
        _rebuild(lake, registry, levels, batch)
        return
    if batch.narrowed:
        lake.reopen(batch)
    results: list[Refined] = []
    for level in levels:
        results += lake.side_by_side(lambda contract: refine(lake, registry, contract, batch, arrived), level)
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


def _rebuild(lake: Lake, registry: Registry, levels: Sequence[Sequence[SourceContract]], batch: Batch) -> None:
    """Silver and what is counted of it, from all of bronze; parents before those that refer to them."""
    results: list[Refined] = []
    for level in levels:
        results += lake.side_by_side(lambda contract: silver_from_bronze(lake, registry, contract, batch), level)
    lake.account({result.contract: result.files for result in results})
    warned = [warnings_of(lake, registry, result) for result in results if result.contract.can_warn]
    if warned:
        lake.warn_again(reduce(DataFrame.unionByName, warned), [result.contract.dataset for result in results])


if __name__ == "__main__":
    main(sys.argv)
