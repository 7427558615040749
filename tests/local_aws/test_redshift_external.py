"""External schemas: Iceberg tables of the Glue catalog, queried from Redshift at their current snapshot."""

from __future__ import annotations

import datetime
import itertools
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.table import Table

from tests.support.iceberg import catalog_of, delete_positions
from tests.support.local_aws_process import LocalAwsProcess
from tests.support.redshift_data import RedshiftData, StatementFailedError

SCHEMA = pa.schema(
    [
        ("file_id", pa.string()),
        ("Bytes", pa.int64()),
        ("price", pa.decimal128(18, 3)),
        ("day", pa.date32()),
        ("at", pa.timestamp("us")),
        ("seen_at", pa.timestamp("us", "UTC")),
        ("is_new", pa.bool_()),
        ("tags", pa.list_(pa.string())),
    ]
)
AT = datetime.datetime(2026, 1, 2, 3, 4, 5)
_names = itertools.count(1)


def row(file_id: str | None, size: int) -> dict[str, Any]:
    return {
        "file_id": file_id,
        "Bytes": size,
        "price": Decimal("1.500"),
        "day": AT.date(),
        "at": AT,
        "seen_at": AT.replace(tzinfo=datetime.UTC),
        "is_new": True,
        "tags": ["x", "y"],
    }


@pytest.fixture(scope="module")
def redshift(local_aws: LocalAwsProcess) -> RedshiftData:
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName="external")
    serverless.create_workgroup(workgroupName="external", namespaceName="external")
    return RedshiftData(local_aws.client("redshift-data"), "external")


@pytest.fixture(scope="module")
def catalog(local_aws: LocalAwsProcess) -> GlueCatalog:
    return catalog_of(local_aws)


@pytest.fixture
def schema(redshift: RedshiftData, catalog: GlueCatalog) -> str:
    """An external schema of the same name as its Glue database."""
    name = f"lake_{next(_names)}"
    catalog.create_namespace(name)
    redshift.run(f"CREATE EXTERNAL SCHEMA {name} FROM DATA CATALOG DATABASE '{name}' IAM_ROLE default")
    return name


@pytest.fixture
def files(catalog: GlueCatalog, schema: str, bucket: str) -> Table:
    """An empty Iceberg table ``files`` in the schema."""
    return catalog.create_table(f"{schema}.files", SCHEMA, location=f"s3://{bucket}/files")


def append(table: Table, *rows: dict[str, Any]) -> None:
    table.append(pa.Table.from_pylist(list(rows), SCHEMA))


def test_table_is_read_at_its_current_snapshot(redshift: RedshiftData, schema: str, files: Table) -> None:
    count = f"SELECT count(*) FROM {schema}.files"
    assert redshift.run(count) == [(0,)]
    append(files, row("a", 1), row("b", 2))
    assert redshift.run(count) == [(2,)]
    files.overwrite(pa.Table.from_pylist([row("c", 3)], SCHEMA))
    assert redshift.run(f"SELECT file_id, bytes FROM {schema}.files") == [("c", 3)]


def test_types_are_those_of_spectrum(redshift: RedshiftData, schema: str, files: Table) -> None:
    append(files, row("a", 1))
    statement = redshift.finish(redshift.start(f"SELECT * FROM {schema}.files"))
    result = redshift.client.get_statement_result(Id=statement["Id"])
    assert [(column["name"], column["typeName"]) for column in result["ColumnMetadata"]] == [
        ("file_id", "varchar"),
        ("bytes", "int8"),
        ("price", "numeric"),
        ("day", "date"),
        ("at", "timestamp"),
        ("seen_at", "timestamptz"),
        ("is_new", "bool"),
        ("tags", "super"),
    ]
    assert redshift.rows(statement) == [
        ("a", 1, "1.500", "2026-01-02", "2026-01-02 03:04:05", "2026-01-02 03:04:05+00", True, '["x","y"]')
    ]


def test_of_a_long_text_16384_characters_are_read(redshift: RedshiftData, schema: str, files: Table) -> None:
    append(files, row("é" * 16_384, 1), row("é" * 16_384 + "a" * 4_000_000, 2))
    assert redshift.run(f"SELECT bytes, LEN(file_id), file_id = REPEAT('é', 16384) FROM {schema}.files ORDER BY 1") == [
        (1, 16_384, True),
        (2, 16_384, True),
    ]


def test_position_deletes_are_honoured(redshift: RedshiftData, schema: str, files: Table, s3: Any) -> None:
    append(files, row("a", 1), row("b", 2), row("c", 3))
    assert redshift.run(f"SELECT count(*) FROM {schema}.files") == [(3,)]
    delete_positions(files, s3, [0, 2])
    assert redshift.run(f"SELECT file_id FROM {schema}.files") == [("b",)]
    assert redshift.run(f"SELECT count(*), sum(bytes) FROM {schema}.files WHERE bytes > 0") == [(1, "2")]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("bytes = 2", ["b"]),
        ("2 <= bytes AND price = 1.5", ["b", "c  "]),
        ("file_id = 'c'", ["c  "]),
        ("file_id = 'c '", ["c  "]),
        ("day >= '2026-01-02' AND bytes < 3", ["a", "b"]),
        ("day > '2026-01-02'", []),
        ("at >= '2026-01-02' AND bytes = 1", ["a"]),
        ("bytes = 1 OR bytes = 3", ["a", "c  "]),
        ("bytes = 99999999999 OR bytes < 99999999999", ["a", "b", "c  ", None]),
        ("bytes < 99999999999 AND price > 1.2345678 AND price < 10", ["a", "b", "c  ", None]),
        ("file_id IS NULL", [None]),
        ("is_new AND bytes BETWEEN 2 AND 2", ["b"]),
    ],
)
def test_conditions_that_are_pushed_down_change_no_answer(
    redshift: RedshiftData, schema: str, files: Table, condition: str, found: list[str | None]
) -> None:
    append(files, row("a", 1), row("b", 2), row("c  ", 3), row(None, 4) | {"price": Decimal("9.000")})
    query = f"SELECT file_id FROM {schema}.files WHERE {condition} ORDER BY bytes"
    assert [name for (name,) in redshift.run(query)] == found


def test_outer_join_keeps_the_rows_that_a_condition_excludes(redshift: RedshiftData, schema: str, files: Table) -> None:
    append(files, row("a", 1), row("b", 2))
    query = (
        f"SELECT l.id, f.bytes FROM (SELECT 'a' AS id UNION ALL SELECT 'z') l"
        f" LEFT JOIN {schema}.files f ON f.file_id = l.id AND f.bytes = 1 ORDER BY l.id"
    )
    assert redshift.run(query) == [("a", 1), ("z", None)]


def test_external_and_local_tables_mix(redshift: RedshiftData, schema: str, files: Table) -> None:
    append(files, row("a", 1), row("b", 2))
    redshift.run(f"CREATE TABLE {schema}_names (id VARCHAR(5), name VARCHAR(10))")
    redshift.run(f"INSERT INTO {schema}_names VALUES ('a', 'first')")
    joined = f"SELECT n.name, f.bytes FROM {schema}.files f LEFT JOIN {schema}_names n ON n.id = f.file_id ORDER BY 2"
    assert redshift.run(joined) == [("first", 1), (None, 2)]
    redshift.run(f"INSERT INTO {schema}_names SELECT file_id, 'copied' FROM {schema}.files WHERE bytes = 2")
    assert redshift.run(f"SELECT id FROM {schema}_names ORDER BY 1") == [("a",), ("b",)]
    twice = (
        f"SELECT count(*) FROM {schema}.files a JOIN {schema}.files b ON a.bytes = b.bytes + 1 WHERE a.file_id = 'b'"
    )
    assert redshift.run(twice) == [(1,)]


def test_late_binding_view_over_an_external_table(redshift: RedshiftData, schema: str, files: Table) -> None:
    append(files, row("a", 1))
    view = f"CREATE VIEW {schema}_view AS SELECT file_id, bytes * 2 AS twice FROM {schema}.files"
    with pytest.raises(StatementFailedError, match="WITH NO SCHEMA BINDING"):
        redshift.run(view)
    redshift.run(f"{view} WITH NO SCHEMA BINDING")
    append(files, row("b", 2))
    assert redshift.run(f"SELECT file_id, twice FROM {schema}_view ORDER BY 1") == [("a", 2), ("b", 4)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM {schema}.nothing", 'relation "{schema}.nothing" does not exist'),
        ("SELECT nothing FROM {schema}.files", 'column "nothing" does not exist in files'),
        ("INSERT INTO {schema}.files (file_id) VALUES ('x')", "external tables and system views are read-only"),
        ("DELETE FROM {schema}.files", "external tables and system views are read-only"),
        ("CREATE TABLE {schema}.other (x INT)", "Operations on local objects in external schema are not enabled"),
        (
            "CREATE EXTERNAL SCHEMA {schema} FROM DATA CATALOG DATABASE 'x' IAM_ROLE default",
            'Schema "{schema}" already exists',
        ),
        ("CREATE EXTERNAL SCHEMA other FROM DATA CATALOG DATABASE 'x'", "IAM_ROLE is required"),
        ("CREATE EXTERNAL SCHEMA other FROM HIVE METASTORE DATABASE 'x' IAM_ROLE default", "is not emulated"),
    ],
)
def test_what_is_refused(redshift: RedshiftData, schema: str, files: Table, sql: str, message: str) -> None:
    with pytest.raises(StatementFailedError) as caught:
        redshift.run(sql.format(schema=schema))
    assert message.format(schema=schema) in str(caught.value)


def test_catalog_views_tell_of_external_tables(redshift: RedshiftData, schema: str, files: Table) -> None:
    redshift.run(f"CREATE EXTERNAL SCHEMA IF NOT EXISTS {schema} FROM DATA CATALOG DATABASE 'x' IAM_ROLE default")
    assert redshift.run(f"SELECT databasename FROM svv_external_schemas WHERE schemaname = '{schema}'") == [(schema,)]
    assert redshift.run(f"SELECT tablename FROM svv_external_tables WHERE schemaname = '{schema}'") == [("files",)]
    columns = (
        f"SELECT columnname, external_type FROM svv_external_columns WHERE schemaname = '{schema}' AND columnnum < 3"
    )
    assert redshift.run(columns) == [("file_id", "character varying(65535)"), ("bytes", "bigint")]
    listed = redshift.client.list_tables(WorkgroupName="external", Database="dev", SchemaPattern=schema)["Tables"]
    assert listed == [{"name": "files", "schema": schema, "type": "EXTERNAL TABLE"}]
    redshift.run(f"DROP SCHEMA {schema}")
    with pytest.raises(StatementFailedError, match=f'schema "{schema}" does not exist'):
        redshift.run(f"SELECT 1 FROM {schema}.files")
