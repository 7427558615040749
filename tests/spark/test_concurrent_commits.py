"""Spark jobs that commit to one Iceberg table at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

from lakehouse.tables import CATALOG
from tests.support.local_aws_process import LocalAwsProcess

BUCKET = "competition"
TABLE = f"{CATALOG}.competition.appended"
WRITERS = 2
COMMITS_PER_WRITER = 5


def test_concurrent_appends_lose_nothing(spark: SparkSession, aws: LocalAwsProcess) -> None:
    """Glue refuses the commit that is based on an old version, Iceberg tries again, and every row is there."""
    s3, glue = aws.client("s3"), aws.client("glue")
    s3.create_bucket(Bucket=BUCKET)
    # Iceberg removes the metadata of a refused commit; a bucket with versions still shows that it was written.
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    glue.create_database(DatabaseInput={"Name": "competition"})
    spark.sql(
        f"CREATE TABLE {TABLE} (writer INT, number INT) USING iceberg LOCATION 's3://{BUCKET}/appended'"
        " TBLPROPERTIES ('commit.retry.num-retries' = '20')"
    )

    def write(writer: int) -> None:
        for number in range(COMMITS_PER_WRITER):
            spark.sql(f"INSERT INTO {TABLE} VALUES ({writer}, {number})")

    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))
        found = sorted((row.writer, row.number) for row in spark.table(TABLE).collect())
        snapshots = spark.table(f"{TABLE}.snapshots").count()
        versions = s3.list_object_versions(Bucket=BUCKET, Prefix="appended/metadata/")["Versions"]
    finally:
        glue.delete_database(Name="competition")
    commits = WRITERS * COMMITS_PER_WRITER
    assert found == [(writer, number) for writer in range(WRITERS) for number in range(COMMITS_PER_WRITER)]
    assert snapshots == commits
    written = {version["Key"] for version in versions if version["Key"].endswith(".metadata.json")}
    assert len(written) > commits + 1, "no commit was refused, so nothing was proved"
