"""The ledger: every file and batch ever judged, where the rows of each file are, what they brought and broke."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import bronze, drift, silver, tables
from lakehouse.batches import Batch
from lakehouse.bronze import FileVerdict, utc_instant
from lakehouse.contract import Registry, SourceContract
from lakehouse.extents import sent
from lakehouse.lake.changing import ChangingTables

PLACES = ("silver", "quarantined", silver.DUPLICATE, silver.SUPERSEDED)


class Ledger(ChangingTables):
    """The tables of the database `ops`."""

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

    def evolved(self, registry: Registry, up_to: int | None = None) -> Registry:
        """The registry with the columns that datasets have got from files: of batches up to this one, or of all.
        `ops.drift` has to be there."""
        evolving = [name for name, contract in registry.sources.items() if contract.drift == "evolve"]
        if not evolving:
            return registry
        is_meant = F.lit(True) if up_to is None else F.col("batch_id") <= up_to
        arrived = (
            self.read(tables.drift)
            .where(F.col("dataset").isin(evolving) & F.col("added_as").isNotNull() & is_meant)
            .groupBy("dataset", "column_name")
            .agg(F.min("batch_id").alias("batch_id"))
            .orderBy("batch_id", "column_name")
            .collect()
        )
        return drift.evolved_registry(registry, [(row.dataset, row.column_name) for row in arrived])

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
            self._replace(tables.drift, self._rows(found, tables.DRIFT), batch.batch_id)

    def write_ledger(self, batch: Batch, verdicts: Sequence[FileVerdict]) -> None:
        """`ops.files` and `ops.batches` of one batch. A replay's verdicts take the place of the earlier ones."""
        planned_at = utc_instant(batch.planned_at)
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
                utc_instant(verdict.file.arrived_at),
                planned_at,
                resolutions.get(verdict.file.file_id),
            )
            for verdict in verdicts
        ]
        judged = self._rows(files, tables.files.columns)
        if batch.kind == "replay":
            self._merge(tables.files, self.frame(judged, tables.files.columns), on=("file_id",))
        else:
            self._replace(tables.files, judged, batch.batch_id)
        rows_parsed = sum(verdict.rows_parsed for verdict in verdicts)
        size = sum(file.bytes for file in batch.files)
        summary = (batch.batch_id, batch.kind, planned_at, len(batch.files), size, rows_parsed, batch.narrowed)
        # Last: its row says that every verdict of the batch is on record.
        self._replace(tables.batches, self._rows([summary], tables.batches.columns), batch.batch_id)

    def _resolutions(self, batch: Batch) -> dict[str, str]:
        """file_id → what a replay has to say of the verdict that it replaces; kept as it is once it is said."""
        before = self.read(tables.files).where(F.col("file_id").isin([file.file_id for file in batch.files])).collect()
        return {
            row.file_id: row.resolution
            if row.batch_id == batch.batch_id
            else f"replayed by batch {batch.batch_id}: batch {row.batch_id} had refused it as {row.reason}"
            for row in before
        }

    def rows_accepted(self, batch_id: int) -> dict[str, int]:
        """How many rows there are in the files that the batch accepted, by dataset."""
        rows = self.read(tables.files).where((F.col("batch_id") == batch_id) & (F.col("verdict") == "accepted"))
        found = rows.groupBy("dataset").agg(F.sum("rows_parsed").alias("rows")).orderBy("dataset").collect()
        return {row.dataset: row.rows for row in found}

    def account(self, touched: Mapping[SourceContract, DataFrame], released: DataFrame | None = None) -> None:
        """Count where the rows of these files (`file_id`) of these datasets are, each number from its own table;
        `released` rows (`quarantine_id`) as if they had left quarantine. A file that is not accepted has no account."""
        if not touched:
            return
        ids = reduce(DataFrame.unionByName, (rows.select("file_id") for rows in touched.values())).distinct()
        accepted = self.read(tables.files).where(F.col("verdict") == "accepted")
        accepted = accepted.select("file_id", "dataset", F.col("rows_parsed").alias("parsed"), "batch_id")
        files, are_some = self.settled(ids.join(accepted, "file_id", "left"), if_few=True)
        # Rows keep the number of the batch that read their file.
        batches = [row.batch_id for row in files.select("batch_id").distinct().collect()] if are_some else []
        of_batches = F.col("batch_id").isin(batches) if batches else F.lit(True)
        located = reduce(DataFrame.unionByName, (self._places(contract, released) for contract in touched))
        counts = (
            located.where(of_batches)
            .join(sent(files.select("file_id"), if_few=are_some), "file_id", "left_semi")
            .groupBy("file_id")
            .agg(*(F.count_if(F.col("place") == place).alias(place) for place in PLACES))
        )
        accounts = (
            files.join(counts, "file_id", "left")
            .select("file_id", "dataset", "parsed", *PLACES)
            .na.fill(0, list(PLACES))
        )
        is_refused = F.col("s.parsed").isNull()
        self._merge(tables.row_accounts, accounts, on=("file_id",), delete_when=is_refused)

    def warn(self, counted: DataFrame, batch: Batch) -> None:
        """Replace the batch's warnings by those that `silver.warned` counted.

        Rows that an earlier try has released from quarantine are not judged again. They are of earlier batches' files,
        and what that try counted of those stays.
        """
        own = self._ids("file_id", (file.file_id for file in (*batch.files, *batch.excluded)))
        before = self.read(tables.warnings).where(F.col("batch_id") == batch.batch_id)
        new, _ = self.settled(counted.withColumn("batch_id", F.lit(batch.batch_id).cast("bigint")), if_few=True)
        kept = before.join(own, "file_id", "left_anti").join(new, "file_id", "left_anti")
        if not (new.isEmpty() and before.isEmpty()):
            self._replace(tables.warnings, new.unionByName(kept), batch.batch_id)

    def warn_again(self, counted: DataFrame, datasets: Iterable[str]) -> None:
        """Replace all warnings of whole datasets by those that `silver.warned` counted, as of the batches of the files.

        The table is written as a whole: after compaction a file of it holds the warnings of many datasets.
        """
        files = self.read(tables.files).select("file_id", "batch_id")
        others = self.read(tables.warnings).where(~F.col("dataset").isin(list(datasets)))
        rows = counted.join(files, "file_id").select(*tables.warnings.column_names)
        self._overwrite(tables.warnings, rows.unionByName(others))

    def accepted_files(self, contract: SourceContract) -> DataFrame:
        """`file_id` of every file of a dataset whose rows are in bronze."""
        accepted = (F.col("dataset") == contract.dataset) & (F.col("verdict") == "accepted")
        return self.read(tables.files).where(accepted).select("file_id")

    def _places(self, contract: SourceContract, released: DataFrame | None) -> DataFrame:
        """(file_id, batch_id, place) of every row of a dataset, from the tables that hold them."""
        refused = self.read(tables.quarantined_rows).where(
            (F.col("dataset") == contract.dataset) & (F.col("status") != silver.REPLAYED)
        )
        if released is not None:
            refused = refused.join(released.select("quarantine_id"), "quarantine_id", "left_anti")
        valid = ((tables.silver_table, F.lit("silver")), (tables.history_table, F.col("_fate")))
        file = (F.col("_file_id").alias("file_id"), F.col("_batch_id").alias("batch_id"))
        found = (self.read(of(contract)).select(*file, place.alias("place")) for of, place in valid)
        return reduce(
            DataFrame.unionByName, found, refused.select("file_id", "batch_id", F.lit("quarantined").alias("place"))
        )
