"""The lake beside the truth: hostile deliveries of every domain the generator knows, loaded, refused and settled.

Without Airflow, through the code that the DAG calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyiceberg.catalog.glue import GlueCatalog
from typer.testing import CliRunner

from datagen.defects import shares_of
from datagen.generate import TRUTH, Order, generate
from datagen.sinks import SECOND_DELIVERY, Folder
from datagen.worlds import WORLDS
from infra.local_aws.provision import provision
from lakehouse import road, tables
from lakehouse.cli import stack
from lakehouse.cli.home import checkout
from lakehouse.cli.lake_reader import LakeReader
from lakehouse.cli.main import app
from lakehouse.contract import SourceContract, load_registry
from lakehouse.score import Truth, compare
from lakehouse.settings import Settings
from tests.support.iceberg import catalog_of
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess

ROWS, DAYS, SEED = 3_000, 8, 3


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GlueCatalog]:
    """A local AWS; this process's environment leads to it."""
    aws = LocalAwsProcess(tmp_path_factory.mktemp("state"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment(aws.endpoint, CREDENTIALS).items():
            patch.setenv(name, value)
        provision(Settings.from_environment(), checkout())
        try:
            yield catalog_of(aws)
        finally:
            aws.stop()


@pytest.fixture(scope="module", params=sorted(WORLDS))
def delivered(request: pytest.FixtureRequest, lake: GlueCatalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hostile delivery of a domain, loaded: its files, then those that arrive under the same names."""
    folder = tmp_path_factory.mktemp(request.param)
    for _ in generate(Order(request.param, ROWS, DAYS, SEED, shares_of("hostile")), Folder(folder), folder / TRUTH):
        pass
    for top in (folder, folder / SECOND_DELIVERY):
        _land(request.param, top)
        for _ in road.run(Settings.from_environment()):
            pass
    return folder


def test_the_lake_does_with_every_file_and_row_what_it_should(delivered: Path) -> None:
    score = compare(Truth.find(delivered), load_registry(), LakeReader())
    assert score.differences == ()
    assert score.is_perfect
    assert len(score.defects) > 50
    assert CliRunner().invoke(app, ["score", str(delivered)]).exit_code == 0


Tamper = Callable[[pa.Table, SourceContract], pa.Table]


def _changed_cell(rows: pa.Table, contract: SourceContract) -> pa.Table:
    assert contract.order_by
    return _with_other(rows, 0, contract.order_by, datetime(1999, 1, 1))


def _deleted_row(rows: pa.Table, contract: SourceContract) -> pa.Table:
    return rows.slice(1)


def _swapped_reason(rows: pa.Table, contract: SourceContract) -> pa.Table:
    reason = json.dumps([{"rule": "nobody_knows", "field": None, "value": None}])
    return _with_other(rows, _place(rows, "dataset", contract.dataset), "violations", reason)


def _changed_verdict(rows: pa.Table, contract: SourceContract) -> pa.Table:
    return _with_other(rows, _place(rows, "dataset", contract.dataset), "verdict", "ignored")


@pytest.mark.parametrize("delivered", ["storefront"], indirect=True)
@pytest.mark.parametrize(
    ("table", "tamper", "measure"),
    [
        ("silver", _changed_cell, "silver"),
        ("silver", _deleted_row, "silver"),
        ("rows", _swapped_reason, "row"),
        ("files", _changed_verdict, "file"),
    ],
)
def test_the_score_notices(table: str, tamper: Tamper, measure: str, delivered: Path, lake: GlueCatalog) -> None:
    truth = Truth.find(delivered)
    contract = load_registry().sources[truth.about["datasets"][0]]
    tampered = {"silver": tables.silver_table(contract), "rows": tables.quarantined_rows, "files": tables.files}[table]
    iceberg = lake.load_table((tampered.database, tampered.name))
    sound = iceberg.scan().to_arrow()
    iceberg.overwrite(tamper(sound, contract))
    try:
        score = compare(truth, load_registry(), LakeReader())
        assert measure in {difference.measure for difference in score.differences}
        assert CliRunner().invoke(app, ["score", str(delivered)]).exit_code == 1
    finally:
        iceberg.refresh().overwrite(sound)


def _place(rows: pa.Table, column: str, value: str) -> int:
    place: int = pc.index(rows[column], value).as_py()
    return place


def _with_other(rows: pa.Table, place: int, column: str, value: Any) -> pa.Table:
    """The table with another value in one row."""
    field = rows.schema.field(column)
    values = rows[column].to_pylist()
    values[place] = value
    return rows.set_column(rows.schema.get_field_index(column), field, pa.array(values, field.type))


def _land(domain: str, top: Path) -> None:
    s3, bucket = boto3.client("s3"), Settings.from_environment().landing_bucket
    for dataset in (entry for entry in sorted(top.glob("*")) if not entry.name.startswith("_")):
        for path in sorted(path for path in dataset.rglob("*") if path.is_file()):
            key = f"{domain}/{dataset.name}/{path.relative_to(dataset).as_posix()}"
            s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
