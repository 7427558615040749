"""Partitions of the Glue Data Catalog's Hive-style tables, kept in the store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.glue.utils import PartitionFilter

from infra.local_aws.aws_json import Operation
from infra.local_aws.context import ACCOUNT_ID
from infra.local_aws.errors import AwsError, error_detail
from infra.local_aws.persistence import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS glue_partitions (
    database_name TEXT NOT NULL, table_name TEXT NOT NULL, partition_values TEXT NOT NULL, definition TEXT NOT NULL,
    PRIMARY KEY (database_name, table_name, partition_values)
);
"""

THIS_PARTITION = "database_name = ? AND table_name = ? AND partition_values = ?"
NOT_FOUND = "Cannot find partition."

Json = dict[str, Any]


@dataclass(frozen=True)
class _FilteredPartition:
    """What moto's filter expressions ask of a partition."""

    partition_input: Json


@dataclass(frozen=True)
class _FilteredTable:
    """What moto's filter expressions ask of a table."""

    versions: dict[str, Json]


class Partitions:
    """The operations on partitions; each method is the operation of its name, request in, response out."""

    def __init__(self, store: Store, table: Callable[[str, str], Json]) -> None:
        """``table`` returns the definition of a table by database and name, or raises EntityNotFoundException."""
        self._store, self._table = store, table
        store.create(SCHEMA)

    def operations(self) -> dict[str, Operation]:
        """By the name that a request's target has."""
        return {
            "CreatePartition": self.create_partition,
            "BatchCreatePartition": self.batch_create_partition,
            "GetPartition": self.get_partition,
            "GetPartitions": self.get_partitions,
            "BatchGetPartition": self.batch_get_partition,
            "UpdatePartition": self.update_partition,
            "BatchUpdatePartition": self.batch_update_partition,
            "DeletePartition": self.delete_partition,
            "BatchDeletePartition": self.batch_delete_partition,
        }

    def create_partition(self, request: Json) -> None:
        """CreatePartition; AlreadyExistsException when there is one of the same values."""
        self._insert(request, request["PartitionInput"])

    def batch_create_partition(self, request: Json) -> Json:
        """BatchCreatePartition: those that could not be created are the errors."""
        return _each(
            request["PartitionInputList"], lambda given: given["Values"], lambda given: self._insert(request, given)
        )

    def get_partition(self, request: Json) -> Json:
        """GetPartition."""
        return {"Partition": self._find(request, request["PartitionValues"])}

    def get_partitions(self, request: Json) -> Json:
        """GetPartitions that satisfy ``Expression``, in one page."""
        database, name = self._table_name(request)
        matches = PartitionFilter(request.get("Expression"), _FilteredTable({"0": self._table(database, name)}))
        rows = self._store.query(
            "SELECT definition FROM glue_partitions WHERE database_name = ? AND table_name = ? ORDER BY rowid",
            (database, name),
        )
        found = [json.loads(row["definition"]) for row in rows]
        try:
            return {"Partitions": [one for one in found if matches(_FilteredPartition(one))]}
        except JsonRESTError as error:
            raise AwsError("InvalidInputException", str(error.message)) from error

    def batch_get_partition(self, request: Json) -> Json:
        """BatchGetPartition: those that are there."""
        found = []
        for wanted in request["PartitionsToGet"]:
            try:
                found.append(self._find(request, wanted["Values"]))
            except AwsError as error:
                if error.message != NOT_FOUND:
                    raise
        return {"Partitions": found}

    def update_partition(self, request: Json) -> None:
        """UpdatePartition; its values may change."""
        self._replace(request, request["PartitionValueList"], request["PartitionInput"])

    def batch_update_partition(self, request: Json) -> Json:
        """BatchUpdatePartition: those that could not be updated are the errors."""
        errors = []
        for entry in request["Entries"]:
            try:
                self._replace(request, entry["PartitionValueList"], entry["PartitionInput"])
            except AwsError as error:
                errors.append({"PartitionValueList": entry["PartitionValueList"], "ErrorDetail": error_detail(error)})
        return {"Errors": errors}

    def delete_partition(self, request: Json) -> None:
        """DeletePartition."""
        self._delete(request, request["PartitionValues"])

    def batch_delete_partition(self, request: Json) -> Json:
        """BatchDeletePartition: those that were not there are the errors."""
        return _each(
            request["PartitionsToDelete"], lambda one: one["Values"], lambda one: self._delete(request, one["Values"])
        )

    def _table_name(self, request: Json) -> tuple[str, str]:
        table = self._table(request["DatabaseName"], request["TableName"])
        return table["DatabaseName"], table["Name"]

    def _find(self, request: Json, values: list[str]) -> Json:
        key = (*self._table_name(request), json.dumps(values))
        rows = self._store.query(f"SELECT definition FROM glue_partitions WHERE {THIS_PARTITION}", key)
        if not rows:
            raise AwsError("EntityNotFoundException", NOT_FOUND)
        partition: Json = json.loads(rows[0]["definition"])
        return partition

    def _insert(self, request: Json, given: Json) -> None:
        database, name = self._table_name(request)
        owner = {"DatabaseName": database, "TableName": name, "CatalogId": ACCOUNT_ID, "CreationTime": time.time()}
        row = (database, name, json.dumps(given["Values"]), json.dumps({**given, **owner}))
        with self._store.transaction() as cursor:
            if not cursor.execute("INSERT OR IGNORE INTO glue_partitions VALUES (?, ?, ?, ?)", row).rowcount:
                raise AwsError("AlreadyExistsException", "Partition already exists.")

    def _replace(self, request: Json, values: list[str], given: Json) -> None:
        with self._store.transaction():
            self._delete(request, values)
            self._insert(request, given)

    def _delete(self, request: Json, values: list[str]) -> None:
        key = (*self._table_name(request), json.dumps(values))
        with self._store.transaction() as cursor:
            if not cursor.execute(f"DELETE FROM glue_partitions WHERE {THIS_PARTITION}", key).rowcount:
                raise AwsError("EntityNotFoundException", NOT_FOUND)


def _each(entries: list[Json], values: Callable[[Json], list[str]], action: Callable[[Json], None]) -> Json:
    errors = []
    for entry in entries:
        try:
            action(entry)
        except AwsError as error:
            errors.append({"PartitionValues": values(entry), "ErrorDetail": error_detail(error)})
    return {"Errors": errors}
