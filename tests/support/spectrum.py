"""A lake and a warehouse of a few rows behind a real local AWS: Iceberg tables, external schemas, Redshift's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from lakehouse import ddl
from lakehouse.contract import Registry
from lakehouse.tables import Table
from tests.support.iceberg import catalog_of
from tests.support.local_aws_process import LocalAwsProcess
from tests.support.redshift_data import RedshiftData

Row = Mapping[str, Any]
_ARROW = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "smallint": pa.int32(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp_ntz": pa.timestamp("us"),
}


class Lake:
    """Makes tables in the Glue catalog, and Redshift's schemas and tables for them; `drop` removes the former."""

    def __init__(self, aws: LocalAwsProcess, bucket: str, workgroup: str) -> None:
        serverless = aws.client("redshift-serverless")
        serverless.create_namespace(namespaceName=workgroup)
        serverless.create_workgroup(workgroupName=workgroup, namespaceName=workgroup)
        self.redshift = RedshiftData(aws.client("redshift-data"), workgroup)
        self._catalog, self._bucket = catalog_of(aws), bucket
        self._made: list[tuple[str, str]] = []

    def write(self, tables: Mapping[Table, Sequence[Row]]) -> None:
        """Make each table with these rows; columns that a row lacks are null."""
        for table, rows in tables.items():
            self._catalog.create_namespace_if_not_exists(table.database)
            schema = pa.schema([(name, _arrow(kind)) for name, kind in table.columns])
            location = f"s3://{self._bucket}/{table.database}/{table.name}"
            iceberg = self._catalog.create_table((table.database, table.name), schema, location=location)
            self._made.append((table.database, table.name))
            if rows:
                iceberg.append(pa.Table.from_pylist([dict(row) for row in rows], schema))

    def prepare_warehouse(self, registry: Registry, schemas: Iterable[str]) -> None:
        """Redshift's schemas of these names with their tables, and the external schemas of the lake's databases."""
        wanted = {*schemas, "ops"}
        for sql in ddl.statements(registry):
            words = re.match(r"CREATE (?:EXTERNAL )?(?:SCHEMA|TABLE) IF NOT EXISTS (\w+)", sql)
            if words and (words[1] in wanted or words[1].startswith("lake_")):
                self.redshift.run(sql)

    def drop(self) -> None:
        for name in self._made:
            self._catalog.drop_table(name)


def _arrow(kind: str) -> pa.DataType:
    if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    return _ARROW[kind]
