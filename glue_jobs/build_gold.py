"""Glue job 3: compute the gold rows that a batch touches, and export them for the warehouse.

Arguments: --batch_id, --bucket, --token_key (the name of the secret that holds the key of the tokens).
"""

import sys

import boto3

from lakehouse import batches, gold, job, tables, tokens, touched
from lakehouse.contract import GoldContract, load_registry
from lakehouse.export import Export
from lakehouse.extents import are_few
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
    counts = {name: rows.count() for name, rows in changed.items()}
    changed = {name: rows for name, rows in changed.items() if counts[name]}
    is_small = are_few(sum(counts.values()))
    current = {name: lake.read(tables.silver_table(source)) for name, source in sources.items()}
    versioned = {name for contract in concerned for name in contract.versioned}
    current |= {gold.versions_of(name): lake.read_versions(sources[name]) for name in versioned}
    export = Export(lake.spark, args.bucket, batch_id, tokens.read_key(args.token_key))

    def build(contract: GoldContract) -> ExportedTable | None:
        # A rebuild computes the whole table, whatever has changed.
        keys = None
        if batch.kind != "rebuild":
            keys = touched_keys(contract)
            if keys is None:
                return None
        # After one that was given up the warehouse gets what is there.
        if not batch.is_rebuild_given_up:
            computed = gold.compute(contract, keys, current)
            existing = lake.read(tables.gold_table(contract))
            lake.merge_gold(contract, lake.pin(gold.difference(contract, keys, computed, existing)), keys)
        committed_at = lake.committed_at(tables.gold_table(contract))
        rows = touched.under(keys, lake.read(tables.gold_table(contract)), contract)
        return export.write(contract, keys, rows, committed_at)

    def touched_keys(contract: GoldContract) -> touched.Keys | None:
        found = touched.touched(contract, changed, current, is_narrowed=bool(batch.narrowed), are_few=is_small)
        keys = touched.measured(contract, lake.pin(found)) if found is not None else None
        if not contract.unknown_member:
            return keys
        # Until another member comes, not only while there is none: a try that was killed may have written it.
        if keys is None and lake.read(tables.gold_table(contract)).limit(2).count() == 2:
            return None
        return gold.with_unknown_member(contract, keys, current)

    export.publish([table for table in lake.side_by_side(build, concerned) if table is not None])


if __name__ == "__main__":
    main(sys.argv)
