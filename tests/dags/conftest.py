"""Airflow for tests: a home of its own, and settings that lead nowhere. Set before anything imports Airflow."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

DAGS = Path(__file__).parents[2] / "dags"
ENDPOINT = "http://127.0.0.1:9"  # the discard port: nothing answers
LAKEHOUSE = {
    "LAKEHOUSE_BUCKET": "lake",
    "LAKEHOUSE_LANDING_BUCKET": "landing",
    "LAKEHOUSE_QUEUE_URL": f"{ENDPOINT}/123456789012/landing",
    "LAKEHOUSE_WORKGROUP": "lakehouse",
    "LAKEHOUSE_DATABASE": "lakehouse",
    "LAKEHOUSE_REDSHIFT_ROLE": "arn:aws:iam::123456789012:role/redshift",
    "AWS_ENDPOINT_URL": ENDPOINT,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}

_home = tempfile.mkdtemp(prefix="airflow-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ.update(AIRFLOW_HOME=_home, AIRFLOW__CORE__LOAD_EXAMPLES="False", AIRFLOW__CORE__DAGS_FOLDER=str(DAGS))
# Airflow puts the DAGs' folder there itself when it reads a DAG.
sys.path.append(str(DAGS))


@pytest.fixture(autouse=True)
def lakehouse_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lakehouse's settings for the length of one test."""
    for name, value in LAKEHOUSE.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """S3 in this process, with the lakehouse's buckets."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws():
        client = boto3.client("s3")
        for bucket in ("LAKEHOUSE_BUCKET", "LAKEHOUSE_LANDING_BUCKET"):
            client.create_bucket(Bucket=LAKEHOUSE[bucket])
        versioned = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=LAKEHOUSE["LAKEHOUSE_LANDING_BUCKET"], VersioningConfiguration=versioned)
        yield client


@pytest.fixture(scope="session")
def dag_bag() -> Any:
    """Every DAG in dags/, read as Airflow reads them."""
    from airflow.dag_processing.dagbag import BundleDagBag

    with pytest.MonkeyPatch.context() as patch:
        for name, value in LAKEHOUSE.items():
            patch.setenv(name, value)
        return BundleDagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder")
