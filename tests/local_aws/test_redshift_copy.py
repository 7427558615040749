"""COPY of Parquet: by position, exact, all or nothing."""

from __future__ import annotations

import datetime
import io
import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.local_aws_process import LocalAwsProcess
from tests.support.redshift_data import RedshiftData, StatementFailedError

ROLE = "IAM_ROLE 'arn:aws:iam::123456789012:role/loader'"
OPTIONS = f"{ROLE} FORMAT AS PARQUET"
COLUMNS = (
    "id BIGINT NOT NULL, name VARCHAR(5), price DECIMAL(10,2), day DATE, at TIMESTAMP, is_new BOOLEAN,"
    " weight DOUBLE PRECISION, small SMALLINT, whole INTEGER"
)
SCHEMA = pa.schema(
    [
        ("any", pa.int64()),
        ("names", pa.string()),
        ("will", pa.decimal128(10, 2)),
        ("do", pa.date32()),
        ("since", pa.timestamp("us")),
        ("position", pa.bool_()),
        ("counts", pa.float64()),
        ("not", pa.int16()),
        ("name", pa.int32()),
    ]
)
DAY, AT = datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, 5)
ROW = (1, "né", Decimal("1.50"), DAY, AT, True, 2.5, 7, 8)
_names = itertools.count(1)


@pytest.fixture(scope="module")
def redshift(local_aws: LocalAwsProcess) -> RedshiftData:
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName="copy")
    serverless.create_workgroup(workgroupName="copy", namespaceName="copy")
    return RedshiftData(local_aws.client("redshift-data"), "copy")


@pytest.fixture
def target(redshift: RedshiftData) -> Iterator[str]:
    """A new table with a column of each type."""
    name = f"copied_{next(_names)}"
    redshift.run(f"CREATE TABLE {name} ({COLUMNS})")
    yield name
    redshift.run(f"DROP TABLE {name}")


class Lake:
    """Puts Parquet files and manifests into one bucket."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, rows: list[tuple[Any, ...]], schema: pa.Schema = SCHEMA) -> int:
        """Write a file; its length in bytes."""
        columns = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), buffer)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=buffer.getvalue())
        return len(buffer.getvalue())

    def manifest(self, *entries: dict[str, Any]) -> str:
        """Write a manifest; its URL."""
        body = json.dumps({"entries": list(entries)}).encode()
        self.s3.put_object(Bucket=self.bucket, Key="manifest.json", Body=body)
        return self.url("manifest.json")

    def entry(self, key: str, length: int | None, *, mandatory: bool = True) -> dict[str, Any]:
        """One entry of a manifest."""
        meta = {} if length is None else {"meta": {"content_length": length}}
        return {"url": self.url(key), "mandatory": mandatory, **meta}


@pytest.fixture
def lake(s3: Any, bucket: str) -> Lake:
    return Lake(s3, bucket)


def changed(position: int, value: Any) -> tuple[Any, ...]:
    """ROW with another value at one position."""
    return (*ROW[:position], value, *ROW[position + 1 :])


def retyped(position: int, data_type: pa.DataType) -> pa.Schema:
    """SCHEMA with another type at one position."""
    return SCHEMA.set(position, pa.field(SCHEMA.names[position], data_type))


def test_columns_go_by_position_and_types_are_kept(redshift: RedshiftData, lake: Lake, target: str) -> None:
    lake.put("data/part-0.parquet", [ROW])
    lake.put("data/part-1.parquet", [(2, *[None] * 8)])
    described = redshift.finish(redshift.start(f"COPY {target} FROM '{lake.url('data/')}' {OPTIONS}"))
    assert described["ResultRows"] == 2
    assert redshift.run(f"SELECT * FROM {target} ORDER BY id") == [
        (1, "né", "1.50", "2026-01-02", "2026-01-02 03:04:05", True, 2.5, 7, 8),
        (2, *[None] * 8),
    ]
    loads = "SELECT source_file_count, loaded_rows FROM sys_load_history WHERE table_name = :name"
    assert redshift.run(loads, Parameters=[{"name": "name", "value": target}]) == [(2, 2)]


def test_manifest_names_the_files(redshift: RedshiftData, lake: Lake, target: str) -> None:
    length = lake.put("data/a.parquet", [ROW])
    lake.put("data/not-listed.parquet", [changed(0, 9)])
    manifest = lake.manifest(lake.entry("data/a.parquet", length), lake.entry("data/gone", 5, mandatory=False))
    redshift.run(f"COPY {target} FROM '{manifest}' {OPTIONS} MANIFEST")
    assert redshift.run(f"SELECT id FROM {target}") == [(1,)]


def test_column_list_and_temporary_stage_in_one_transaction(redshift: RedshiftData, lake: Lake, target: str) -> None:
    redshift.run(f"INSERT INTO {target} (id, name) VALUES (1, 'old'), (3, 'kept')")
    lake.put("data/a.parquet", [("new", 1)], pa.schema([("name", pa.string()), ("id", pa.int64())]))
    statement = redshift.batch(
        f"LOCK {target}",
        f"CREATE TEMP TABLE stage (LIKE {target})",
        f"COPY stage (name, id) FROM '{lake.url('data/a.parquet')}' {OPTIONS}",
        f"DELETE FROM {target} USING stage WHERE {target}.id = stage.id",
        f"INSERT INTO {target} SELECT * FROM stage",
    )
    assert statement["Status"] == "FINISHED", statement.get("Error")
    assert redshift.run(f"SELECT id, name FROM {target} ORDER BY id") == [(1, "new"), (3, "kept")]


@pytest.mark.parametrize(
    ("schema", "row", "message"),
    [
        (retyped(0, pa.int32()), ROW, "Column type: BIGINT, Parquet schema:\noptional int32 any"),
        (retyped(2, pa.decimal128(12, 2)), ROW, "Column type: NUMERIC(10,2)"),
        (retyped(2, pa.decimal128(10, 3)), ROW, "Column type: NUMERIC(10,2)"),
        (retyped(2, pa.float64()), changed(2, 1.5), "Column type: NUMERIC(10,2)"),
        (retyped(1, pa.int64()), changed(1, 5), "Column type: CHARACTER VARYING(5)"),
        (retyped(3, pa.string()), changed(3, "2026-01-02"), "Column type: DATE"),
        (retyped(4, pa.int64()), changed(4, 5), "Column type: TIMESTAMP WITHOUT TIME ZONE"),
        (retyped(5, pa.int32()), changed(5, 1), "Column type: BOOLEAN"),
        (retyped(6, pa.float32()), ROW, "Column type: DOUBLE PRECISION"),
        (retyped(8, pa.int64()), ROW, "Column type: INTEGER"),
        (retyped(8, pa.uint32()), ROW, "Column type: INTEGER"),
    ],
)
def test_type_must_be_exact(
    redshift: RedshiftData, lake: Lake, target: str, schema: pa.Schema, row: tuple[Any, ...], message: str
) -> None:
    lake.put("data/a.parquet", [row], schema)
    with pytest.raises(StatementFailedError) as caught:
        redshift.run(f"COPY {target} FROM '{lake.url('data/')}' {OPTIONS}")
    text = str(caught.value)
    assert "has an incompatible Parquet schema for column" in text
    assert message in text
    assert redshift.run(f"SELECT count(*) FROM {target}") == [(0,)]


def test_swapped_columns_are_refused(redshift: RedshiftData, lake: Lake, target: str) -> None:
    swapped = pa.schema([SCHEMA.field(1), SCHEMA.field(0), *list(SCHEMA)[2:]])
    lake.put("data/a.parquet", [(ROW[1], ROW[0], *ROW[2:])], swapped)
    with pytest.raises(StatementFailedError, match=r"incompatible Parquet schema for column '.*\.id'"):
        redshift.run(f"COPY {target} FROM '{lake.url('data/')}' {OPTIONS}")


DOCUMENTED = (
    "user_id query_id transaction_id session_id database_name table_id start_time file_name line_number column_name"
    " column_type column_length position error_code error_message"
)
TOO_LONG = "The length of the data column name is longer than the length defined in the table. Table: 5, Data: 6, "


@pytest.mark.parametrize(
    ("schema", "row", "column", "code", "message"),
    [
        (SCHEMA, changed(1, "sixsix"), ("name", "varchar", "5"), 1204, TOO_LONG),
        (SCHEMA, changed(1, "ééé"), ("name", "varchar", "5"), 1204, TOO_LONG),
        (SCHEMA, changed(0, None), ("id", "int8", ""), 1213, "Cannot insert a NULL value into column id"),
        (retyped(8, pa.int64()), ROW, ("whole", "int4", ""), 15007, "File '"),
        (pa.schema(list(SCHEMA)[:8]), ROW[:8], ("", "", ""), 15007, "Unmatched number of columns"),
    ],
)
def test_bad_value_stops_the_whole_copy_and_is_reported(
    redshift: RedshiftData,
    lake: Lake,
    target: str,
    schema: pa.Schema,
    row: tuple[Any, ...],
    column: tuple[str, str, str],
    code: int,
    message: str,
) -> None:
    lake.put("data/a.parquet", [ROW])
    lake.put("data/b.parquet", [row], schema)
    described = redshift.wait(redshift.start(f"COPY {target} FROM '{lake.url('data/')}' {OPTIONS}"))
    assert message in described["Error"]
    assert redshift.run(f"SELECT count(*) FROM {target}") == [(0,)]
    query = f"SELECT * FROM sys_load_error_detail WHERE query_id = {described['RedshiftQueryId']}"
    (found,) = redshift.run(query)
    error = dict(zip(DOCUMENTED.split(), found, strict=True))
    assert error["file_name"] == lake.url("data/b.parquet").ljust(256)
    assert (error["line_number"], error["position"]) == (0, 0)
    named = [error[f"column_{fact}"] for fact in ("name", "type", "length")]
    assert named == [fact.ljust(length) for fact, length in zip(column, (127, 10, 10), strict=True)]
    assert error["error_code"] == code
    assert error["error_message"].startswith(message)
    assert len(error["error_message"]) == 512
    assert error["session_id"] == described["RedshiftPid"]
    ((table,),) = redshift.run(f"SELECT reloid FROM pg_class_info WHERE relname = '{target}'")
    assert error["table_id"] == table


def test_error_detail_has_the_columns_of_redshift(redshift: RedshiftData) -> None:
    described = redshift.finish(redshift.start("SELECT * FROM sys_load_error_detail LIMIT 0"))
    columns = redshift.client.get_statement_result(Id=described["Id"])["ColumnMetadata"]
    assert [column["name"] for column in columns] == DOCUMENTED.split()


def test_number_of_columns_must_match(redshift: RedshiftData, lake: Lake, target: str) -> None:
    short = pa.schema(list(SCHEMA)[:8])
    lake.put("data/a.parquet", [ROW[:8]], short)
    copy = f"COPY {target} FROM '{lake.url('data/')}' {OPTIONS}"
    with pytest.raises(StatementFailedError, match="Table columns: 9, Data columns: 8"):
        redshift.run(copy)
    redshift.run(f"{copy} FILLRECORD")
    assert redshift.run(f"SELECT small, whole FROM {target}") == [(7, None)]


def test_manifest_must_be_right(redshift: RedshiftData, lake: Lake, target: str) -> None:
    length = lake.put("data/a.parquet", [ROW])
    cases = [
        (lake.entry("data/a.parquet", None), "has no meta.content_length"),
        (lake.entry("data/a.parquet", length + 1), "Content length mismatch"),
        (lake.entry("data/missing.parquet", 5), "Mandatory file .* is not present"),
        ({"file": "x"}, "Invalid manifest file"),
    ]
    for entry, message in cases:
        manifest = lake.manifest(entry)
        with pytest.raises(StatementFailedError, match=message):
            redshift.run(f"COPY {target} FROM '{manifest}' {OPTIONS} MANIFEST")
    assert redshift.run(f"SELECT count(*) FROM {target}") == [(0,)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("FORMAT AS PARQUET", "COPY requires an authorization parameter: IAM_ROLE"),
        (f"{OPTIONS} MAXERROR 5", "MAXERROR argument is not supported for PARQUET based COPY"),
        (f"{OPTIONS} IGNOREALLERRORS", "IGNOREALLERRORS argument is not supported for PARQUET based COPY"),
        (f"{OPTIONS} REGION 'us-east-1'", "REGION argument is not supported for PARQUET based COPY"),
        (f"{OPTIONS} COMPUPDATE ON", "COMPUPDATE argument is not supported for PARQUET based COPY"),
        (f"{OPTIONS} SURPRISE", 'syntax error at or near "surprise"'),
        (f"{ROLE} FORMAT AS CSV", "COPY in the format CSV is not emulated by the local Redshift"),
        (f"{OPTIONS} STATUPDATE OFF ACCEPTINVCHARS", "The specified S3 prefix 'nothing/' does not exist"),
    ],
)
def test_options(redshift: RedshiftData, lake: Lake, target: str, options: str, message: str) -> None:
    with pytest.raises(StatementFailedError) as caught:
        redshift.run(f"COPY {target} FROM '{lake.url('nothing/')}' {options}")
    assert str(caught.value) == f"ERROR: {message}"


def test_file_that_is_no_parquet(redshift: RedshiftData, lake: Lake, target: str) -> None:
    lake.s3.put_object(Bucket=lake.bucket, Key="data/a.parquet", Body=b"id,name\n1,x\n")
    with pytest.raises(StatementFailedError, match="is not a valid Parquet file"):
        redshift.run(f"COPY {target} FROM '{lake.url('data/')}' {OPTIONS}")


def test_generated_column_is_filled_unless_the_file_brings_it(redshift: RedshiftData, lake: Lake) -> None:
    name = f"numbered_{next(_names)}"
    redshift.run(f"CREATE TABLE {name} (number BIGINT IDENTITY(100, 1), x BIGINT)")
    lake.put("one/a.parquet", [(5,)], pa.schema([("x", pa.int64())]))
    lake.put("two/a.parquet", [(7, 6)], pa.schema([("number", pa.int64()), ("x", pa.int64())]))
    redshift.run(f"COPY {name} FROM '{lake.url('one/')}' {OPTIONS}")
    redshift.run(f"COPY {name} FROM '{lake.url('two/')}' {OPTIONS} EXPLICIT_IDS")
    assert redshift.run(f"SELECT number, x FROM {name} ORDER BY x") == [(100, 5), (7, 6)]
