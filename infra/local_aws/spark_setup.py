"""``python -m infra.local_aws.spark_setup``: fetch Spark's jars, and archive the classes that a job loads.

Done once per environment, in about half a minute; done already, it is recognised at once. Without it, the first job
fetches the jars itself and each worker starts some seconds slower.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.local_aws import spark_runtime

if TYPE_CHECKING:
    import pyarrow as pa

COORDINATES = spark_runtime.packages("iceberg")
BUCKET = "training"
CATALOG_CONF = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.catalog.training": "org.apache.iceberg.spark.SparkCatalog",
    "spark.sql.catalog.training.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
    "spark.sql.catalog.training.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    "spark.sql.catalog.training.s3.path-style-access": "true",
    "spark.sql.catalog.training.warehouse": f"s3://{BUCKET}/warehouse",
}


def main() -> int:
    """Do what is missing and return the exit code; one line on stdout for each thing done."""
    jars = spark_runtime.cached_jars(COORDINATES)
    if jars is not None and spark_runtime.class_archive(jars).is_file():
        return 0
    return _train(jars)


def _train(jars: list[Path] | None) -> int:
    # Imported only when there is something to do: to see that there is not must take no second.
    import boto3
    from moto.server import ThreadedMotoServer

    from infra.local_aws.glue_artifacts import worker_environment
    from infra.local_aws.keys import Key

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = worker_environment(f"http://{host}:{port}", Key("training", "training"))
    os.environ.clear()
    os.environ.update(environment)
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    try:
        with tempfile.TemporaryDirectory() as directory:
            if jars is None:
                sys.stdout.write("Fetching the Spark jars\n")
                _run_job(Path(directory), {})
                jars = spark_runtime.cached_jars(COORDINATES)
            if jars is None:
                sys.stderr.write("Spark fetched its jars to a place that is not known here\n")
                return 1
            sys.stdout.write("Archiving the classes that Spark jobs load\n")
            _write_archive(spark_runtime.class_archive(jars), Path(directory))
    finally:
        server.stop()
    return 0


def _write_archive(archive: Path, directory: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place, so that it appears under its name whole or not at all.
    unfinished = archive.with_name(f"unfinished-{os.getpid()}")
    try:
        options = f'-XX:ArchiveClassesAtExit="{unfinished}" {" ".join(spark_runtime.QUIET_CLASS_SHARING)}'
        _run_job(directory, {"spark.driver.extraJavaOptions": options})
        for outdated in archive.parent.glob(f"*{archive.suffix}"):
            outdated.unlink()
        unfinished.rename(archive)
    finally:
        unfinished.unlink(missing_ok=True)


def _run_job(directory: Path, conf: dict[str, str]) -> None:
    """Do once what jobs do: tables, Arrow in Python tasks, MERGE. Only a JVM that ends in good order archives."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    for key, value in spark_runtime.session_conf({**CATALOG_CONF, **conf}, COORDINATES, directory).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    try:
        spark.sql("CREATE NAMESPACE IF NOT EXISTS training.db")
        spark.sql("CREATE TABLE training.db.t (id BIGINT, name STRING, day DATE) USING iceberg PARTITIONED BY (day)")
        rows = spark.range(1000).mapInArrow(_pass_on, "id BIGINT")
        rows = rows.selectExpr("id", "cast(id AS STRING) AS name", "DATE'2026-01-01' AS day")
        rows.writeTo("training.db.t").append()
        spark.range(10).createOrReplaceTempView("changes")
        spark.sql(
            "MERGE INTO training.db.t t USING (SELECT DISTINCT id FROM changes) c ON t.id = c.id "
            "WHEN MATCHED THEN UPDATE SET name = 'changed'"
        )
        spark.sql("SELECT name, count(*) FROM training.db.t GROUP BY name ORDER BY 2 DESC LIMIT 1").collect()
    finally:
        spark.sql("DROP TABLE IF EXISTS training.db.t PURGE")
        spark.stop()
        gateway: Any = SparkContext._gateway
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()
        SparkContext._gateway = SparkContext._jvm = None


def _pass_on(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    yield from batches


if __name__ == "__main__":
    sys.exit(main())
