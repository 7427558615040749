"""`lakehouse score` on tables of the Glue catalog: what it reads, and a truth that lies in S3."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.glue import GlueCatalog

from lakehouse import tables
from lakehouse.cli import lake_reader
from lakehouse.cli.lake_reader import LakeReader
from lakehouse.cli.mistakes import CommandError
from lakehouse.contract import Registry
from lakehouse.score import Truth, compare
from lakehouse.tables import Table
from tests.support.iceberg import catalog_of, delete_positions
from tests.support.local_aws_process import LocalAwsProcess
from tests.support.score import Shop, registry

LAKEHOUSE = Path(sys.executable).parent / "lakehouse"


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return registry(tmp_path_factory.mktemp("contracts"))


@pytest.fixture
def shop(contracts: Registry) -> Shop:
    return Shop(contracts.sources["shop.orders"])


@pytest.fixture
def catalog(local_aws: LocalAwsProcess, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[GlueCatalog]:
    """A catalog without the shop's tables; this process's environment leads to it, as that of the command does."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)
    catalog = catalog_of(local_aws)
    yield catalog
    for database in {table.database for table in shop.lake()}:
        if catalog.namespace_exists(database):
            for table in catalog.list_tables(database):
                catalog.drop_table(table)


def write(catalog: GlueCatalog, bucket: str, lake: dict[Table, pa.Table]) -> None:
    """Each table with its rows in two data files."""
    for table, rows in lake.items():
        catalog.create_namespace_if_not_exists(table.database)
        location = f"s3://{bucket}/{table.database}/{table.name}"
        iceberg = catalog.create_table((table.database, table.name), rows.schema, location=location)
        half = len(rows) // 2
        iceberg.append(rows.slice(half))
        iceberg.append(rows.slice(0, half))


def test_a_perfect_lake_is_read_and_a_deleted_row_is_missed(
    catalog: GlueCatalog, bucket: str, s3: Any, shop: Shop, contracts: Registry, tmp_path: Path
) -> None:
    write(catalog, bucket, shop.lake())
    truth = Truth.find(shop.write_truth(tmp_path))
    assert compare(truth, contracts, LakeReader()).differences == ()

    # As Spark deletes where it merges on read: the data file stays, and another says which of its rows are gone.
    silver = tables.silver_table(shop.contract)
    iceberg = catalog.load_table((silver.database, silver.name))
    iceberg.overwrite(shop.lake()[silver])
    delete_positions(iceberg, s3, [1])
    score = compare(truth, contracts, LakeReader())
    assert [(found.measure, found.file, found.row, found.key) for found in score.differences] == [
        ("row", "a.csv", 2, None),
        ("silver", None, None, 'order_id="A-2", line=1'),
    ]


def test_many_data_files_are_read_in_portions(
    catalog: GlueCatalog, bucket: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(catalog, bucket, shop.lake())
    monkeypatch.setattr(lake_reader, "BYTES_AT_ONCE", 1)
    history = tables.history_table(shop.contract)
    rows = LakeReader()(history, ("_row", "_fate"), None)
    assert rows is not None
    found = rows.read_all().to_pylist()
    assert sorted((row["_row"], row["_fate"]) for row in found) == [
        (1, "superseded"),
        (2, "duplicate"),
        (5, "duplicate"),
    ]


def test_rows_of_one_dataset_are_read_where_a_table_holds_several(
    catalog: GlueCatalog, bucket: str, shop: Shop
) -> None:
    shop.ledger.append({**shop.ledger[0], "file_id": "id-other", "dataset": "shop.others"})
    write(catalog, bucket, shop.lake())
    rows = LakeReader()(tables.files, ("file_id",), "shop.others")
    assert rows is not None
    assert rows.read_all()["file_id"].to_pylist() == ["id-other"]


def test_a_table_that_is_not_there_and_a_column_that_is_not_there(
    catalog: GlueCatalog, bucket: str, shop: Shop
) -> None:
    silver = tables.silver_table(shop.contract)
    assert LakeReader()(silver, ("order_id",), None) is None
    write(catalog, bucket, {silver: shop.lake()[silver].drop_columns(["amount"])})
    with pytest.raises(CommandError, match=r"silver_shop.orders has no column amount: its contract has changed since"):
        LakeReader()(silver, ("order_id", "amount"), None)


def test_a_truth_in_s3_is_fetched(local_aws: LocalAwsProcess, shop: Shop, bucket: str, s3: Any, tmp_path: Path) -> None:
    """The whole command, in a process of its own."""
    out = shop.write_truth(tmp_path)
    files = [path for path in (out / "_truth").rglob("*") if path.is_file()]
    for path in files:
        s3.upload_file(str(path), bucket, f"generated/shop/{path.relative_to(out)}")
    names = ("BUCKET", "LANDING_BUCKET", "WORKGROUP", "DATABASE", "REDSHIFT_ROLE", "QUEUE_URL")
    environment = {
        **os.environ,
        **local_aws.environment,
        **{f"LAKEHOUSE_{name}": bucket for name in names},
        "COLUMNS": "200",
    }

    def score(url: str) -> subprocess.CompletedProcess[str]:
        command = [str(LAKEHOUSE), "score", url, "--json"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    for url in (f"s3://{bucket}/generated/shop", f"s3://{bucket}/generated/shop/_truth/"):
        ended = score(url)
        # The truth was fetched and read: it speaks of a dataset that the installed contracts do not have.
        assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
        assert "the truth speaks of shop.orders, of which there is no contract" in ended.stderr
    ended = score(f"s3://{bucket}/elsewhere")
    assert ended.returncode == 2
    assert f"there is no truth in s3://{bucket}/elsewhere" in ended.stderr
