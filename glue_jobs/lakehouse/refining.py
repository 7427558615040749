"""One dataset of one batch, from bronze to silver: what is judged, and the order in which it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import silver, tables
from lakehouse.batches import Batch
from lakehouse.contract import Registry, SourceContract
from lakehouse.extents import are_few
from lakehouse.lake import Lake
from lakehouse.settling import settle


@dataclass(frozen=True)
class Refined:
    """What refining a dataset leaves to be done for all of them together.

    `typed` are the rows that were judged (`silver.typed`); `files` (`file_id`) may have other accounts than before;
    `released` rows (`quarantine_id`, `_is_replayed`) leave quarantine, None where none can.
    """

    contract: SourceContract
    typed: DataFrame
    files: DataFrame
    released: DataFrame | None


def typed_rows(
    lake: Lake, registry: Registry, contract: SourceContract, rows: DataFrame, keep: Sequence[str] = ()
) -> DataFrame:
    """Bronze rows typed (`silver.typed`), those refused whose parents are not in silver now."""
    typed = silver.typed(rows, contract, keep)
    if not contract.bindings:
        return typed
    parents = (reference.dataset for _, reference in contract.bindings)
    return silver.with_orphans(typed, contract, _silver_now(lake, registry, parents))


def refine(
    lake: Lake, registry: Registry, contract: SourceContract, batch: Batch, arrived: Mapping[str, int]
) -> Refined:
    """Judge the batch's rows of a dataset, and those refused before that are to be judged again, and write what comes
    of it. `arrived` says how many rows of each dataset there are in the files that the batch accepted.

    The order of the writes lets a killed run be repeated: what gold must recompute is on record before silver moves.
    """
    rows = lake.read_bronze(contract, batch.batch_id).withColumn("_is_replayed", F.lit(False))
    # What leaves with a narrowed batch may be the parent of rows that an earlier try let in.
    orphaned = _orphaned(lake, registry, contract) if batch.narrowed else None
    again = lake.judged_again(contract, batch, orphaned)
    if again is not None:
        rows = rows.unionByName(again)
    if_few = are_few(arrived.get(contract.dataset, 0))
    typed, is_few = lake.settled(typed_rows(lake, registry, contract, rows, keep=("_is_replayed",)), if_few=if_few)
    is_old = F.col("_batch_id") != batch.batch_id
    corrections = silver.corrections(typed.where(~is_old))
    if again is not None:
        # Of a row and its correction the correction counts, whatever else has come that would let the row pass.
        numbered = typed.withColumn("quarantine_id", silver.quarantine_id(contract))
        others = numbered.join(corrections, "quarantine_id", "left_anti").drop("quarantine_id")
        typed, is_few = lake.settled(others, if_few=is_few)
    good, bad = silver.split(typed, contract)
    retracted = lake.retracted(contract, batch)
    if retracted is not None:
        refused = bad.select(F.col("file_id").alias("_file_id"), F.col("row_number").alias("_row"))
        retracted = lake.pin(retracted.unionByName(refused).distinct())
    settled = settle(lake, contract, batch.batch_id, good, retracted, if_few=is_few)
    settled.record_changes()
    lake.quarantine(contract, bad.where(F.col("batch_id") == batch.batch_id), batch.batch_id)
    if again is not None:
        lake.refuse_again(contract, bad.where(F.col("batch_id") != batch.batch_id))
    lake.close_corrected(contract, corrections, batch)
    settled.apply()
    files = silver.files_of(typed, settled.judged)
    if batch.narrowed:
        files = files.unionByName(lake.file_ids(batch, contract))
    passed = typed.where(is_old & (F.size(silver.VIOLATIONS) == 0))
    released = passed.select(silver.quarantine_id(contract), "_is_replayed") if again is not None else None
    return Refined(contract, typed, files, released)


def _orphaned(lake: Lake, registry: Registry, contract: SourceContract) -> DataFrame | None:
    """Places (`_file_id`, `_row`) of valid rows whose parent is not in silver now; None where there can be none."""
    valid = [lake.read(of(contract)) for of in (tables.silver_table, tables.history_table)]
    found: list[DataFrame] = []
    for column, reference in contract.bindings:
        known = lake.read(tables.silver_table(registry.sources[reference.dataset]))
        parents = known.select(F.col(reference.column).alias(column.name))
        found += [
            rows.where(F.col(column.name).isNotNull()).join(parents, column.name, "left_anti").select(*silver.PLACE)
            for rows in valid
        ]
    return lake.pin(reduce(DataFrame.unionByName, found).distinct()) if found else None


def warnings_of(lake: Lake, registry: Registry, refined: Refined) -> DataFrame:
    """What the rows of a dataset that were kept break of the rules that only warn (`silver.warned`)."""
    contract = refined.contract
    wanted = {contract.dataset, *(reference.dataset for _, reference in contract.references)}
    return silver.warned(refined.typed, contract, _silver_now(lake, registry, wanted))


def _silver_now(lake: Lake, registry: Registry, datasets: Iterable[str]) -> dict[str, DataFrame]:
    return {name: lake.read(tables.silver_table(registry.sources[name])) for name in datasets}
