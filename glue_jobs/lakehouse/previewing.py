"""What would become of refused rows and files by today's contracts, found by the code that would judge them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import bronze, silver, tables
from lakehouse.batches import Batch, Request
from lakehouse.contract import Registry, SourceContract
from lakehouse.lake import Lake
from lakehouse.refining import typed_rows
from lakehouse.settings import Buckets

EXAMPLES_PER_RULE = 3
_NO_BATCH = 0


def preview(lake: Lake, registry: Registry, request: Request, buckets: Buckets) -> dict[str, Any]:
    """`rows`: by dataset how many would pass, how many would still be refused, by which rules (`examples` of each rule
    with row id, field and value as it came). `files`: file id, key, the verdict each would get, and of an accepted one
    the same as of a dataset."""
    batch = Batch(_NO_BATCH, "replay", request.requested_at, request.files, request.rows)
    lake.ensure(tables.LEDGER)
    registry = lake.evolved(registry)
    rows = {}
    for dataset in sorted(batch.rows.keys() & registry.sources.keys()):
        contract = registry.sources[dataset]
        lake.ensure(tables.of_batch(contract, registry))
        again = lake.judged_again(contract, batch, None)
        if again is not None:
            rows[dataset] = _judged(lake, registry, contract, again.where("_is_replayed"))
    return {"rows": rows, "files": _files(lake, registry, batch, buckets)}


def _files(lake: Lake, registry: Registry, batch: Batch, buckets: Buckets) -> list[dict[str, Any]]:
    present = {name: registry.sources[name] for name in batch.datasets & registry.sources.keys()}
    lake.ensure(table for contract in present.values() for table in tables.of_batch(contract, registry))
    known, known_content = lake.known(batch, present)
    plan = bronze.IngestPlan(
        buckets=buckets,
        batch_id=batch.batch_id,
        ingested_at=bronze.utc_instant(batch.planned_at),
        contracts=present,
        tables={},
        known_content=known_content,
    )
    files = [file for file in batch.files if file.file_id not in known]
    found = []
    for verdict in lake.run_in_tasks(bronze.ingest, bronze.groups(files, lake.task_count), plan):
        if not isinstance(verdict, bronze.FileVerdict):
            continue
        told: dict[str, Any] = {
            "file_id": verdict.file.file_id,
            "dataset": verdict.file.dataset,
            "key": verdict.file.key,
            "verdict": verdict.verdict,
            "reason": verdict.reason,
            "detail": verdict.detail,
        }
        if verdict.verdict == "accepted":
            contract = present[verdict.file.dataset]
            told |= _judged(lake, registry, contract, lake.rows_in_task(verdict.file, plan))
        found.append(told)
    return sorted(found, key=lambda item: (item["dataset"], item["key"]))


def _judged(lake: Lake, registry: Registry, contract: SourceContract, rows: DataFrame) -> Mapping[str, Any]:
    typed = typed_rows(lake, registry, contract, rows)
    judged = lake.pin(typed.select(silver.quarantine_id(contract), "_row", silver.VIOLATIONS))
    total, passing = judged.select(F.count("*"), F.count_if(F.size(silver.VIOLATIONS) == 0)).collect()[0]
    broken = judged.select("quarantine_id", "_row", F.explode(silver.VIOLATIONS).alias("broken"))
    example = F.struct("quarantine_id", F.col("_row").alias("row"), "broken.field", "broken.value")
    by_rule = (
        broken.groupBy("broken.rule")
        .agg(F.count("*").alias("rows"), F.sort_array(F.collect_list(example)).alias("examples"))
        .orderBy(F.desc("rows"), "rule")
        .select("rule", "rows", F.to_json(F.slice("examples", 1, EXAMPLES_PER_RULE)).alias("examples"))
        .collect()
    )
    return {
        "pass": passing,
        "refused": total - passing,
        "rules": [{"rule": row.rule, "rows": row.rows, "examples": json.loads(row.examples)} for row in by_rule],
    }
