"""The Glue Data Catalog, kept in the store: databases, tables and their versions.

``UpdateTable`` honours ``VersionId``: the check and the change are one transaction, so that of two concurrent Iceberg
commits one is refused with ConcurrentModificationException, which Iceberg answers by trying again on the new state.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from infra.local_aws.aws_json import JsonService, Operation
from infra.local_aws.context import ACCOUNT_ID, Context
from infra.local_aws.errors import AwsError, error_detail
from infra.local_aws.glue_partitions import Partitions
from infra.local_aws.persistence import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS glue_databases (name TEXT PRIMARY KEY, definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS glue_tables (
    database_name TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, definition TEXT NOT NULL,
    PRIMARY KEY (database_name, name)
);
CREATE TABLE IF NOT EXISTS glue_table_versions (
    database_name TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, definition TEXT NOT NULL,
    PRIMARY KEY (database_name, name, version)
);
"""
PAGE_SIZE = 100
FIRST_VERSION = 0

Json = dict[str, Any]


def install(context: Context) -> None:
    """Answer the catalog's operations from the store; leave the others of Glue to what answered them so far."""
    catalog = GlueCatalog(context.store)
    operations = {**catalog.operations(), **Partitions(context.store, catalog.table).operations()}
    context.services["glue"] = JsonService(operations, fallback=context.services.get("glue", context.moto))


class GlueCatalog:
    """Databases, tables and table versions; each method is the operation of its name, request in, response out.

    Names are folded to lower case as Glue does. What is missing raises EntityNotFoundException, what is there already
    AlreadyExistsException, an incomplete request InvalidInputException.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        store.create(SCHEMA)

    def operations(self) -> dict[str, Operation]:
        """By the name that a request's target has."""
        return {
            "CreateDatabase": self.create_database,
            "GetDatabase": self.get_database,
            "GetDatabases": self.get_databases,
            "UpdateDatabase": self.update_database,
            "DeleteDatabase": self.delete_database,
            "CreateTable": self.create_table,
            "GetTable": self.get_table,
            "GetTables": self.get_tables,
            "UpdateTable": self.update_table,
            "DeleteTable": self.delete_table,
            "BatchDeleteTable": self.batch_delete_table,
            "GetTableVersion": self.get_table_version,
            "GetTableVersions": self.get_table_versions,
            "DeleteTableVersion": self.delete_table_version,
            "BatchDeleteTableVersion": self.batch_delete_table_version,
        }

    def create_database(self, request: Json) -> None:
        """CreateDatabase."""
        given = _input(request, "DatabaseInput")
        database = {**given, "CreateTime": time.time(), "CatalogId": ACCOUNT_ID}
        with self._store.transaction() as cursor:
            row = (given["Name"], json.dumps(database))
            if not cursor.execute("INSERT OR IGNORE INTO glue_databases VALUES (?, ?)", row).rowcount:
                raise AwsError("AlreadyExistsException", "Database already exists.")

    def get_database(self, request: Json) -> Json:
        """GetDatabase."""
        name = _name(request, "Name")
        rows = self._store.query("SELECT definition FROM glue_databases WHERE name = ?", (name,))
        if not rows:
            raise _database_not_found(name)
        return {"Database": json.loads(rows[0]["definition"])}

    def get_databases(self, request: Json) -> Json:
        """GetDatabases, by name."""
        rows = self._store.query("SELECT name, definition FROM glue_databases ORDER BY name")
        return _page(request, rows, "DatabaseList", lambda row: json.loads(row["definition"]))

    def update_database(self, request: Json) -> None:
        """UpdateDatabase: replace all but name and time of creation."""
        name, given = _name(request, "Name"), _input(request, "DatabaseInput")
        with self._store.transaction() as cursor:
            old = _definition(cursor, "SELECT definition FROM glue_databases WHERE name = ?", (name,))
            if old is None:
                raise _database_not_found(name)
            new = {**given, "Name": name, "CreateTime": old["CreateTime"], "CatalogId": ACCOUNT_ID}
            cursor.execute("UPDATE glue_databases SET definition = ? WHERE name = ?", (json.dumps(new), name))

    def delete_database(self, request: Json) -> None:
        """DeleteDatabase, with its tables."""
        name = _name(request, "Name")
        with self._store.transaction() as cursor:
            if not cursor.execute("DELETE FROM glue_databases WHERE name = ?", (name,)).rowcount:
                raise _database_not_found(name)
            for table in ("glue_tables", "glue_table_versions", "glue_partitions"):
                cursor.execute(f"DELETE FROM {table} WHERE database_name = ?", (name,))

    def create_table(self, request: Json) -> None:
        """CreateTable; an Iceberg table is created by its writer, OpenTableFormatInput is refused."""
        if request.get("OpenTableFormatInput"):
            raise AwsError("InvalidInputException", "the local AWS does not create Iceberg tables itself")
        database, given, now = _name(request, "DatabaseName"), _input(request, "TableInput"), time.time()
        definition = {"CreateTime": now, "UpdateTime": now, **_owned(given, database, FIRST_VERSION)}
        with self._store.transaction() as cursor:
            if _definition(cursor, "SELECT definition FROM glue_databases WHERE name = ?", (database,)) is None:
                raise _database_not_found(database)
            row = (database, given["Name"], FIRST_VERSION, json.dumps(definition))
            if not cursor.execute("INSERT OR IGNORE INTO glue_tables VALUES (?, ?, ?, ?)", row).rowcount:
                raise AwsError("AlreadyExistsException", "Table already exists.")

    def table(self, database: str, name: str) -> Json:
        """The current definition of a table."""
        rows = self._store.query(
            "SELECT definition FROM glue_tables WHERE database_name = ? AND name = ?", (database.lower(), name.lower())
        )
        if not rows:
            raise _table_not_found(name)
        definition: Json = json.loads(rows[0]["definition"])
        return definition

    def get_table(self, request: Json) -> Json:
        """GetTable."""
        return {"Table": self.table(_name(request, "DatabaseName"), _name(request, "Name"))}

    def get_tables(self, request: Json) -> Json:
        """GetTables, by name; ``Expression`` is a regular expression that the whole name matches."""
        database = _name(request, "DatabaseName")
        self.get_database({"Name": database})
        rows = self._store.query(
            "SELECT name, definition FROM glue_tables WHERE database_name = ? ORDER BY name", (database,)
        )
        if expression := request.get("Expression"):
            try:
                pattern = re.compile(expression)
            except re.error as error:
                raise AwsError("InvalidInputException", f"Invalid expression: {error}") from error
            rows = [row for row in rows if pattern.fullmatch(row["name"])]
        names_only = request.get("AttributesToGet") == ["NAME"]

        def described(row: sqlite3.Row) -> Json:
            definition: Json = json.loads(row["definition"])
            return {"Name": definition["Name"], "DatabaseName": database} if names_only else definition

        return _page(request, rows, "TableList", described)

    def update_table(self, request: Json) -> None:
        """UpdateTable: replace the definition if ``VersionId``, when given, is the current one.

        Raise ConcurrentModificationException when it is not. The old version is archived unless ``SkipArchive``.
        """
        database, given = _name(request, "DatabaseName"), _input(request, "TableInput")
        name, expected = given["Name"], request.get("VersionId")
        key = (database, name)
        with self._store.transaction() as cursor:
            old = _definition(cursor, "SELECT definition FROM glue_tables WHERE database_name = ? AND name = ?", key)
            if old is None:
                raise _table_not_found(name)
            current: str = old["VersionId"]
            if expected is not None and str(expected) != current:
                message = f"Update table failed due to concurrent modifications: version {expected} is not {current}."
                raise AwsError("ConcurrentModificationException", message)
            version = int(current) + 1
            times = {"CreateTime": old["CreateTime"], "UpdateTime": time.time()}
            new = {**times, **_owned(given, database, version)}
            if not request.get("SkipArchive"):
                row = (*key, int(current), json.dumps(old))
                cursor.execute("INSERT OR REPLACE INTO glue_table_versions VALUES (?, ?, ?, ?)", row)
            cursor.execute(
                "UPDATE glue_tables SET version = ?, definition = ? WHERE database_name = ? AND name = ?",
                (version, json.dumps(new), *key),
            )

    def delete_table(self, request: Json) -> None:
        """DeleteTable, with its versions and partitions."""
        key = (_name(request, "DatabaseName"), _name(request, "Name"))
        with self._store.transaction() as cursor:
            if not cursor.execute("DELETE FROM glue_tables WHERE database_name = ? AND name = ?", key).rowcount:
                raise _table_not_found(key[1])
            cursor.execute("DELETE FROM glue_table_versions WHERE database_name = ? AND name = ?", key)
            cursor.execute("DELETE FROM glue_partitions WHERE database_name = ? AND table_name = ?", key)

    def batch_delete_table(self, request: Json) -> Json:
        """BatchDeleteTable: the tables that were not there are the errors."""
        database = _name(request, "DatabaseName")
        errors = []
        for name in request.get("TablesToDelete", []):
            try:
                self.delete_table({"DatabaseName": database, "Name": name})
            except AwsError as error:
                errors.append({"TableName": name, "ErrorDetail": error_detail(error)})
        return {"Errors": errors}

    def get_table_version(self, request: Json) -> Json:
        """GetTableVersion; the current one without ``VersionId``."""
        versions = self._versions(request)
        wanted = request.get("VersionId", versions[0]["VersionId"])
        for definition in versions:
            if definition["VersionId"] == str(wanted):
                return {"TableVersion": {"Table": definition, "VersionId": definition["VersionId"]}}
        raise AwsError("EntityNotFoundException", f"Version {wanted} of table not found.")

    def get_table_versions(self, request: Json) -> Json:
        """GetTableVersions, newest first."""
        versions = [{"Table": version, "VersionId": version["VersionId"]} for version in self._versions(request)]
        return {"TableVersions": versions}

    def delete_table_version(self, request: Json) -> None:
        """DeleteTableVersion; the current version cannot be deleted."""
        key = (_name(request, "DatabaseName"), _name(request, "TableName"), int(request["VersionId"]))
        if self.table(key[0], key[1])["VersionId"] == str(key[2]):
            raise AwsError("InvalidInputException", "The current version of a table cannot be deleted.")
        with self._store.transaction() as cursor:
            statement = "DELETE FROM glue_table_versions WHERE database_name = ? AND name = ? AND version = ?"
            if not cursor.execute(statement, key).rowcount:
                raise AwsError("EntityNotFoundException", f"Version {key[2]} of table not found.")

    def batch_delete_table_version(self, request: Json) -> Json:
        """BatchDeleteTableVersion."""
        errors = []
        for version in request.get("VersionIds", []):
            try:
                self.delete_table_version({**request, "VersionId": version})
            except AwsError as error:
                detail = error_detail(error)
                errors.append({"TableName": request["TableName"], "VersionId": version, "ErrorDetail": detail})
        return {"Errors": errors}

    def _versions(self, request: Json) -> list[Json]:
        database, name = _name(request, "DatabaseName"), _name(request, "TableName")
        current = self.table(database, name)
        rows = self._store.query(
            "SELECT definition FROM glue_table_versions WHERE database_name = ? AND name = ? ORDER BY version DESC",
            (database, name),
        )
        return [current, *(json.loads(row["definition"]) for row in rows)]


def _owned(given: Json, database: str, version: int) -> Json:
    return {
        **given,
        "DatabaseName": database,
        "CatalogId": ACCOUNT_ID,
        "VersionId": str(version),
        "IsRegisteredWithLakeFormation": False,
    }


def _input(request: Json, member: str) -> Json:
    given = request.get(member)
    if not isinstance(given, dict) or not given.get("Name"):
        raise AwsError("InvalidInputException", f"{member} and its Name are required")
    return {**given, "Name": given["Name"].lower()}


def _name(request: Json, member: str) -> str:
    name = request.get(member)
    if not isinstance(name, str) or not name:
        raise AwsError("InvalidInputException", f"{member} is required")
    return name.lower()


def _definition(cursor: sqlite3.Cursor, statement: str, key: tuple[str, ...]) -> Json | None:
    row = cursor.execute(statement, key).fetchone()
    return json.loads(row["definition"]) if row else None


def _page(request: Json, rows: list[sqlite3.Row], member: str, described: Callable[[sqlite3.Row], Json]) -> Json:
    # The token is the last name of the page before, so that a page is right even when entries come and go between.
    limit = int(request.get("MaxResults") or PAGE_SIZE)
    try:
        after = base64.b64decode(request.get("NextToken") or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise AwsError("InvalidInputException", "The continuation token is not valid") from error
    rows = [row for row in rows if row["name"] > after]
    page: Json = {member: [described(row) for row in rows[:limit]]}
    if len(rows) > limit:
        page["NextToken"] = base64.b64encode(rows[limit - 1]["name"].encode()).decode()
    return page


def _database_not_found(name: str) -> AwsError:
    return AwsError("EntityNotFoundException", f"Database {name} not found.")


def _table_not_found(name: str) -> AwsError:
    return AwsError("EntityNotFoundException", f"Table {name} not found.")
