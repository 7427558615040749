"""One batch's gold tables, from silver's changes to what is exported: which way a table is computed, and written.

    few      the touched keys, the rows under them and those that are there come to the driver, which finds what differs
             and commits just that
    many     the same in Spark, by MERGE
    whole    of a table of which much is touched all rows are computed and written: cheaper than to tell which differ

All ways leave the same rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import extents, gold, tables, touched
from lakehouse.batches import Batch
from lakehouse.contract import GoldContract, Registry
from lakehouse.data_files import FILE, POSITION, DataFileWriter, Written
from lakehouse.export import Export, Exported
from lakehouse.extents import are_few
from lakehouse.lake import Lake
from lakehouse.lake.changing import differing
from lakehouse.touched import Keys
from lakehouse.warehouse import ExportedTable

# Changed rows for each row of the datasets that a table is computed from, from which on it is computed as a whole. To
# find the touched keys and what differs costs far more for each row: of a lake of 8.5 million, a sixth took 14 minutes
# where all 12 million of a larger one took 4, on a machine as busy.
WHOLE = 1 / 10
_TOLD = pa.schema({"written": pa.string(), "exported": pa.string()})


class GoldTables:
    """The gold tables that a batch concerns, and the changes of silver that it has made."""

    def __init__(self, lake: Lake, registry: Registry, batch: Batch, export: Export) -> None:
        self._lake, self._batch, self._export = lake, batch, export
        # Rows that waited for what arrived may have entered silver too.
        self._arrived = {contract.dataset for contract in registry.affected(batch.datasets)}
        domains = {registry.sources[name].domain for name in self._arrived}
        # Facts may point at the unknown member of a dimension of which nothing has arrived yet.
        self._contracts = [
            contract
            for contract in registry.gold.values()
            if self._arrived & set(contract.datasets) or (contract.unknown_member and contract.domain in domains)
        ]
        self._silver: dict[str, DataFrame]
        self._counts: Mapping[str, Mapping[str, int]]
        self._changes: Mapping[str, DataFrame]
        self._sources = {name: registry.sources[name] for contract in self._contracts for name in contract.datasets}

    def build(self) -> list[ExportedTable]:
        """Bring the tables to what silver says now, several at once; what has been exported of those that were touched.

        The proof counts all of them, even when every row was refused: empty is a figure, missing is none.
        """
        lake = self._lake
        lake.ensure(table for source in self._sources.values() for table in tables.of_source(source))
        lake.ensure(tables.gold_table(contract) for contract in self._contracts)
        self._silver = {name: lake.read(tables.silver_table(source)) for name, source in self._sources.items()}
        versioned = {name for contract in self._contracts for name in contract.versioned}
        self._silver |= {gold.versions_of(name): lake.read_versions(self._sources[name]) for name in versioned}
        self._counts, self._changes = {}, {}
        if self._batch.kind != "rebuild":
            names = sorted(self._arrived & self._sources.keys())
            arrived = lake.rows_accepted(self._batch.batch_id)
            found = lake.side_by_side(lambda name: self._found(name, if_few=are_few(arrived.get(name, 0))), names)
            self._counts = {name: counts for name, (counts, _) in zip(names, found, strict=True)}
            self._changes = {name: rows for name, (counts, rows) in zip(names, found, strict=True) if counts}
        built = lake.side_by_side(self._build, self._contracts)
        return [table for table in built if table is not None]

    def _build(self, contract: GoldContract) -> ExportedTable | None:
        if self._batch.kind == "rebuild" or self._is_much_touched(contract):
            return self._build_whole(contract)
        keys = self._touched(contract)
        if keys is None:
            return None
        few = self._lake.few(keys, is_narrow=True) if self._are_few else None
        if few is None:
            return self._build_many(contract, keys)
        if not few.num_rows or self._is_only_unknown(contract, few):
            return None
        return self._build_few(contract, few)

    def _build_whole(self, contract: GoldContract) -> ExportedTable:
        """Each row is written twice by the task that has computed it: into the table and for the warehouse."""
        table = tables.gold_table(contract)
        if self._batch.is_rebuild_given_up:
            # The warehouse gets what is there.
            return self._export.write(contract, None, self._lake.read(table), self._committed_at(contract))
        destination, sink = self._lake.destination(table), self._export.sink(contract)

        def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            writer, parts = DataFileWriter(destination), sink.open()
            for batch in batches:
                for part in parts:
                    part.add(batch)
                yield from map(_of_table, writer.add(batch))
            yield from map(_of_table, writer.close())
            for part in parts:
                yield from map(_of_export, part.upload())

        rows = gold.compute(contract, None, self._silver)
        found = rows.mapInArrow(write, "written string, exported string").collect()
        self._lake.replace(table, [Written.of(row.written) for row in found if row.written])
        exported = [Exported.of(row.exported) for row in found if row.exported]
        return self._export.table(contract, exported, self._committed_at(contract), is_whole=True)

    def _build_few(self, contract: GoldContract, few: pa.Table) -> ExportedTable | None:
        table = tables.gold_table(contract)
        types = {name: contract.column(name).type.spark for name in contract.recompute_by}
        keys = Keys(self._lake.frame(few, tuple(types.items())), extents.of_few(few, types))
        since = self._lake.snapshot_id(table)
        there = self._lake.read(table).select(*table.column_names, FILE, POSITION)
        nowhere = {FILE: F.lit(None).cast("string"), POSITION: F.lit(None).cast("bigint")}
        wanted = gold.compute(contract, keys, self._silver).withColumns(nowhere)
        # In one query: what Spark does for each costs more than a few rows do.
        both = self._lake.few(touched.under(keys, there, contract).unionByName(wanted), is_narrow=_is_narrow(contract))
        if both is None:
            return self._build_many(contract, keys.rows)
        is_there = both[FILE].is_valid()
        existing, computed = both.filter(is_there), both.filter(pc.invert(is_there)).drop_columns([FILE, POSITION])
        added, removed = differing(computed, existing, table.column_names)
        self._lake.change(table, since, self._lake.write(table, computed.take(added)), existing.take(removed))
        return self._export.write_few(contract, few, computed, self._committed_at(contract))

    def _build_many(self, contract: GoldContract, touched_keys: DataFrame) -> ExportedTable | None:
        table = tables.gold_table(contract)
        keys = touched.measured(contract, self._lake.pin(touched_keys))
        if keys is None:
            return None
        computed = gold.compute(contract, keys, self._silver)
        difference = gold.difference(contract, keys, computed, self._lake.read(table))
        self._lake.merge_gold(contract, self._lake.pin(difference), keys)
        rows = touched.under(keys, self._lake.read(table), contract)
        return self._export.write(contract, keys, rows, self._committed_at(contract))

    def _touched(self, contract: GoldContract) -> DataFrame | None:
        keys = touched.touched(contract, self._changes, self._silver, compared=self._compared, are_few=self._are_few)
        if not contract.unknown_member:
            return keys
        unknown = gold.unknown_key(contract, self._lake.spark)
        return unknown if keys is None else keys.unionByName(unknown)

    def _is_only_unknown(self, contract: GoldContract, few: pa.Table) -> bool:
        """Whether no other key is touched than that of the unknown member, and it need not be written.

        It is until another member has come, not only while there is none: a try that was killed may have written it.
        """
        is_there = self._lake.row_count(tables.gold_table(contract)) > 1
        return bool(contract.unknown_member) and few.num_rows == 1 and is_there

    def _is_much_touched(self, contract: GoldContract) -> bool:
        moved = sum(self._moved(name) for name in contract.datasets)
        there = sum(self._lake.row_count(tables.silver_table(self._sources[name])) for name in contract.datasets)
        return not are_few(moved) and moved >= there * WHOLE

    def _committed_at(self, contract: GoldContract) -> str:
        return self._lake.committed_at(tables.gold_table(contract))

    @property
    def _are_few(self) -> bool:
        return are_few(sum(map(self._moved, self._counts)))

    def _moved(self, dataset: str) -> int:
        """How many changes of a dataset there are."""
        return sum(self._counts.get(dataset, {}).values())

    def _found(self, dataset: str, *, if_few: bool) -> tuple[Mapping[str, int], DataFrame]:
        """How many changes of each kind a dataset has, and these."""
        changes = self._lake.read_changes(self._sources[dataset], self._batch.batch_id)
        if if_few and (few := self._lake.few(changes)) is not None:
            return Counter(few["_change"].to_pylist()), self._lake.frame(few, changes)
        counts = {row["_change"]: row["count"] for row in changes.groupBy("_change").count().collect()}
        return counts, self._lake.settled(changes, if_few=are_few(sum(counts.values())))[0] if counts else changes

    @property
    def _compared(self) -> set[str]:
        """Datasets of which rows may be among the changes as they were and as they are."""
        both = {tables.OLD, tables.NEW}
        return set() if self._batch.narrowed else {name for name, of in self._counts.items() if both <= of.keys()}


def _is_narrow(contract: GoldContract) -> bool:
    """Whether the contract bounds its rows: nothing but text is longer than 16 bytes."""
    return sum(column.type.length or 16 for column in contract.columns) <= extents.NARROW_BYTES


def _of_table(file: Written) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"written": file.told(), "exported": None}], _TOLD)


def _of_export(file: Exported) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"written": None, "exported": file.told()}], _TOLD)
