"""The Glue jobs of a lake and how Spark reaches its tables: one declaration for every deployment."""

from __future__ import annotations

from collections.abc import Mapping

from lakehouse.tables import CATALOG, WAREHOUSE

GLUE_VERSION = "6.0"
# Entry point (glue_jobs/<name>.py) → timeout in minutes: the stations of a batch in their order, then all jobs.
BATCH_JOBS: Mapping[str, int] = {"ingest_bronze": 60, "refine_silver": 120, "build_gold": 120}
JOBS: Mapping[str, int] = {**BATCH_JOBS, "preview_replay": 60, "maintain_tables": 180}


def spark_conf(bucket: str) -> dict[str, str]:
    """Spark's settings for the Iceberg catalog: the same on Glue and on a laptop."""
    catalog = f"spark.sql.catalog.{CATALOG}"
    return {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        f"{catalog}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{catalog}.warehouse": f"s3://{bucket}/{WAREHOUSE.rstrip('/')}",
        # Path style is what every S3 endpoint understands.
        f"{catalog}.s3.path-style-access": "true",
        # Iceberg keeps its own versions; Glue's archive of table versions would only grow.
        f"{catalog}.glue.skip-archive": "true",
        "spark.sql.session.timeZone": "UTC",
        # A cell may have 4 MiB: 10,000 rows of such, which Spark would send to Python at once, fit into no memory.
        "spark.sql.execution.arrow.maxBytesPerBatch": str(16 << 20),
        # Java that Spark writes for queries: every batch asks the same, hundreds of them, in more than the usual 100
        # pieces, of which none would be left when the next batch comes. Nor would a piece be known again that is named
        # by its place in a plan, which adaptive execution numbers as its stages happen to end.
        "spark.sql.codegen.cache.maxEntries": "3000",
        "spark.sql.codegen.useIdInClassName": "false",
    }


def conf_argument(conf: Mapping[str, str]) -> str:
    """`--conf` as Glue wants it: `k=v --conf k2=v2`, no prefix on the first."""
    return " --conf ".join(f"{key}={value}" for key, value in conf.items())
