"""Glue job 3: compute the gold rows that a batch touches, and export them for the warehouse.

Arguments: --batch_id, --bucket.
"""

import sys

from lakehouse import gold, job, tables
from lakehouse.contract import load_registry
from lakehouse.export import Export
from lakehouse.lake import Lake


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id", "bucket")
    batch_id, lake, registry = int(args.batch_id), Lake(job.spark()), load_registry()
    changed = {name: lake.read_changes(registry.sources[name], batch_id) for name in lake.datasets_in(batch_id)}
    changed = {name: rows for name, rows in changed.items() if not rows.isEmpty()}
    export = Export(lake.spark, args.bucket, batch_id)
    for contract in (table for table in registry.gold.values() if gold.depends_on(table, changed)):
        used = [registry.sources[name] for name in gold.datasets_of(contract)]
        lake.ensure([tables.gold_table(contract), *(table for source in used for table in tables.of_source(source))])
        silver = {source.dataset: lake.read(tables.silver_table(source)) for source in used}
        keys = lake.pin(gold.touched(contract, changed, silver))
        computed = lake.pin(gold.compute(contract, keys, silver))
        difference = gold.difference(contract, keys, computed, lake.read(tables.gold_table(contract)))
        lake.merge_gold(contract, lake.pin(difference))
        export.add(contract, keys, gold.under(keys, lake.read(tables.gold_table(contract)), contract))
    export.publish()


if __name__ == "__main__":
    main(sys.argv)
