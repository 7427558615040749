"""Glue job 3: compute the gold rows that a batch touches, and export them for the warehouse.

Arguments: --batch_id, --bucket, --token_key (the name of the secret that holds the key of the tokens).
"""

import sys

import boto3

from lakehouse import batches, gold, job, tables, tokens
from lakehouse.contract import GoldContract, load_registry
from lakehouse.export import Export
from lakehouse.lake import Lake
from lakehouse.warehouse import ExportedTable


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "batch_id", "bucket", "token_key")
    batch_id, lake, registry = int(args.batch_id), Lake(job.spark()), load_registry()
    batch = batches.read(boto3.client("s3"), args.bucket, batch_id)
    # Rows that waited for what arrived may have entered silver too.
    arrived = {contract.dataset for contract in registry.affected(batch.datasets)}
    domains = {registry.sources[name].domain for name in arrived}
    # Facts may point at the unknown member of a dimension of which nothing has arrived yet.
    concerned = [
        contract
        for contract in registry.gold.values()
        if arrived & set(contract.datasets) or (contract.unknown_member and contract.domain in domains)
    ]
    sources = {name: registry.sources[name] for contract in concerned for name in contract.datasets}
    # The proof counts these tables even when every row was refused: empty is a figure, missing is none.
    lake.ensure(table for source in sources.values() for table in tables.of_source(source))
    lake.ensure(tables.gold_table(contract) for contract in concerned)
    changed = {name: lake.pin(lake.read_changes(registry.sources[name], batch_id)) for name in arrived & sources.keys()}
    changed = {name: rows for name, rows in changed.items() if not rows.isEmpty()}
    touched = [
        contract
        for contract in concerned
        if batch.kind == "rebuild"
        or changed.keys() & set(contract.datasets)
        # Until another member comes, not only while there is none: a try that was killed may have written it.
        or (contract.unknown_member and lake.read(tables.gold_table(contract)).limit(2).count() < 2)
    ]
    current = {name: lake.read(tables.silver_table(source)) for name, source in sources.items()}
    versioned = {name for contract in concerned for name in contract.versioned}
    current |= {gold.versions_of(name): lake.read_versions(sources[name]) for name in versioned}
    export = Export(lake.spark, args.bucket, batch_id, tokens.read_key(args.token_key))

    def build(contract: GoldContract) -> ExportedTable:
        # A rebuild computes the whole table, whatever has changed.
        keys = None if batch.kind == "rebuild" else lake.pin(gold.touched(contract, changed, current))
        # After one that was given up the warehouse gets what is there.
        if not batch.is_rebuild_given_up:
            computed = gold.compute(contract, keys, current)
            existing = lake.read(tables.gold_table(contract))
            lake.merge_gold(contract, lake.pin(gold.difference(contract, keys, computed, existing)))
        committed_at = lake.committed_at(tables.gold_table(contract))
        rows = gold.under(keys, lake.read(tables.gold_table(contract)), contract)
        return export.write(contract, keys, rows, committed_at)

    export.publish(lake.side_by_side(build, touched))


if __name__ == "__main__":
    main(sys.argv)
