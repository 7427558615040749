"""One Spark session on one local AWS for all tests of this folder; a fresh lake for each test that asks for one."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.sql import SparkSession

from infra.local_aws import spark_runtime
from lakehouse import jobs
from tests.support.lake import BUCKET, LANDING, TOKEN_KEY, TestLake
from tests.support.landing import new_landing_bucket
from tests.support.local_aws_process import LocalAwsProcess
from tests.support.quick_spark import QUICK


@pytest.fixture(scope="package")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAwsProcess]:
    process = LocalAwsProcess(tmp_path_factory.mktemp("spark") / "state")
    before = dict(os.environ)
    # boto3 in this process and in Spark's Python workers, and the JVM, all find the local AWS here.
    os.environ.update({**process.environment, "PYSPARK_PYTHON": sys.executable})
    process.client("s3").create_bucket(Bucket=BUCKET)
    new_landing_bucket(process.client("s3"), LANDING)
    process.client("secretsmanager").create_secret(Name=TOKEN_KEY, SecretBinary=bytes(range(32)))
    yield process
    os.environ.clear()
    os.environ.update(before)
    process.stop()


@pytest.fixture(scope="package")
def spark(aws: LocalAwsProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """As the workers of the local AWS start it, jars on the class path: as packages of Spark's they would also be on
    the path of its Python workers, which read the directory of each one again for every task."""
    wanted = {
        **jobs.spark_conf(BUCKET),
        **QUICK,
        # Tests drop and create tables behind Spark's back.
        "spark.sql.catalog.lake.cache-enabled": "false",
    }
    coordinates, scratch = spark_runtime.packages("iceberg"), tmp_path_factory.mktemp("scratch")
    builder = SparkSession.builder.appName("tests")
    for key, value in spark_runtime.session_conf(wanted, coordinates, scratch).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    # Its connections say goodbye when Python collects them, which is after pytest has closed its log.
    logging.getLogger("py4j").setLevel(logging.ERROR)
    yield session
    session.stop()


@pytest.fixture
def lake(spark: SparkSession, aws: LocalAwsProcess) -> TestLake:
    """An empty lake: no tables, no objects."""
    fresh: Any = TestLake(spark, aws.client("s3"), aws.client("glue"))
    fresh.clear()
    return fresh
