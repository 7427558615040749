"""Keeps the lake's tables small and quick, and changes no row of them that anybody reads.

What a table goes through, in this order; each step is one or a few Iceberg commits, and may be killed and repeated:

    forgetting   what moved in silver is read by gold of the same batch only: when that is finished, its record goes
    compaction   many small data files become few of a useful size, many manifests one
    the check    every snapshot that compaction made holds as many rows as the one before it
    expiry       snapshots that nobody can be reading any more go, with the files that only they needed
    orphans      files in the table's folder that no snapshot names go, when they are old

Batches may be under way meanwhile. Iceberg lets one of two that rewrite the same file win and refuses the other: a
compaction that loses is left for the next run, a station that loses is tried again by Airflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import batches, tables
from lakehouse.lake import Lake
from lakehouse.lake.conflicts import causes, is_conflict
from lakehouse.leftovers import Leftovers, Retention
from lakehouse.tables import CATALOG, WAREHOUSE

# Most merges rewrite whole files: larger ones would make every batch that touches a few keys slower.
TARGET_FILE_BYTES = 128 << 20
# Fewer small files, or manifests, than these are not worth a rewrite.
MIN_FILES = 5
_PLAN = {
    "target-file-size-bytes": str(TARGET_FILE_BYTES),
    "min-input-files": str(MIN_FILES),
    # Merges into partitioned tables note which rows of a file are deleted, in one file of notes for each. Few of them
    # cost a reader little; to take them out of every file every night would write all of a table that is changed here
    # and there. Other engines may leave several files of notes for one.
    "delete-ratio-threshold": "0.1",
    "delete-file-threshold": "2",
}
_COMMITS = {
    # A large table is rewritten in several commits, so that one conflict does not undo them all.
    "partial-progress.enabled": "true",
    # Iceberg takes a note to be of use as long as data is as old: files that count as of the run's beginning would be.
    "use-starting-sequence-number": "false",
}
# Columns that name the batch of a row, in the tables of which a batch replaces its own rows.
_BATCH_COLUMNS = ("_batch_id", "batch_id")
# Names the batch that recorded a change, in the tables of changes alone.
_CHANGED_BY = "_changed_by"


class MaintenanceError(Exception):
    """Tables that could not be maintained, or would have changed; the message names each and says why."""


class CompactionError(Exception):
    """Files could not be rewritten."""


class RowsChangedError(CompactionError):
    """A compaction made a snapshot with another number of rows than the one before it, which is still there."""


@dataclass(frozen=True)
class Size:
    """What the current snapshot of a table holds, and how many snapshots there are."""

    rows: int = 0
    files: int = 0
    bytes: int = 0
    snapshots: int = 0


@dataclass(frozen=True)
class TableReport:
    """What was done to one table. `postponed` and `failed` say why not everything was."""

    table: str
    before: Size
    after: Size
    orphans_removed: int = 0
    postponed: str | None = None
    failed: str | None = None


def report(started_at: datetime, cleaned: Sequence[TableReport], leftovers: Leftovers) -> dict[str, Any]:
    """What a run did, for JSON: sums, then table by table."""
    sums = {
        name: {when: sum(getattr(getattr(item, when), name) for item in cleaned) for when in ("before", "after")}
        for name in ("rows", "files", "bytes", "snapshots")
    }
    return {
        "started_at": started_at.isoformat(),
        "tables": len(cleaned),
        **sums,
        "orphans_removed": sum(item.orphans_removed for item in cleaned),
        **asdict(leftovers),
        "postponed": {item.table: item.postponed for item in cleaned if item.postponed},
        "failed": {item.table: item.failed for item in cleaned if item.failed},
        "by_table": [asdict(item) for item in cleaned],
    }


def require(cleaned: Sequence[TableReport]) -> None:
    """Raises MaintenanceError naming every table that failed."""
    if failed := [f"{item.table}: {item.failed}" for item in cleaned if item.failed]:
        raise MaintenanceError("not maintained:\n" + "\n".join(failed))


def owned_tables(glue: Any, bucket: str) -> list[str]:
    """`database.table` of every Iceberg table that lies in the lake, whether a contract still names it or not."""
    return sorted(
        f"{database['Name']}.{table['Name']}"
        for page in glue.get_paginator("get_databases").paginate()
        for database in page["DatabaseList"]
        for listed in glue.get_paginator("get_tables").paginate(DatabaseName=database["Name"])
        for table in listed["TableList"]
        if table.get("Parameters", {}).get("table_type", "").upper() == "ICEBERG"
        and table.get("StorageDescriptor", {}).get("Location", "").startswith(f"s3://{bucket}/{WAREHOUSE}")
    )


class Maintenance:
    """One run over the tables of one lake. `now` is the instant from which retentions count, in UTC."""

    def __init__(self, lake: Lake, s3: Any, bucket: str, now: datetime, retention: Retention) -> None:
        self._lake, self._s3, self._bucket, self._now, self._retention = lake, s3, bucket, now, retention
        self._jvm = cast("Any", lake.spark._jvm)
        self._session: Any = lake.spark._jsparkSession
        self._iceberg = self._jvm.org.apache.iceberg

    def clean_tables(self, names: Sequence[str]) -> list[TableReport]:
        """Maintain tables (`database.table`), several at once. One that fails does not keep the others from it."""
        finished = self._last_finished_batch()
        return self._lake.side_by_side(lambda name: self._clean(name, finished), names)

    @property
    def _actions(self) -> Any:
        """Iceberg's actions. They work in threads of their own, which take over this thread's session; ours are new."""
        self._jvm.org.apache.spark.sql.SparkSession.setActiveSession(self._session)
        return self._iceberg.spark.actions.SparkActions.get(self._session)

    def _clean(self, name: str, finished: int) -> TableReport:
        table = self.load(name)
        start, before = _current_id(table), self._size(table, name)
        orphans_removed, postponed, failed = 0, None, None
        try:
            try:
                self.forget_changes(table, name, finished)
                postponed = self.compact(table, finished)
            except Py4JJavaError as error:
                if not is_conflict(error):
                    raise
                postponed = _reason(error)
            self.require_same_rows(table, name, start)
            self.expire_snapshots(table)
            orphans_removed = self.remove_orphans(table)
        except (Py4JJavaError, PySparkException, CompactionError) as error:
            failed = _reason(error)
        table.refresh()
        return TableReport(name, before, self._size(table, name), orphans_removed, postponed, failed)

    def load(self, name: str) -> Any:
        """Iceberg's handle of a table as it is now."""
        return self._iceberg.spark.Spark3Util.loadIcebergTable(self._session, _identifier(name))

    def forget_changes(self, table: Any, name: str, finished: int) -> None:
        """Delete what batches up to `finished` have recorded of their changes (`tables.changes_table`)."""
        if table.currentSnapshot() is None or table.schema().findField(_CHANGED_BY) is None:
            return
        is_done = F.col(_CHANGED_BY) <= finished
        if not self._lake.spark.table(_identifier(name)).where(is_done).isEmpty():
            self._lake.spark.sql(f"DELETE FROM {_identifier(name)} WHERE {_CHANGED_BY} <= {finished:d}")
            table.refresh()

    def compact(self, table: Any, finished: int) -> str | None:
        """Rewrite small files into few, and merge manifests. Returns what lost to a batch, None when nothing did.

        A batch that is not finished may have to replace its rows, for which a file that they share with those of others
        has to be split (`lake.splitting`). So files that hold only rows of batches after `finished` are left alone.
        """
        if table.currentSnapshot() is None:
            return None
        expressions = self._iceberg.expressions.Expressions
        wanted = expressions.alwaysTrue()
        for column in _BATCH_COLUMNS:
            if table.schema().findField(column) is not None:
                wanted = expressions.lessThanOrEqual(column, finished)
        planner = self._iceberg.actions.BinPackRewriteFilePlanner(table, wanted)
        planner.init(_PLAN)
        planned = planner.plan().totalGroupCount()
        if planned:
            result = self._actions.rewriteDataFiles(table).options({**_PLAN, **_COMMITS}).filter(wanted).execute()
            if result.failedDataFilesCount():
                raise CompactionError(
                    f"{result.failedDataFilesCount()} files could not be rewritten; see the job's log"
                )
            # With partial progress a commit that is refused is no error, only missing among the results.
            if lost := planned - len(list(result.rewriteResults())):
                return f"{lost} of {planned} groups of files were changed by a batch meanwhile"
        table.refresh()
        if _has_notes(table):
            # Also those that a run left that was killed when it had rewritten their files.
            self._actions.removeDanglingDeleteFiles(table).execute()
            table.refresh()
        if table.currentSnapshot().allManifests(table.io()).size() >= MIN_FILES:
            self._actions.rewriteManifests(table).execute()
        return None

    def require_same_rows(self, table: Any, name: str, start: int | None) -> None:
        """Raises RowsChangedError if one of the snapshots since `start` replaced files and changed the number of rows.

        Counted for each snapshot and the one before it, from the files' metadata where they know: batches may have
        committed between.
        """
        table.refresh()
        snapshot = table.currentSnapshot()
        while snapshot is not None and snapshot.snapshotId() != start:
            parent = table.snapshot(snapshot.parentId()) if snapshot.parentId() is not None else None
            if parent is not None and snapshot.operation() == "replace":
                was, is_now = (self._count(name, version.snapshotId()) for version in (parent, snapshot))
                if was != is_now:
                    raise RowsChangedError(
                        f"compaction made {is_now:,} rows of {was:,} in snapshot {snapshot.snapshotId()}; go back "
                        f"with CALL {CATALOG}.system.rollback_to_snapshot('{name}', {parent.snapshotId()})"
                    )
            snapshot = parent

    def expire_snapshots(self, table: Any) -> None:
        """Let go of the snapshots that another one replaced before the retention began.

        Their own age says nothing: the snapshot of a table that rests for weeks is old, and read until this minute. So
        the one that was current when the retention began stays, with all that came after it.
        """
        table.refresh()
        begin = _milliseconds(self._now - self._retention.snapshots)
        for entry in reversed(list(table.history())):
            if entry.timestampMillis() <= begin:
                kept_since = table.snapshot(entry.snapshotId()).timestampMillis()
                if any(snapshot.timestampMillis() < kept_since for snapshot in table.snapshots()):
                    self._actions.expireSnapshots(table).expireOlderThan(kept_since).execute()
                return

    def remove_orphans(self, table: Any) -> int:
        """Remove old files of the table's folder that no snapshot names; returns how many."""
        table.refresh()
        removal = self._actions.deleteOrphanFiles(table).olderThan(_milliseconds(self._now - self._retention.orphans))
        # S3 is listed through Iceberg's own client; there need not be a Hadoop file system for it.
        return len(list(removal.usePrefixListing(True).execute().orphanFileLocations()))

    def _last_finished_batch(self) -> int:
        """Only the greatest batch can be unfinished; one that the ledger does not know yet is greater still."""
        if not self._lake.spark.catalog.tableExists(tables.batches.identifier):
            return 0
        row = self._lake.read(tables.batches).agg(F.max("batch_id").alias("last")).first()
        last = (row and row["last"]) or 0
        return last if last and batches.is_finished(self._s3, self._bucket, last) else last - 1

    def _size(self, table: Any, name: str) -> Size:
        """Size of a table's current snapshot, from its summary, which does not know of how many rows notes are left
        whose files are gone."""
        if (snapshot := table.currentSnapshot()) is None:
            return Size()
        summary = snapshot.summary()
        rows, files, size = (int(summary[f"total-{what}"]) for what in ("records", "data-files", "files-size"))
        if _has_notes(table):
            rows = self._count(name, snapshot.snapshotId())
        return Size(rows, files, size, len(list(table.snapshots())))

    def _count(self, name: str, snapshot_id: int) -> int:
        return self._lake.spark.read.option("versionAsOf", snapshot_id).table(_identifier(name)).count()


def _has_notes(table: Any) -> bool:
    """Whether there are files that say which rows of others are deleted."""
    return int(table.currentSnapshot().summary()["total-delete-files"]) > 0


def _current_id(table: Any) -> int | None:
    snapshot = table.currentSnapshot()
    return None if snapshot is None else int(snapshot.snapshotId())


def _identifier(name: str) -> str:
    database, _, table = name.partition(".")
    return f"{CATALOG}.`{database}`.`{table}`"


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _reason(error: Exception) -> str:
    """The first line of what went wrong, without Java's stack."""
    text = str(list(causes(error))[-1].toString()) if isinstance(error, Py4JJavaError) else str(error)
    return text.partition("\n")[0]
