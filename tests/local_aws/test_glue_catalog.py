"""The Glue Data Catalog: databases, tables, versions, partitions, and commits that compete."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException

from tests.support.local_aws_process import CREDENTIALS, REGION, LocalAwsProcess

WRITERS = 2
COMMITS_PER_WRITER = 5
_names = itertools.count(1)


@pytest.fixture(scope="module")
def glue(local_aws: LocalAwsProcess) -> Any:
    return local_aws.client("glue", retries={"total_max_attempts": 1})


@pytest.fixture
def database(glue: Any) -> str:
    name = f"database_{next(_names)}"
    glue.create_database(DatabaseInput={"Name": name, "Description": "first"})
    return name


def table_input(name: str, **parameters: str) -> dict[str, Any]:
    columns = [{"Name": "id", "Type": "bigint"}]
    return {"Name": name, "StorageDescriptor": {"Columns": columns}, "Parameters": parameters}


def code_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def test_databases(glue: Any, database: str) -> None:
    assert glue.get_database(Name=database.upper())["Database"]["Description"] == "first"
    glue.update_database(Name=database, DatabaseInput={"Name": database, "Description": "second"})
    found = {entry["Name"]: entry for entry in glue.get_databases()["DatabaseList"]}
    assert found[database]["Description"] == "second"
    assert code_of(glue.create_database, DatabaseInput={"Name": database}) == "AlreadyExistsException"
    glue.create_table(DatabaseName=database, TableInput=table_input("t"))
    glue.delete_database(Name=database)
    for call, arguments in [
        (glue.get_database, {"Name": database}),
        (glue.get_tables, {"DatabaseName": database}),
        (glue.get_table, {"DatabaseName": database, "Name": "t"}),
        (glue.create_table, {"DatabaseName": database, "TableInput": table_input("t")}),
        (glue.delete_database, {"Name": database}),
    ]:
        assert code_of(call, **arguments) == "EntityNotFoundException"


def test_tables_are_listed_in_pages(glue: Any, database: str) -> None:
    names = [f"t{number}" for number in range(5)]
    for name in reversed(names):
        glue.create_table(DatabaseName=database, TableInput=table_input(name))
    pages = list(glue.get_paginator("get_tables").paginate(DatabaseName=database, PaginationConfig={"PageSize": 2}))
    assert [len(page["TableList"]) for page in pages] == [2, 2, 1]
    assert [table["Name"] for page in pages for table in page["TableList"]] == names
    matching = glue.get_tables(DatabaseName=database, Expression="t[12]")["TableList"]
    assert [table["Name"] for table in matching] == ["t1", "t2"]
    assert code_of(glue.create_table, DatabaseName=database, TableInput=table_input("T0")) == "AlreadyExistsException"
    deleted = glue.batch_delete_table(DatabaseName=database, TablesToDelete=["t0", "absent"])
    assert [error["TableName"] for error in deleted["Errors"]] == ["absent"]
    glue.delete_table(DatabaseName=database, Name="t1")
    assert code_of(glue.delete_table, DatabaseName=database, Name="t1") == "EntityNotFoundException"


def test_an_update_against_an_old_version_is_refused(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input("t", state="0"))
    table = {"DatabaseName": database, "Name": "t"}
    read = glue.get_table(**table)["Table"]
    update = {"DatabaseName": database, "VersionId": read["VersionId"]}
    glue.update_table(**update, TableInput=table_input("t", state="1"))
    stale = code_of(glue.update_table, **update, TableInput=table_input("t", state="lost"))
    assert stale == "ConcurrentModificationException"
    now = glue.get_table(**table)["Table"]
    assert now["Parameters"] == {"state": "1"}
    assert int(now["VersionId"]) == int(read["VersionId"]) + 1
    assert now["CreateTime"] == read["CreateTime"]
    assert now["UpdateTime"] > read["UpdateTime"]


def test_of_many_updates_of_one_version_one_wins(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input("t"))
    version = glue.get_table(DatabaseName=database, Name="t")["Table"]["VersionId"]

    def attempt(number: int) -> str | None:
        try:
            given = table_input("t", winner=str(number))
            glue.update_table(DatabaseName=database, TableInput=given, VersionId=version)
        except glue.exceptions.ConcurrentModificationException:
            return None
        return str(number)

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(attempt, range(24)) if number is not None]
    assert [glue.get_table(DatabaseName=database, Name="t")["Table"]["Parameters"]["winner"]] == winners


def test_versions_are_archived_unless_skipped(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input("t", state="0"))
    glue.update_table(DatabaseName=database, TableInput=table_input("t", state="1"))
    glue.update_table(DatabaseName=database, TableInput=table_input("t", state="2"), SkipArchive=True)
    where = {"DatabaseName": database, "TableName": "t"}
    versions = glue.get_table_versions(**where)["TableVersions"]
    assert [(one["VersionId"], one["Table"]["Parameters"]["state"]) for one in versions] == [("2", "2"), ("0", "0")]
    assert glue.get_table_version(**where, VersionId="0")["TableVersion"]["Table"]["Parameters"] == {"state": "0"}
    glue.delete_table_version(**where, VersionId="0")
    assert code_of(glue.get_table_version, **where, VersionId="0") == "EntityNotFoundException"
    assert code_of(glue.delete_table_version, **where, VersionId="2") == "InvalidInputException"


def test_partitions(glue: Any, database: str) -> None:
    given = {**table_input("t"), "PartitionKeys": [{"Name": "day", "Type": "string"}, {"Name": "n", "Type": "int"}]}
    glue.create_table(DatabaseName=database, TableInput=given)
    where = {"DatabaseName": database, "TableName": "t"}

    def one(day: str, number: int, location: str = "s3://b/") -> dict[str, Any]:
        return {"Values": [day, str(number)], "StorageDescriptor": {"Location": location}}

    glue.create_partition(**where, PartitionInput=one("2026-01-01", 1))
    batch = [one("2026-01-01", 1), one("2026-01-01", 2), one("2026-01-02", 3)]
    errors = glue.batch_create_partition(**where, PartitionInputList=batch)["Errors"]
    assert [error["PartitionValues"] for error in errors] == [["2026-01-01", "1"]]
    found = glue.get_partitions(**where, Expression="day = '2026-01-01' AND n > 1")["Partitions"]
    assert [partition["Values"] for partition in found] == [["2026-01-01", "2"]]
    glue.update_partition(
        **where, PartitionValueList=["2026-01-02", "3"], PartitionInput=one("2026-01-02", 3, "s3://c/")
    )
    moved = glue.get_partition(**where, PartitionValues=["2026-01-02", "3"])["Partition"]
    assert moved["StorageDescriptor"]["Location"] == "s3://c/"
    glue.delete_partition(**where, PartitionValues=["2026-01-02", "3"])
    wanted = [{"Values": ["2026-01-02", "3"]}, {"Values": ["2026-01-01", "2"]}]
    there = glue.batch_get_partition(**where, PartitionsToGet=wanted)["Partitions"]
    assert [partition["Values"] for partition in there] == [["2026-01-01", "2"]]
    assert len(glue.get_partitions(**where)["Partitions"]) == 2


def test_concurrent_iceberg_commits_lose_nothing(
    local_aws: LocalAwsProcess, s3: Any, bucket: str, database: str
) -> None:
    """Writers that append at the same time: a refused commit is tried again, and every row is there in the end."""
    everybody_has_read = threading.Barrier(WRITERS, timeout=60)
    statuses: list[int] = []

    def catalog(competes: bool) -> GlueCatalog:
        properties = {
            "glue.endpoint": local_aws.endpoint, "s3.endpoint": local_aws.endpoint, "client.region": REGION,
            "client.access-key-id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "client.secret-access-key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        }  # fmt: skip
        found = GlueCatalog("local", **properties)
        first = iter([True])

        def meet(**_: Any) -> None:
            # Before its first update each writer waits until the others have read the same version too.
            if next(first, False):
                everybody_has_read.wait()

        def record(http_response: Any, **_: Any) -> None:
            statuses.append(http_response.status_code)

        if competes:
            found.glue.meta.events.register("before-call.glue.UpdateTable", meet)
            found.glue.meta.events.register("after-call.glue.UpdateTable", record)
        return found

    schema = pa.schema([("writer", pa.int64()), ("commit", pa.int64())])
    table = f"{database}.appended"
    catalog(False).create_table(table, schema, location=f"s3://{bucket}/appended")

    def write(writer: int) -> None:
        mine = catalog(True).load_table(table)
        for commit in range(COMMITS_PER_WRITER):
            rows = pa.Table.from_pylist([{"writer": writer, "commit": commit}], schema)
            while True:
                try:
                    mine.append(rows)
                    break
                except CommitFailedException:
                    mine = mine.refresh()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    found = catalog(False).load_table(table).scan().to_arrow().to_pylist()
    expected = [(writer, commit) for writer in range(WRITERS) for commit in range(COMMITS_PER_WRITER)]
    assert sorted((row["writer"], row["commit"]) for row in found) == expected
    assert statuses.count(200) == len(expected)
    assert statuses.count(400) >= 1, "no update was refused, so nothing was proved"
