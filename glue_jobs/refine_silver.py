"""Glue job 2: type a batch's bronze rows by their contracts, refuse bad ones, and settle the versions of every key.

Arguments: --batch_id.
"""

import sys

from pyspark.sql import DataFrame

from lakehouse import job, silver, tables
from lakehouse.contract import SourceContract, load_registry
from lakehouse.lake import Lake


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id")
    batch_id, lake, sources = int(args.batch_id), Lake(job.spark()), load_registry().sources

    def refine(contract: SourceContract) -> DataFrame:
        lake.ensure(tables.of_source(contract))
        typed = lake.pin(silver.typed(lake.read_bronze(contract, batch_id), contract))
        good, bad = silver.split(typed, contract)
        current, history = lake.read(tables.silver_table(contract)), lake.read(tables.history_table(contract))
        judged = lake.pin(silver.judge(good, current, history, contract))
        # The order lets a killed run be repeated: what gold must recompute is on record before silver moves.
        lake.append_changes(contract, silver.changes(judged, contract, batch_id))
        lake.quarantine(contract, bad, batch_id)
        lake.merge_history(contract, judged)
        lake.merge_silver(contract, judged)
        return silver.files_of(typed, judged)

    contracts = [sources[name] for name in lake.datasets_in(batch_id)]
    lake.account(dict(zip(contracts, lake.side_by_side(refine, contracts), strict=True)))


if __name__ == "__main__":
    main(sys.argv)
