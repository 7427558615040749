"""`lakehouse warnings` on the table that the lake keeps of them, asked through Redshift."""

from __future__ import annotations

import json
import os
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.glue import GlueCatalog
from typer.testing import CliRunner, Result

from lakehouse import tables
from lakehouse.cli.main import app
from tests.support.iceberg import catalog_of
from tests.support.local_aws_process import LocalAwsProcess
from tests.support.redshift_data import RedshiftData

USERS, SALES = "storefront.users", "storefront.transactions"
# (file_id, dataset, rule, rows, batch_id)
ROWS = [
    ("a", USERS, "email_not_unique", 2, 1),
    ("b", USERS, "email_not_unique", 1_200, 3),
    ("b", USERS, "updated_before_sign_up", 1, 3),
    ("c", SALES, "user_id_orphan", 7, 2),
]


@pytest.fixture
def catalog(local_aws: LocalAwsProcess, monkeypatch: pytest.MonkeyPatch) -> GlueCatalog:
    """A lake without tables, to which the environment leads."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "LAKEHOUSE_"))]:
        monkeypatch.delenv(name)
    settings = ("BUCKET", "LANDING_BUCKET", "WORKGROUP", "DATABASE", "REDSHIFT_ROLE", "QUEUE_URL")
    named = {**local_aws.environment, **{f"LAKEHOUSE_{name}": "warnings" for name in settings}}
    for name, value in {**named, "LAKEHOUSE_DATABASE": "dev"}.items():
        monkeypatch.setenv(name, value)
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName="warnings")
    serverless.create_workgroup(workgroupName="warnings", namespaceName="warnings")
    catalog = catalog_of(local_aws)
    catalog.create_namespace_if_not_exists("ops")
    redshift = RedshiftData(local_aws.client("redshift-data"), "warnings")
    redshift.run("CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_ops FROM DATA CATALOG DATABASE 'ops' IAM_ROLE default")
    return catalog


def warnings(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["warnings", *arguments], env={"COLUMNS": "200"})


def test_warnings_are_summed_by_dataset_and_rule(catalog: GlueCatalog, bucket: str) -> None:
    assert "no row that was kept breaks a rule" in warnings().stdout, "the lake is older than the table"
    assert json.loads(warnings("--json").stdout) == []

    types: dict[str, Any] = {"string": pa.string(), "bigint": pa.int64()}
    schema = pa.schema([(name, types[kind]) for name, kind in tables.warnings.columns])
    table = catalog.create_table("ops.warnings", schema, location=f"s3://{bucket}/warnings")
    table.append(pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in ROWS], schema))

    names = ("dataset", "rule", "row_count", "file_count", "first_batch_id", "last_batch_id")
    expected = [
        (SALES, "user_id_orphan", 7, 1, 2, 2),
        (USERS, "email_not_unique", 1_202, 2, 1, 3),
        (USERS, "updated_before_sign_up", 1, 1, 3, 3),
    ]
    assert [tuple(rule[name] for name in names) for rule in json.loads(warnings("--json").stdout)] == expected
    only = json.loads(warnings("--json", "--dataset", SALES).stdout)
    assert [rule["dataset"] for rule in only] == [SALES]

    said = warnings("--dataset", USERS).stdout
    assert "1,202 rows  email_not_unique" in said
    assert "in 2 files, batches 1 to 3" in said
    assert "in 1 file, batch 3" in said
    assert SALES not in said


def test_a_mistyped_dataset_is_told_the_nearest() -> None:
    ended = warnings("--dataset", "storefront.user")
    assert ended.exit_code == 2
    assert "did you mean storefront.users?" in ended.stderr
