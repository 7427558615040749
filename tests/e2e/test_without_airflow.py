"""The stations of the road one after the other, without Airflow, through the code that the DAG calls."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from infra.local_aws.provision import provision
from lakehouse import road
from lakehouse.cli import stack
from lakehouse.cli.home import checkout
from lakehouse.jobs import BATCH_JOBS
from lakehouse.redshift import Redshift
from lakehouse.settings import Settings
from tests.support.local_aws_process import LocalAwsProcess

USERS = b"user_id,country,signed_up_at\nu-1,DE,2026-01-01 10:00:00\nu-2,Germany,never\n"


def test_one_batch_walks_the_road_and_then_nothing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = LocalAwsProcess(tmp_path / "state")
    try:
        for name, value in stack.environment(aws.endpoint).items():
            monkeypatch.setenv(name, value)
        settings = Settings.from_environment()
        provision(settings, checkout())
        boto3.client("s3").put_object(Bucket=settings.bucket, Key="landing/storefront/users/a.csv", Body=USERS)

        assert [station for station, _ in road.run(settings)] == [
            "plan",
            *BATCH_JOBS,
            "load_warehouse",
            "prove",
            "finish",
        ]
        found = Redshift(settings).query("SELECT user_id, country FROM storefront.dim_user ORDER BY user_id")
        assert found.rows == (("(unknown)", None), ("u-1", "DE"))
        assert list(road.run(settings)) == []
    finally:
        aws.stop()
