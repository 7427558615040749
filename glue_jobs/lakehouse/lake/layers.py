"""Bronze, silver and gold, with ledger and quarantine: all tables of one lake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import bronze, gold, silver, tables
from lakehouse.bronze import BronzeFile, IngestPlan
from lakehouse.contract import GoldContract, SourceContract
from lakehouse.lake.iceberg import Result
from lakehouse.lake.ledger import Ledger
from lakehouse.lake.quarantine import Quarantine
from lakehouse.landing import LandedFile
from lakehouse.touched import Keys


class Lake(Ledger, Quarantine):
    """The Iceberg tables of one lake, through one Spark session."""

    def read_bronze(self, contract: SourceContract, batch_id: int) -> DataFrame:
        """The bronze rows of one batch."""
        return self.read(tables.bronze_table(contract)).where(F.col("_batch_id") == batch_id)

    def read_changes(self, contract: SourceContract, batch_id: int) -> DataFrame:
        """Rows that the batch moved into or out of silver, by every try of it: the table's columns.

        Its own rows that are in silver need no record of having entered.
        """
        table, current = tables.changes_table(contract), self.read(tables.silver_table(contract))
        entered = current.where(F.col("_batch_id") == batch_id).withColumns(
            {"_change": F.lit(tables.NEW), "_changed_by": F.lit(batch_id).cast("bigint")}
        )
        recorded = self.read(table).where(F.col("_changed_by") == batch_id)
        return recorded.select(*table.column_names).unionByName(entered.select(*table.column_names))

    def read_versions(self, contract: SourceContract) -> DataFrame:
        """Every version of every key, repetitions aside: silver's columns."""
        table = tables.silver_table(contract)
        history = self.read(tables.history_table(contract)).where(F.col("_fate") == silver.SUPERSEDED)
        return self.read(table).select(*table.column_names).unionByName(history.select(*table.column_names))

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

    def commit_bronze(self, contract: SourceContract, batch_id: int, written: Iterable[BronzeFile]) -> None:
        """Make the dataset's files among these the batch's rows, in one commit: what an earlier try committed is
        replaced."""
        files = [file.written for file in written if file.dataset == contract.dataset]
        self.replace_batch(tables.bronze_table(contract), files, batch_id)

    def append_changes(self, contract: SourceContract, changes: DataFrame) -> None:
        self._append(tables.changes_table(contract), changes)

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

    def replace_silver(self, contract: SourceContract, judged: DataFrame) -> None:
        """Make silver and history hold what `silver.judge` found, and nothing else."""
        is_winner = F.col("_fate") == silver.CURRENT
        self._overwrite(tables.history_table(contract), judged.where(~is_winner))
        self._overwrite(tables.silver_table(contract), judged.where(is_winner))

    def merge_gold(self, contract: GoldContract, difference: DataFrame, keys: Keys) -> None:
        """Apply `gold.difference`, which concerns no rows but those under the keys."""
        self._merge(
            tables.gold_table(contract),
            difference,
            on=contract.key,
            delete_when=F.col(f"s.{gold.DELETED}"),
            among=keys.extent,
        )
