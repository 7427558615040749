"""Spark for tables of a few rows: what it does once for millions of rows costs more than it gains."""

from __future__ import annotations

QUICK = {
    # Without the optimizing compiler the JVM would keep 48 MB of code, which Spark fills; what comes after would be
    # interpreted. On two cores a collector that works beside the program takes from it.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC",
    # Empty tasks.
    "spark.sql.shuffle.partitions": "2",
    # Planning again after every shuffle, and a long text of each plan for a page that nobody opens.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.ui.explainMode": "simple",
    # Java written and compiled for each query: half of the CPU time of a small batch. The end-to-end tests have it.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Settings on top of those of the Glue jobs."""
