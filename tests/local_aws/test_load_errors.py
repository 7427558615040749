"""A load that fails says of which table, file and column, why, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from lakehouse import ddl, load_errors, road, warehouse
from lakehouse.cli import mistakes
from lakehouse.contract import load_registry
from lakehouse.load_errors import LoadError
from lakehouse.redshift import Redshift, RedshiftError
from lakehouse.settings import Settings
from tests.support.declared import declared_warehouse
from tests.support.exports import Exports, sample_row, table
from tests.support.local_aws_process import LocalAwsProcess

BATCH = 7
REGISTRY = load_registry()
TRENDS = REGISTRY.gold["online_retail.sales_trends"]
FOLDER = f"{warehouse.folder(BATCH)}{TRENDS.dataset}"


@pytest.fixture
def settings(local_aws: LocalAwsProcess) -> Iterator[Settings]:
    """A warehouse with the ledger and one table."""
    with declared_warehouse(local_aws, REGISTRY, lambda table: table.name in (ddl.LOADS, TRENDS.dataset)) as made:
        yield made


@pytest.fixture
def redshift(settings: Settings) -> Redshift:
    return Redshift(settings)


@pytest.fixture
def exports(s3: Any, settings: Settings) -> Exports:
    return Exports(s3, settings.bucket)


def test_a_column_that_does_not_fit_is_named_with_its_file(
    settings: Settings, redshift: Redshift, exports: Exports
) -> None:
    rows = [sample_row(TRENDS)]
    export = exports.write(BATCH, TRENDS, rows)
    content = table(TRENDS.columns, rows)
    position = content.schema.get_field_index("quantity")
    narrow = content.set_column(position, "quantity", content.column(position).cast(pa.int32()))
    export = replace(export, rows=(*export.rows, exports.put(f"{FOLDER}/rows/b.parquet", narrow)))
    exports.publish(BATCH, export)
    statements = warehouse.stage_statements(settings.bucket, settings.redshift_role, BATCH, [export], REGISTRY)
    with pytest.raises(RedshiftError) as caught:
        redshift.in_session([statements])
    assert caught.value.statement_id
    url = f"s3://{settings.bucket}/{FOLDER}/rows/b.parquet"
    assert load_errors.explain(redshift, caught.value.statement_id) == (
        f"COPY of the rows of {TRENDS.dataset} failed: {url}, column quantity: "
        f"File '{url}' has an incompatible Parquet schema for column '{url}.quantity'. "
        "Column type: BIGINT, Parquet schema: optional int32 quantity. Nothing was loaded; run `lakehouse up`, so that "
        "the jobs export by the contracts of today, then clear the task `gold`, which exports the batch again"
    )


def test_a_file_that_changed_after_the_lint_is_named(settings: Settings, redshift: Redshift, exports: Exports) -> None:
    """The lint has seen no manifest, so this load fails in COPY."""
    export = exports.write(BATCH, TRENDS, [sample_row(TRENDS)])
    exports.publish(BATCH, export)
    key = f"{FOLDER}/rows.manifest"
    manifest = json.loads(exports.s3.get_object(Bucket=settings.bucket, Key=key)["Body"].read())
    manifest["entries"][0]["meta"]["content_length"] = 5
    exports.s3.put_object(Bucket=settings.bucket, Key=key, Body=json.dumps(manifest).encode())
    with pytest.raises(LoadError) as caught:
        road.load_warehouse(settings, BATCH)
    file = f"s3://{settings.bucket}/{export.rows[0].key}"
    told = str(caught.value)
    assert told.startswith(f"COPY of the rows of {TRENDS.dataset} failed: {file}: Content length mismatch for {file}: ")
    assert told.endswith(" Nothing was loaded; clear the task `gold`, which exports the batch again")
    assert mistakes.explain(caught.value) == told, "the command line shows it"
    assert redshift.query("SELECT COUNT(*) FROM ops.loads").rows == ((0,),)


def test_without_the_log_redshifts_own_message_is_told(
    settings: Settings, redshift: Redshift, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a user who may not read it, and where Redshift has logged nothing."""
    monkeypatch.setattr(load_errors, "_DETAIL", "SELECT 1 FROM no_such_log WHERE query_id = :query_id")
    export = exports.write(BATCH, TRENDS, [sample_row(TRENDS)])
    exports.s3.delete_object(Bucket=settings.bucket, Key=export.keys[0].key)
    exports.publish(BATCH, export)
    statements = warehouse.stage_statements(settings.bucket, settings.redshift_role, BATCH, [export], REGISTRY)
    with pytest.raises(RedshiftError) as caught:
        redshift.in_session([statements])
    assert caught.value.statement_id
    told = load_errors.explain(redshift, caught.value.statement_id)
    file = f"s3://{settings.bucket}/{export.keys[0].key}"
    assert told.startswith(
        f"COPY of the keys of {TRENDS.dataset} failed: Mandatory file {file} of the manifest is not present. Nothing"
    )


def test_a_table_that_lacks_a_column_is_named(settings: Settings, redshift: Redshift, exports: Exports) -> None:
    exports.publish(BATCH, exports.write(BATCH, TRENDS, [sample_row(TRENDS)]))
    redshift.query(f"ALTER TABLE {TRENDS.dataset} DROP COLUMN quantity")
    with pytest.raises(LoadError) as caught:
        road.load_warehouse(settings, BATCH)
    assert str(caught.value) == (
        f"the load of {TRENDS.dataset} failed: "
        'column "quantity" of relation "sales_trends" does not exist; `lakehouse warehouse plan` shows what Redshift '
        "lacks of the contracts"
    )


SPECTRUM = """ERROR: Spectrum Scan Error
  Detail:
  -----------------------------------------------
  error:  Spectrum Scan Error
  code:      15007
  context:   Unmatched number of columns between table and file. Table columns: 7, Data columns: 6, File name: https://x
  query:     26301369
  location:  dory_util.cpp:1450
  process:   worker_thread [pid=10836]
  -----------------------------------------------"""


class Answers:
    """A Data API whose last statement failed as COPY fails in the cloud; it has logged nothing."""

    def describe_statement(self, Id: str) -> dict[str, Any]:  # noqa: N803 - as the API names it
        if Id == "detail":
            return {"Status": "FAILED", "Error": "ERROR: permission denied"}
        copy = f"COPY stage FROM 's3://lake/{FOLDER}/rows.manifest' IAM_ROLE 'r' FORMAT AS PARQUET MANIFEST"
        parts = [
            {"Status": "FINISHED", "QueryString": "CREATE TEMP TABLE stage (a INT)", "RedshiftQueryId": 1},
            {"Status": "FAILED", "QueryString": copy, "RedshiftQueryId": -1, "Error": SPECTRUM},
            {"Status": "ABORTED", "QueryString": copy, "RedshiftQueryId": 0},
        ]
        return {"Status": "FAILED", "SubStatements": parts, "Error": f"Query #2 failed with {SPECTRUM}"}

    def execute_statement(self, **_: Any) -> dict[str, str]:
        return {"Id": "detail"}


def test_what_the_cloud_wraps_in_numbers_is_unwrapped(settings: Settings) -> None:
    """The local Redshift gives the reason alone; this is how the service hands it on."""
    assert load_errors.explain(Redshift(settings, Answers()), "load").startswith(
        "COPY of the rows of online_retail.sales_trends failed: Unmatched number of columns between table and file. "
        "Table columns: 7, Data columns: 6, File name: https://x. Nothing was loaded; run `lakehouse up`"
    )
