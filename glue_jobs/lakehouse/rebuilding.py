"""Whole layers made again from the one before: bronze from the raw files, silver from bronze. Gold: `build_gold.py`.

What people decided stays: what was refused as a file stays refused, what was discarded stays out. Each table changes in
one commit, and is a pure function of what it is made from, so a rebuild that was killed is simply run again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import bronze, silver, tables
from lakehouse.batches import Batch
from lakehouse.bronze import BronzeFile, FileVerdict, IngestPlan
from lakehouse.contract import Registry, SourceContract
from lakehouse.data_files import Written
from lakehouse.lake import Lake
from lakehouse.landing import LandedFile
from lakehouse.refining import Refined, typed_rows
from lakehouse.settings import Buckets


class RebuildError(Exception):
    """Raw files that would not be accepted today; the message names them. Nothing of their dataset was changed."""


def bronze_from_raw(lake: Lake, contract: SourceContract, buckets: Buckets) -> None:
    """Read every accepted file of a dataset again, as the batch that first read it. Raises RebuildError."""
    written: list[Written] = []
    refused: list[FileVerdict] = []
    table = tables.bronze_table(contract)
    destination = lake.destination(table)
    for (batch_id, ingested_at), files in _accepted(lake, contract).items():
        plan = IngestPlan(
            buckets=buckets,
            batch_id=batch_id,
            ingested_at=ingested_at,
            contracts={contract.dataset: contract},
            tables={contract.dataset: destination},
            # Of files that say the same, one only was accepted.
            known_content={},
        )
        for result in lake.run_in_tasks(bronze.ingest, bronze.groups(files, lake.task_count), plan):
            if isinstance(result, BronzeFile):
                written.append(result.written)
            elif result.verdict != "accepted":
                refused.append(result)
    if refused:
        told = "; ".join(f"{verdict.file.key}: {verdict.reason}, {verdict.detail}" for verdict in refused)
        raise RebuildError(f"{contract.dataset}: accepted once, and would be refused today: {told}")
    lake.replace(table, written)


def silver_from_bronze(lake: Lake, registry: Registry, contract: SourceContract, batch: Batch) -> Refined:
    """Judge every bronze row of a dataset again, and replace silver, history and quarantine by what comes of it."""
    files = lake.accepted_files(contract)
    before = lake.pin(lake.read(tables.quarantined_rows).where(F.col("dataset") == contract.dataset))
    discarded = before.where(F.col("status") == silver.DISCARDED)
    rows = lake.read(tables.bronze_table(contract)).join(
        files.withColumnRenamed("file_id", "_file_id"), "_file_id", "left_semi"
    )
    rows = lake.reread(rows, contract)
    identity = silver.quarantine_id(contract)
    typed = typed_rows(lake, registry, contract, rows).withColumn("quarantine_id", identity)
    typed = lake.pin(typed.join(discarded, "quarantine_id", "left_anti").drop("quarantine_id"))
    good, bad = silver.split(typed, contract)
    current, history = lake.read(tables.silver_table(contract)), lake.read(tables.history_table(contract))
    judged = lake.pin(silver.judge(good, current.where(F.lit(False)), history.where(F.lit(False)), contract))
    lake.replace_quarantine(contract, discarded.unionByName(_passed(before, good, contract, batch)).unionByName(bad))
    lake.replace_silver(contract, judged)
    return Refined(contract, typed, files, None)


def _passed(before: DataFrame, good: DataFrame, contract: SourceContract, batch: Batch) -> DataFrame:
    """The records of rows that were refused and pass: of those that were replayed as they are."""
    passing = before.where(F.col("status") != silver.DISCARDED).join(
        good.select(silver.quarantine_id(contract)), "quarantine_id", "left_semi"
    )
    is_new = F.col("status") != silver.REPLAYED
    why = F.lit(f"batch {batch.batch_id}: {batch.reason}")
    return passing.withColumns(
        {
            "status": F.lit(silver.REPLAYED),
            "resolution": F.when(is_new, why).otherwise(F.col("resolution")),
            "resolved_by": F.when(is_new, F.lit(batch.batch_id)).otherwise(F.col("resolved_by")),
        }
    ).select(*before.columns)


def _accepted(lake: Lake, contract: SourceContract) -> dict[tuple[int, datetime], list[LandedFile]]:
    """Every accepted file of a dataset by the batch, and its time, that read it."""
    accepted = (F.col("dataset") == contract.dataset) & (F.col("verdict") == "accepted")
    found: dict[tuple[int, datetime], list[LandedFile]] = {}
    for row in lake.read(tables.files).where(accepted).orderBy("batch_id", "file_id").collect():
        arrived_at = row.arrived_at.replace(tzinfo=UTC).isoformat()
        file = LandedFile(row.file_id, row.dataset, row.key, row.etag, row.bytes, arrived_at)
        found.setdefault((row.batch_id, row.ingested_at), []).append(file)
    return found
