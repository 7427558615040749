"""Glue job 2: type a batch's bronze rows by their contracts, refuse bad ones, and settle the versions of every key.

Arguments: --batch_id.
"""

import sys
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import job, silver, tables
from lakehouse.contract import SourceContract, load_registry
from lakehouse.lake import Lake


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id")
    batch_id, lake = int(args.batch_id), Lake(job.spark())
    registry = lake.evolved(load_registry(), up_to=batch_id)

    def refine(contract: SourceContract) -> tuple[DataFrame, DataFrame]:
        """Files whose accounts may have changed, and rows that leave quarantine because their parents have arrived."""
        bronze = lake.read_bronze(contract, batch_id)
        if contract.bindings:
            bronze = bronze.unionByName(lake.waiting(contract, batch_id))
        typed = silver.typed(bronze, contract)
        if contract.bindings:
            parents = {reference.dataset for _, reference in contract.bindings}
            known = {name: lake.read(tables.silver_table(registry.sources[name])) for name in parents}
            typed = silver.with_orphans(typed, contract, known)
        typed = lake.pin(typed)
        is_old = F.col("_batch_id") != batch_id
        good, bad = silver.split(typed, contract)
        current, history = lake.read(tables.silver_table(contract)), lake.read(tables.history_table(contract))
        judged = lake.pin(silver.judge(good, current, history, contract))
        # The order lets a killed run be repeated: what gold must recompute is on record before silver moves.
        lake.append_changes(contract, silver.changes(judged, contract, batch_id))
        lake.quarantine(contract, bad.where(F.col("batch_id") == batch_id), batch_id)
        lake.merge_history(contract, judged)
        lake.merge_silver(contract, judged)
        released = good.where(is_old).select(silver.quarantine_id(contract))
        return silver.files_of(typed, judged), released

    accepted = lake.datasets_in(batch_id)
    levels = registry.in_order(accepted)
    for level in levels:
        lake.ensure(table for contract in level for table in tables.of_batch(contract, registry))
    results = {}
    for level in levels:
        results |= dict(zip(level, lake.side_by_side(refine, level), strict=True))
    touched = {contract: files for contract, (files, _) in results.items()}
    waited = [released for contract, (_, released) in results.items() if contract.bindings]
    released = lake.pin(reduce(DataFrame.unionByName, waited)) if waited else None
    lake.account(touched, released)
    # Last, for a try that is killed before finds them again here.
    if released is not None:
        lake.release(released)


if __name__ == "__main__":
    main(sys.argv)
