"""Exports that do not fit the warehouse: the lint names file and column, and COPY would have refused them too."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest

from lakehouse import warehouse
from lakehouse.contract import load_registry
from lakehouse.warehouse import ExportedFile, ExportedTable, LintError
from tests.support.exports import Exports, sample_row, table
from tests.support.local_aws_process import LocalAwsProcess
from tests.support.redshift_data import RedshiftData

BATCH = 7
ROLE = "arn:aws:iam::123456789012:role/copy"
REGISTRY = load_registry()
TRENDS = REGISTRY.gold["online_retail.sales_trends"]
KEY = f"{warehouse.folder(BATCH)}{TRENDS.dataset}/rows/b.parquet"
Broken = Callable[[pa.Table], pa.Table]
Damaged = Callable[[Any, str, ExportedFile], ExportedFile]


@pytest.fixture(scope="module")
def redshift(local_aws: LocalAwsProcess) -> RedshiftData:
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName="broken")
    serverless.create_workgroup(workgroupName="broken", namespaceName="broken")
    return RedshiftData(local_aws.client("redshift-data"), "broken")


def swapped(first: str, second: str) -> Broken:
    renamed = {first: second, second: first}
    return lambda content: content.select([renamed.get(name, name) for name in content.schema.names])


def retyped(name: str, kind: pa.DataType) -> Broken:
    def broken(content: pa.Table) -> pa.Table:
        return content.set_column(content.schema.get_field_index(name), name, content.column(name).cast(kind))

    return broken


def holding(name: str, value: Any) -> Broken:
    def broken(content: pa.Table) -> pa.Table:
        values = [*content.column(name).to_pylist()[:-1], value]
        position = content.schema.get_field_index(name)
        return content.set_column(position, name, pa.array(values, content.schema.field(name).type))

    return broken


def with_body(body: bytes) -> Damaged:
    def damaged(s3: Any, bucket: str, file: ExportedFile) -> ExportedFile:
        s3.put_object(Bucket=bucket, Key=file.key, Body=body)
        return replace(file, bytes=len(body))

    return damaged


def missing(s3: Any, bucket: str, file: ExportedFile) -> ExportedFile:
    s3.delete_object(Bucket=bucket, Key=file.key)
    return file


def saying(**facts: Any) -> Damaged:
    return lambda _, __, file: replace(file, **facts)


@dataclass(frozen=True)
class Case:
    """One way to break a file: its content, or the object and what is said of it; and what the two judges answer.

    `copy` is None where COPY has nothing to refuse.
    """

    name: str
    lint: str
    copy: str | None
    content: Broken = lambda content: content
    object: Damaged = lambda _, __, file: file


INCOMPATIBLE = r"has an incompatible Parquet schema for column '.*\.{}'"
TOO_LONG = r"The length of the data column country is longer .* Table: 60, Data: {}, File name: .*b\.parquet"
CASES = (
    Case(
        "columns of two types in each other's place",
        "columns are .* quantity, revenue,.*; should be .* revenue, quantity,",
        INCOMPATIBLE.format("revenue"),
        swapped("revenue", "quantity"),
    ),
    # COPY goes by position alone, in Redshift as here: it would load each number into the other's column.
    Case(
        "columns of one type in each other's place",
        "columns are .* line_count, order_count,.*; should be .* order_count, line_count",
        None,
        swapped("order_count", "line_count"),
    ),
    Case(
        "int32 for int64",
        "quantity is int32; should be int64",
        INCOMPATIBLE.format("quantity"),
        retyped("quantity", pa.int32()),
    ),
    Case(
        "a decimal of another width",
        r"revenue is decimal128\(20, 3\); should be decimal128\(38, 3\)",
        INCOMPATIBLE.format("revenue"),
        retyped("revenue", pa.decimal128(20, 3)),
    ),
    Case(
        "a text too wide",
        r"country holds 62 bytes; VARCHAR\(60\) is too short",
        TOO_LONG.format(62),
        holding("country", "é" * 31),
    ),
    Case(
        "a text too wide that was measured wrongly",
        "country holds 61 bytes",
        TOO_LONG.format(61),
        holding("country", "x" * 61),
        saying(longest={"country": 6}),
    ),
    Case(
        "a text too wide that nobody measured",
        "country holds 61 bytes",
        TOO_LONG.format(61),
        holding("country", "x" * 61),
        saying(longest={}),
    ),
    Case(
        "one column more",
        "columns are .* customer_count, more; should be .* customer_count$",
        "Table columns: 7, Data columns: 8, File name: .*b.parquet",
        lambda content: content.append_column("more", pa.array([1] * content.num_rows)),
    ),
    Case(
        "one column less",
        "columns are sales_date, revenue.*; should be sales_date, country, revenue",
        "Table columns: 7, Data columns: 6, File name: .*b.parquet",
        lambda content: content.drop_columns(["country"]),
    ),
    Case(
        "null where the column is NOT NULL",
        "revenue holds nulls; the column is NOT NULL",
        "Cannot insert a NULL value into column revenue",
        holding("revenue", None),
    ),
    Case("no file", "cannot be read", "Mandatory file .*b.parquet of the manifest is not present", object=missing),
    # Redshift's documentation asks for the actual size and does not say what becomes of another; here it is refused.
    Case(
        "another content_length",
        "holds .* bytes, the manifest says 5",
        "Content length mismatch for .*b.parquet: the manifest says 5 bytes",
        object=saying(bytes=5),
    ),
    Case("no Parquet", "cannot be read", "b.parquet is not a valid Parquet file", object=with_body(b"a,b\n1,2\n")),
    Case("an empty file", "cannot be read", "b.parquet is not a valid Parquet file", object=with_body(b"")),
)


def broken_export(exports: Exports, case: Case) -> ExportedTable:
    """Two files of rows: the first fits, the second is broken."""
    rows = [sample_row(TRENDS, country=country) for country in ("FR", "DE")]
    export = exports.write(BATCH, TRENDS, rows)
    file = exports.put(KEY, case.content(table(TRENDS.columns, rows)))
    export = replace(export, rows=(*export.rows, case.object(exports.s3, exports.bucket, file)))
    exports.publish(BATCH, export)
    return export


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_broken_file_is_named_by_the_lint_and_refused_by_copy(
    redshift: RedshiftData, s3: Any, bucket: str, case: Case
) -> None:
    export = broken_export(Exports(s3, bucket), case)
    with pytest.raises(LintError) as caught:
        warehouse.lint(s3, bucket, [export], REGISTRY)
    (problem,) = str(caught.value).splitlines()[1:]
    assert re.fullmatch(f"{re.escape(KEY)}: {case.lint}.*", problem), problem

    described = redshift.batch(*warehouse.stage_statements(bucket, ROLE, BATCH, [export], REGISTRY))
    if case.copy is None:
        assert described["Status"] == "FINISHED", described.get("Error")
    else:
        assert described["Status"] == "FAILED"
        assert re.search(case.copy, described["Error"]), described["Error"]


def test_an_export_that_fits_passes_both(redshift: RedshiftData, s3: Any, bucket: str) -> None:
    """Without it, a lint that refuses everything would do above."""
    exports = Exports(s3, bucket)
    export = exports.write(BATCH, TRENDS, [sample_row(TRENDS, country="é" * 30)])
    exports.publish(BATCH, export)
    warehouse.lint(s3, bucket, [export], REGISTRY)
    described = redshift.batch(*warehouse.stage_statements(bucket, ROLE, BATCH, [export], REGISTRY))
    assert described["Status"] == "FINISHED", described.get("Error")
