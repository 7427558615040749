"""Quarantine: what was refused, what is to be judged again, and what became of it."""

from __future__ import annotations

import functools
from functools import reduce
from itertools import chain

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import bronze, intake, silver, tables
from lakehouse.batches import Batch
from lakehouse.contract import SourceContract
from lakehouse.extents import are_few, sent
from lakehouse.lake.changing import ChangingTables


class Quarantine(ChangingTables):
    """`quarantine.rows`, and refused files in `ops.files`."""

    def quarantine(self, contract: SourceContract, bad: DataFrame, batch_id: int) -> None:
        """Replace the batch's refused rows of this dataset."""
        mine = (F.col("dataset") == contract.dataset) & (F.col("batch_id") == batch_id)
        # Most batches refuse nothing, again and again: a commit costs more than two looks.
        if bad.isEmpty() and self.read(tables.quarantined_rows).where(mine).isEmpty():
            return
        self._replace(tables.quarantined_rows, bad, batch_id, dataset=contract.dataset)

    def replace_quarantine(self, contract: SourceContract, records: DataFrame) -> None:
        """Make these all the refused rows of a dataset."""
        self._overwrite(tables.quarantined_rows, records, {"dataset": contract.dataset})

    def judged_again(self, contract: SourceContract, batch: Batch, orphaned: DataFrame | None) -> DataFrame | None:
        """Bronze rows of earlier batches that are to be judged again: refused for the lack of a parent and of nothing
        else, replayed by the batch (`_is_replayed`), or `orphaned` (`_file_id`, `_row`). None when there are none."""
        asked = batch.rows.get(contract.dataset, ()) if batch.kind == "replay" and not batch.given_up else ()
        if not contract.bindings and not asked:
            return None
        refused = self.read(tables.quarantined_rows).where(
            (F.col("dataset") == contract.dataset) & (F.col("batch_id") != batch.batch_id)
        )
        is_open = F.col("status").isin(silver.OPEN, silver.WAITING)
        is_orphan = is_open & F.col("violations").contains(f'{silver.ORPHAN}"')
        is_replayed = F.lit(False)
        if asked:
            ids = self._ids("quarantine_id", asked)
            asked_for = sent(ids.withColumn("_asked", F.lit(True)), if_few=are_few(len(asked)))
            refused = refused.join(asked_for, "quarantine_id", "left")
            is_replayed = F.col("_asked").isNotNull() & (is_open | (F.col("resolved_by") == batch.batch_id))
        places = refused.where(is_orphan | is_replayed).select(
            F.col("file_id").alias("_file_id"),
            F.col("row_number").alias("_row"),
            F.coalesce(is_replayed, F.lit(False)).alias("_is_replayed"),
        )
        if orphaned is not None:
            others = orphaned.join(places, list(silver.PLACE), "left_anti")
            places = places.unionByName(others.withColumn("_is_replayed", F.lit(False)))
        places, is_few = self.settled(places, if_few=True)
        if places.isEmpty():
            return None
        found = self.read(tables.bronze_table(contract)).join(sent(places, if_few=is_few), list(silver.PLACE))
        return self.reread(found.where(F.col("_batch_id") != batch.batch_id), contract)

    @staticmethod
    def reread(rows: DataFrame, contract: SourceContract) -> DataFrame:
        """Bronze rows as today's contract names their columns (`intake.reread`)."""
        is_whole = F.col(bronze.RESCUED).isNull()
        others = rows.where(~is_whole).mapInArrow(functools.partial(intake.reread, contract=contract), rows.schema)
        return rows.where(is_whole).unionByName(others)

    def retracted(self, contract: SourceContract, batch: Batch) -> DataFrame | None:
        """Places (`_file_id`, `_row`) of valid rows that have to leave again, because the batch was narrowed or given
        up after a try had written them; None when there can be none."""
        if not batch.narrowed:
            return None
        accepted = self.read(tables.files).where(F.col("verdict") == "accepted").select("file_id")
        gone = self.file_ids(batch, contract).join(accepted, "file_id", "left_anti")
        gone = F.broadcast(gone.withColumnRenamed("file_id", "_file_id"))
        rows = [self.read(table(contract)) for table in (tables.silver_table, tables.history_table)]
        places = [frame.join(gone, "_file_id", "left_semi").select(*silver.PLACE) for frame in rows]
        if batch.given_up and (asked := batch.rows.get(contract.dataset)):
            ids = self._ids("quarantine_id", asked)
            mine = F.col("status").isin(silver.OPEN, silver.WAITING) | (F.col("resolved_by") == batch.batch_id)
            refused = self.read(tables.quarantined_rows).where(mine).join(F.broadcast(ids), "quarantine_id")
            places.append(refused.select(F.col("file_id").alias("_file_id"), F.col("row_number").alias("_row")))
        return self.pin(reduce(DataFrame.unionByName, places).distinct())

    def refuse_again(self, contract: SourceContract, bad: DataFrame) -> None:
        """Bring the reasons of rows that were refused before, and are again (`silver.split`), to what is wrong now.
        Those that a try had released before it lost their parent come back."""
        self._update(
            tables.quarantined_rows,
            bad.select("quarantine_id", "violations", "status"),
            on="quarantine_id",
            where=(F.col("t.violations") != F.col("s.violations")) | (F.col("t.status") != F.col("s.status")),
            values={"violations": F.col("s.violations"), "status": F.col("s.status")},
            within=(mine := {"dataset": contract.dataset}),
        )
        here = self.read(tables.quarantined_rows).where(F.col("dataset") == contract.dataset).select("quarantine_id")
        absent = bad.join(here, "quarantine_id", "left_anti")
        self._merge(tables.quarantined_rows, absent, ("quarantine_id",), within=mine)

    def release(self, released: DataFrame, batch: Batch) -> None:
        """Take rows (`quarantine_id`, `_is_replayed`) out of quarantine; they are in silver or history, and counted
        there. Of those that were replayed a record stays."""
        if released.isEmpty():
            return
        table = tables.quarantined_rows
        is_replayed, why = F.col("_is_replayed"), F.lit(f"batch {batch.batch_id}: {batch.reason}")
        values = {"status": F.lit(silver.REPLAYED), "resolution": why, "resolved_by": F.lit(batch.batch_id)}
        rows = self.read(table).join(released, "quarantine_id")
        changed = {name: F.when(is_replayed, value).otherwise(F.col(name)) for name, value in values.items()}
        self._merge(table, rows.withColumns(changed), on=("quarantine_id",), delete_when=~F.col("s._is_replayed"))

    def reopen(self, batch: Batch) -> None:
        """Put rows that the batch had released or closed before it was narrowed or given up back into quarantine: what
        is left of it closes again those that it corrects."""
        nothing = {"resolution": F.lit(None).cast("string"), "resolved_by": F.lit(None).cast("bigint")}
        resolved = self.read(tables.quarantined_rows).where(F.col("resolved_by") == batch.batch_id)
        self._update(
            tables.quarantined_rows,
            self.pin(resolved.select("quarantine_id")),
            on="quarantine_id",
            where=F.lit(True),
            values={"status": F.lit(silver.OPEN), **nothing},
        )

    def close_corrected(self, contract: SourceContract, corrections: DataFrame, batch: Batch) -> None:
        """Close refused rows of which a corrected version has landed (`silver.corrections`)."""
        if corrections.isEmpty():
            return  # as in nearly every batch: sooner seen than grouped
        self._update(
            tables.quarantined_rows,
            corrections.groupBy("quarantine_id").agg(F.min("resolution").alias("resolution")),
            on="quarantine_id",
            where=F.col("t.status").isin(silver.OPEN, silver.WAITING),
            within={"dataset": contract.dataset},
            values={
                "status": F.lit(silver.DISCARDED),
                "resolution": F.col("s.resolution"),
                "resolved_by": F.lit(batch.batch_id),
            },
        )

    def discard(self, batch: Batch) -> None:
        """Close the batch's refused rows and files for good. They stay where they are, counted as quarantined."""
        status, reason = F.col("t.status"), F.lit(batch.reason)
        ids = chain.from_iterable(batch.rows.values())
        self._update(
            tables.quarantined_rows,
            self._ids("quarantine_id", ids),
            on="quarantine_id",
            where=status.isin(silver.OPEN, silver.WAITING),
            values={"status": F.lit(silver.DISCARDED), "resolution": reason, "resolved_by": F.lit(batch.batch_id)},
        )
        self._update(
            tables.files,
            self._ids("file_id", (file.file_id for file in batch.files)),
            on="file_id",
            where=F.col("t.verdict") == "quarantined",
            values={"resolution": F.concat(F.lit("discarded: "), reason)},
        )

    def file_ids(self, batch: Batch, contract: SourceContract) -> DataFrame:
        """`file_id` of every file of a dataset that the batch was planned with."""
        files = (file for file in (*batch.files, *batch.excluded) if file.dataset == contract.dataset)
        return self._ids("file_id", (file.file_id for file in files))
