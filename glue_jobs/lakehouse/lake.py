"""The only module that reads and writes lake tables. Every write can be repeated, and repeated at once, safely.

How each write survives being killed and run again:

    bronze, quarantine, ops.batches, ops.files,
    ops.drift                                    replaced by the batch's own filter, in one commit
    warnings                                     the same; what an earlier try counted of rows it released stays
    changes                                      appended: a second try may add rows, never lose the first try's
    history, silver, gold, row accounts, and
    what becomes of refused rows and files       MERGE from a pure function of the tables
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import and_
from typing import Any, TypeVar

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import bronze, drift, gold, intake, silver, tables
from lakehouse.batches import Batch
from lakehouse.bronze import BronzeTable, FileVerdict, IngestPlan, WrittenFile, planned_instant
from lakehouse.contract import GoldContract, Registry, SourceContract
from lakehouse.landing import LandedFile
from lakehouse.tables import Table

PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.retry.num-retries": "10",
}


# Tables worked on at once: enough to fill the gaps, few enough to bound the driver's memory.
SIDE_BY_SIDE = 3
PLACES = ("silver", "quarantined", silver.DUPLICATE, silver.SUPERSEDED)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Lake:
    """The Iceberg tables of one lake, through one Spark session."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark

    def ensure(self, wanted: Iterable[Table]) -> None:
        """Create the tables (and their databases) that are not there yet, and the columns that a contract has got
        since; their values are null in the rows of before."""
        for table in wanted:
            if self.spark.catalog.tableExists(table.identifier):
                self._add_columns(table)
                continue
            columns = ", ".join(f"`{name}` {kind}" for name, kind in table.columns)
            partition = f"PARTITIONED BY ({', '.join(table.partition_by)})" if table.partition_by else ""
            properties = ", ".join(f"'{name}'='{value}'" for name, value in PROPERTIES.items())
            self.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {tables.CATALOG}.{table.database}")
            self.spark.sql(
                f"CREATE TABLE IF NOT EXISTS {table.identifier} ({columns}) USING iceberg {partition} "
                f"TBLPROPERTIES ({properties})"
            )

    def _add_columns(self, table: Table) -> None:
        if not (absent := self._absent_columns(table)):
            return
        try:
            self.spark.sql(f"ALTER TABLE {table.identifier} ADD COLUMNS ({', '.join(absent)})")
        except Exception:
            # A twin of this run may have been quicker; Spark remembers the table as it was.
            self.spark.catalog.refreshTable(table.identifier)
            if self._absent_columns(table):
                raise

    def _absent_columns(self, table: Table) -> list[str]:
        present = set(self.read(table).columns)
        return [f"`{name}` {kind}" for name, kind in table.columns if name not in present]

    def read(self, table: Table) -> DataFrame:
        """A table as it is now; the frame keeps to this snapshot."""
        return self.spark.table(table.identifier)

    @staticmethod
    def pin(rows: DataFrame) -> DataFrame:
        """Compute a frame once, now, and forget how: what follows neither computes nor plans it again.

        A lost executor loses the rows too; the run then fails and is repeated, which every job here allows.
        """
        return rows.localCheckpoint(eager=True)

    @staticmethod
    def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Do independent work on several items at once; results in order, the first error raised once all have ended.

        Small batches spend their time in Spark's driver, planning and waiting, which leaves cores idle.
        """
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return list(pool.map(work, items))

    def read_bronze(self, contract: SourceContract, batch_id: int) -> DataFrame:
        """The bronze rows of one batch."""
        return self.read(tables.bronze_table(contract)).where(F.col("_batch_id") == batch_id)

    def read_changes(self, contract: SourceContract, batch_id: int) -> DataFrame:
        """Rows that the batch moved into or out of silver, by every try of it."""
        return self.read(tables.changes_table(contract)).where(F.col("_changed_by") == batch_id)

    def evolved(self, registry: Registry, up_to: int) -> Registry:
        """The registry with the columns that datasets have got from files of these batches: of the first up to this
        one. `ops.drift` has to be there."""
        evolving = [name for name, contract in registry.sources.items() if contract.drift == "evolve"]
        if not evolving:
            return registry
        arrived = (
            self.read(tables.drift)
            .where(F.col("dataset").isin(evolving) & F.col("added_as").isNotNull() & (F.col("batch_id") <= up_to))
            .groupBy("dataset", "column_name")
            .agg(F.min("batch_id").alias("batch_id"))
            .orderBy("batch_id", "column_name")
            .collect()
        )
        return drift.evolved_registry(registry, [(row.dataset, row.column_name) for row in arrived])

    # Bronze

    @property
    def task_count(self) -> int:
        """Tasks that keep every core busy, even when some take longer."""
        return 2 * self.spark.sparkContext.defaultParallelism

    def run_in_tasks(
        self,
        work: Callable[[list[LandedFile], IngestPlan], Iterable[Result]],
        groups: Sequence[list[LandedFile]],
        plan: IngestPlan,
    ) -> list[Result]:
        """Run `work` on every group, each in a Spark task of its own, and collect what they yield."""
        if not groups:
            return []
        tasks = self.spark.sparkContext.parallelize(list(groups), len(groups))
        results: list[Result] = tasks.flatMap(lambda group: work(group, plan)).collect()
        return results

    def rows_in_task(self, file: LandedFile, plan: IngestPlan) -> DataFrame:
        """The rows of one file as bronze would hold them, read in a task and written nowhere."""
        shape = ", ".join(f"`{name}` {kind}" for name, kind in bronze.columns(plan.contracts[file.dataset]))
        return self.spark.range(1).mapInArrow(lambda _: bronze.rows(file, plan), shape)

    def bronze_destination(self, contract: SourceContract) -> BronzeTable:
        """Folder and field ids that a task needs to write Parquet files for the table."""
        table = self._iceberg(tables.bronze_table(contract))
        fields = table.schema().columns()
        return BronzeTable(table.location(), {field.name(): int(field.fieldId()) for field in fields})

    def commit_bronze(self, contract: SourceContract, batch_id: int, written: Sequence[WrittenFile]) -> None:
        """Make the written files the batch's rows, in one commit: what an earlier try committed is replaced."""
        iceberg = self._jvm.org.apache.iceberg
        table = self._iceberg(tables.bronze_table(contract))
        metrics_config = iceberg.MetricsConfig.forTable(table)
        overwrite = table.newOverwrite().overwriteByRowFilter(
            iceberg.expressions.Expressions.equal("_batch_id", batch_id)
        )
        for file in written:
            source = table.io().newInputFile(file.path, file.bytes)
            data_file = (
                iceberg.DataFiles.builder(table.spec())
                .withInputFile(source)
                .withFormat("parquet")
                .withMetrics(iceberg.parquet.ParquetUtil.fileMetrics(source, metrics_config))
                .build()
            )
            overwrite = overwrite.addFile(data_file)
        overwrite.commit()
        self.spark.catalog.refreshTable(tables.bronze_table(contract).identifier)

    # The ledger

    def has_judged(self, batch: Batch) -> bool:
        """Whether every verdict of the batch, as it is now narrowed, is on record, by an earlier try."""
        mine = (F.col("batch_id") == batch.batch_id) & (F.coalesce("narrowed", F.lit(0)) == batch.narrowed)
        return not self.read(tables.batches).where(mine).isEmpty()

    def known(
        self, batch: Batch, contracts: Mapping[str, SourceContract]
    ) -> tuple[set[str], dict[bronze.Content, str]]:
        """What earlier batches know of this one: files already judged (the same version landed again), and what was
        said before → first accepted file, for accepted files of these datasets as large as one of the batch.

        A refused file that is replayed has still to be judged.
        """
        ids = [file.file_id for file in batch.files]
        sizes = sorted({file.bytes for file in batch.files})
        rows = (
            self.read(tables.files)
            .where(F.col("batch_id") != batch.batch_id)
            .where(F.col("file_id").isin(ids) | ((F.col("verdict") == "accepted") & F.col("bytes").isin(sizes)))
            .select("file_id", "dataset", "key", "content_hash", "verdict")
            .collect()
        )
        said = {
            bronze.content(contracts[row.dataset], row.key, row.content_hash): row.file_id
            for row in rows
            if row.verdict == "accepted" and row.dataset in contracts
        }
        judged = {row.file_id for row in rows if batch.kind != "replay" or row.verdict != "quarantined"}
        return judged & set(ids), said

    def write_drift(
        self, batch: Batch, verdicts: Sequence[FileVerdict], contracts: Mapping[str, SourceContract]
    ) -> None:
        """`ops.drift` of one batch."""
        found = [
            (
                verdict.file.dataset,
                spelling,
                verdict.file.file_id,
                rows,
                drift.added_as(contracts[verdict.file.dataset], spelling) if verdict.verdict == "accepted" else None,
                batch.batch_id,
            )
            for verdict in verdicts
            for spelling, rows in verdict.unknown.items()
        ]
        mine = F.col("batch_id") == batch.batch_id
        # Most batches bring nothing: a commit costs more than a look at whether an earlier try left something.
        if found or not self.read(tables.drift).where(mine).isEmpty():
            self._overwrite(tables.drift, self._frame(found, tables.DRIFT).coalesce(1), mine)

    def write_ledger(self, batch: Batch, verdicts: Sequence[FileVerdict]) -> None:
        """`ops.files` and `ops.batches` of one batch. A replay's verdicts take the place of the earlier ones."""
        planned_at = planned_instant(batch.planned_at)
        resolutions = self._resolutions(batch) if batch.kind == "replay" else {}
        files = [
            (
                verdict.file.file_id,
                verdict.file.dataset,
                verdict.file.key,
                verdict.file.etag,
                verdict.content_hash,
                verdict.file.bytes,
                verdict.verdict,
                verdict.reason,
                verdict.detail,
                verdict.rows_parsed,
                batch.batch_id,
                planned_instant(verdict.file.arrived_at),
                planned_at,
                resolutions.get(verdict.file.file_id),
            )
            for verdict in verdicts
        ]
        frame, mine = self._frame(files, tables.files.columns).coalesce(1), F.col("batch_id") == batch.batch_id
        if batch.kind == "replay":
            self._merge(tables.files, frame, on=("file_id",))
        else:
            self._overwrite(tables.files, frame, mine)
        rows_parsed = sum(verdict.rows_parsed for verdict in verdicts)
        size = sum(file.bytes for file in batch.files)
        summary = (batch.batch_id, batch.kind, planned_at, len(batch.files), size, rows_parsed, batch.narrowed)
        # Last: its row says that every verdict of the batch is on record.
        self._overwrite(tables.batches, self._frame([summary], tables.batches.columns).coalesce(1), mine)

    def _resolutions(self, batch: Batch) -> dict[str, str]:
        """file_id → what a replay has to say of the verdict that it replaces; kept as it is once it is said."""
        before = self.read(tables.files).where(F.col("file_id").isin([file.file_id for file in batch.files])).collect()
        return {
            row.file_id: row.resolution
            if row.batch_id == batch.batch_id
            else f"replayed by batch {batch.batch_id}: batch {row.batch_id} had refused it as {row.reason}"
            for row in before
        }

    def discard(self, batch: Batch) -> None:
        """Close the batch's refused rows and files for good. They stay where they are, counted as quarantined."""
        status, reason = F.col("t.status"), F.lit(batch.reason)
        ids = [(identity,) for identities in batch.rows.values() for identity in identities]
        self._update(
            tables.quarantined_rows,
            self._frame(ids, (("quarantine_id", "string"),)),
            on="quarantine_id",
            where=status.isin(silver.OPEN, silver.WAITING),
            values={"status": F.lit(silver.DISCARDED), "resolution": reason, "resolved_by": F.lit(batch.batch_id)},
        )
        files = [(file.file_id,) for file in batch.files]
        self._update(
            tables.files,
            self._frame(files, (("file_id", "string"),)),
            on="file_id",
            where=F.col("t.verdict") == "quarantined",
            values={"resolution": F.concat(F.lit("discarded: "), reason)},
        )

    def datasets_in(self, batch_id: int) -> list[str]:
        """Datasets of which the batch accepted a file."""
        rows = self.read(tables.files).where((F.col("batch_id") == batch_id) & (F.col("verdict") == "accepted"))
        return sorted(row.dataset for row in rows.select("dataset").distinct().collect())

    # Silver, in the order that makes every step repeatable

    def append_changes(self, contract: SourceContract, changes: DataFrame) -> None:
        self._append(tables.changes_table(contract), changes)

    def quarantine(self, contract: SourceContract, bad: DataFrame, batch_id: int) -> None:
        """Replace the batch's refused rows of this dataset."""
        mine = (F.col("batch_id") == batch_id) & (F.col("dataset") == contract.dataset)
        self._overwrite(tables.quarantined_rows, bad, mine)

    def refused_before(self, contract: SourceContract, batch: Batch) -> DataFrame | None:
        """Bronze rows that earlier batches refused and that are to be judged again: for the lack of a parent and of
        nothing else, or because the batch replays them (`_is_replayed`). None when there can be none."""
        asked = batch.rows.get(contract.dataset, ()) if batch.kind == "replay" and not batch.given_up else ()
        if not contract.bindings and not asked:
            return None
        ids = self._frame([(identity,) for identity in asked], (("quarantine_id", "string"),))
        refused = (
            self.read(tables.quarantined_rows)
            .where((F.col("dataset") == contract.dataset) & (F.col("batch_id") != batch.batch_id))
            .join(F.broadcast(ids.withColumn("_asked", F.lit(True))), "quarantine_id", "left")
        )
        is_open = F.col("status").isin(silver.OPEN, silver.WAITING)
        is_orphan = is_open & F.col("violations").contains(f'{silver.ORPHAN}"')
        is_replayed = F.col("_asked").isNotNull() & (is_open | (F.col("resolved_by") == batch.batch_id))
        places = self.pin(
            refused.where(is_orphan | is_replayed).select(
                F.col("file_id").alias("_file_id"),
                F.col("row_number").alias("_row"),
                F.coalesce(is_replayed, F.lit(False)).alias("_is_replayed"),
            )
        )
        found = self.read(tables.bronze_table(contract)).join(F.broadcast(places), list(silver.PLACE))
        return found.mapInArrow(functools.partial(intake.reread, contract=contract), found.schema)

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
            ids = self._frame([(identity,) for identity in asked], (("quarantine_id", "string"),))
            mine = F.col("status").isin(silver.OPEN, silver.WAITING) | (F.col("resolved_by") == batch.batch_id)
            refused = self.read(tables.quarantined_rows).where(mine).join(F.broadcast(ids), "quarantine_id")
            places.append(refused.select(F.col("file_id").alias("_file_id"), F.col("row_number").alias("_row")))
        return self.pin(reduce(DataFrame.unionByName, places).distinct())

    def file_ids(self, batch: Batch, contract: SourceContract) -> DataFrame:
        """`file_id` of every file of a dataset that the batch was planned with."""
        files = (file for file in (*batch.files, *batch.excluded) if file.dataset == contract.dataset)
        return self._frame([(file.file_id,) for file in files], (("file_id", "string"),))

    def refuse_again(self, bad: DataFrame) -> None:
        """Bring the reasons of rows that were refused before, and are again (`silver.split`), to what is wrong now."""
        self._update(
            tables.quarantined_rows,
            bad.select("quarantine_id", "violations", "status"),
            on="quarantine_id",
            where=(F.col("t.violations") != F.col("s.violations")) | (F.col("t.status") != F.col("s.status")),
            values={"violations": F.col("s.violations"), "status": F.col("s.status")},
        )

    def release(self, released: DataFrame, batch: Batch) -> None:
        """Take rows (`quarantine_id`, `_is_replayed`) out of quarantine; they are in silver or history, and counted
        there. Of those that were replayed a record stays."""
        if released.isEmpty():
            return
        table = tables.quarantined_rows.identifier
        same = F.col(f"{table}.quarantine_id") == F.col("s.quarantine_id")
        why = F.lit(f"batch {batch.batch_id}: {batch.reason}")
        values = {"status": F.lit(silver.REPLAYED), "resolution": why, "resolved_by": F.lit(batch.batch_id)}
        merge = released.alias("s").mergeInto(table, same)
        merge.whenMatched(F.col("s._is_replayed")).update(values).whenMatched().delete().merge()

    def reopen(self, batch: Batch) -> None:
        """Put rows that a replay had released before it was given up back into quarantine."""
        ids = [(identity,) for identities in batch.rows.values() for identity in identities]
        nothing = {"resolution": F.lit(None).cast("string"), "resolved_by": F.lit(None).cast("bigint")}
        self._update(
            tables.quarantined_rows,
            self._frame(ids, (("quarantine_id", "string"),)),
            on="quarantine_id",
            where=F.col("t.resolved_by") == batch.batch_id,
            values={"status": F.lit(silver.OPEN), **nothing},
        )

    def close_corrected(self, contract: SourceContract, corrections: DataFrame, batch: Batch) -> None:
        """Close refused rows of which a corrected version has landed (`silver.corrections`)."""
        self._update(
            tables.quarantined_rows,
            corrections,
            on="quarantine_id",
            where=F.col("t.status").isin(silver.OPEN, silver.WAITING) & (F.col("t.dataset") == contract.dataset),
            values={
                "status": F.lit(silver.DISCARDED),
                "resolution": F.col("s.resolution"),
                "resolved_by": F.lit(batch.batch_id),
            },
        )

    def merge_history(self, contract: SourceContract, judged: DataFrame) -> None:
        """Bring history to the fates that `silver.judge` found."""
        table = tables.history_table(contract)
        has_none = F.col("_fate").isin(silver.CURRENT, silver.RETRACTED)
        moved = judged.where(~F.col("_fate").eqNullSafe(F.col("_old_fate"))).where(
            ~has_none | F.col("_old_fate").isNotNull()
        )
        self._merge(
            table,
            moved.select(*table.column_names),
            on=silver.PLACE,
            delete_when=F.col("s._fate").isin(silver.CURRENT, silver.RETRACTED),
        )

    def merge_silver(self, contract: SourceContract, judged: DataFrame) -> None:
        """Put the winners that are not yet in silver there; a key whose only versions are retracted leaves."""
        table = tables.silver_table(contract)
        is_winner = F.col("_fate") == silver.CURRENT
        leaving = judged.where((F.col("_fate") == silver.RETRACTED) & F.col("_was_current"))
        changed = (
            judged.where(is_winner & ~F.col("_was_current"))
            .withColumn("_leaves", F.lit(False))
            .unionByName(leaving.join(judged.where(is_winner), "_key", "left_anti").withColumn("_leaves", F.lit(True)))
        )
        self._merge(table, changed.select(*table.column_names, "_leaves"), on=("_key",), delete_when=F.col("s._leaves"))

    def account(self, touched: Mapping[SourceContract, DataFrame], released: DataFrame | None = None) -> None:
        """Count where the rows of these files (`file_id`) of these datasets are, each number from its own table;
        `released` rows (`quarantine_id`) as if they had left quarantine. A file that is not accepted has no account."""
        if not touched:
            return
        located = reduce(DataFrame.unionByName, (self._places(contract, released) for contract in touched))
        files = self.pin(
            reduce(DataFrame.unionByName, (rows.select("file_id") for rows in touched.values())).distinct()
        )
        counts = (
            located.join(F.broadcast(files), "file_id", "left_semi")
            .groupBy("file_id")
            .agg(*(F.count_if(F.col("place") == place).alias(place) for place in PLACES))
        )
        accepted = self.read(tables.files).where(F.col("verdict") == "accepted")
        accounts = (
            files.join(accepted, "file_id", "left")
            .join(counts, "file_id", "left")
            .select("file_id", "dataset", F.col("rows_parsed").alias("parsed"), *PLACES)
            .na.fill(0, list(PLACES))
        )
        is_refused = F.col("s.parsed").isNull()
        self._merge(tables.row_accounts, self.pin(accounts), on=("file_id",), delete_when=is_refused)

    def warn(self, counted: DataFrame, batch: Batch) -> None:
        """Replace the batch's warnings by those that `silver.warned` counted.

        Rows that an earlier try has released from quarantine are not judged again. They are of earlier batches' files,
        and what that try counted of those stays.
        """
        own = self._frame([(file.file_id,) for file in (*batch.files, *batch.excluded)], (("file_id", "string"),))
        before = self.read(tables.warnings).where(F.col("batch_id") == batch.batch_id)
        new = self.pin(counted.withColumn("batch_id", F.lit(batch.batch_id).cast("bigint")))
        kept = before.join(own, "file_id", "left_anti").join(new, "file_id", "left_anti")
        if not (new.isEmpty() and before.isEmpty()):
            self._overwrite(tables.warnings, new.unionByName(kept), F.col("batch_id") == batch.batch_id)

    def _places(self, contract: SourceContract, released: DataFrame | None) -> DataFrame:
        """(file_id, place) of every row of a dataset, from the tables that hold them."""
        refused = self.read(tables.quarantined_rows).where(
            (F.col("dataset") == contract.dataset) & (F.col("status") != silver.REPLAYED)
        )
        if released is not None:
            refused = refused.join(F.broadcast(released), "quarantine_id", "left_anti")
        return (
            self.read(tables.silver_table(contract))
            .select(F.col("_file_id").alias("file_id"), F.lit("silver").alias("place"))
            .unionByName(refused.select("file_id", F.lit("quarantined").alias("place")))
            .unionByName(
                self.read(tables.history_table(contract)).select(
                    F.col("_file_id").alias("file_id"), F.col("_fate").alias("place")
                )
            )
        )

    # Gold

    def merge_gold(self, contract: GoldContract, difference: DataFrame) -> None:
        """Apply `gold.difference`."""
        self._merge(
            tables.gold_table(contract),
            difference,
            on=contract.key,
            delete_when=F.col(f"s.{gold.DELETED}"),
        )

    # How it is done

    def _merge(
        self, table: Table, source: DataFrame, on: tuple[str, ...], delete_when: SparkColumn | None = None
    ) -> None:
        """Upsert `source` by the columns `on`, null equal to null; where `delete_when` holds, delete and never insert.

        Nothing is committed when there is nothing to merge.
        """
        if source.isEmpty():
            return
        same = reduce(and_, (F.col(f"{table.identifier}.{name}").eqNullSafe(F.col(f"s.{name}")) for name in on))
        merge = source.alias("s").mergeInto(table.identifier, same)
        if delete_when is not None:
            merge = merge.whenMatched(delete_when).delete()
        values = {name: F.col(f"s.{name}") for name in table.column_names}
        merge = merge.whenMatched().update(values)
        new = merge.whenNotMatched() if delete_when is None else merge.whenNotMatched(~delete_when)
        new.insert(values).merge()

    def _update(
        self, table: Table, source: DataFrame, on: str, where: SparkColumn, values: Mapping[str, SparkColumn]
    ) -> None:
        """Set columns of the rows (`t`) that a row of `source` (`s`) names by `on`, where the condition holds.

        Nothing is committed when there is nothing to change.
        """
        same = F.col(f"t.{on}") == F.col(f"s.{on}")
        changed = self.read(table).alias("t").join(F.broadcast(source.alias("s")), same).where(where)
        names = [name for name in table.column_names if name not in values]
        rows = changed.select(*(F.col(f"t.{name}") for name in names), *(v.alias(name) for name, v in values.items()))
        self._merge(table, self.pin(rows), on=(on,))

    def _append(self, table: Table, rows: DataFrame) -> None:
        if not rows.isEmpty():
            rows.select(*table.column_names).writeTo(table.identifier).append()

    def _overwrite(self, table: Table, rows: DataFrame, condition: SparkColumn) -> None:
        rows.select(*table.column_names).writeTo(table.identifier).overwrite(condition)

    def _frame(self, rows: Sequence[tuple[object, ...]], columns: tables.Shape) -> DataFrame:
        return self.spark.createDataFrame(list(rows), ", ".join(f"`{name}` {kind}" for name, kind in columns))

    def _iceberg(self, table: Table) -> Any:
        return self._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(
            self.spark._jsparkSession, table.identifier
        )

    @functools.cached_property
    def _jvm(self) -> Any:
        return self.spark._jvm
