"""What the Python workers of Spark on a laptop find when a task begins."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import SparkSession


def _what_is_there(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _ in batches:
        places = [*sys.path, *sys.path_importer_cache]
        for kind, names in (("place", places), ("module", ["boto3", "pyarrow.parquet"])):
            found = [name for name in names if kind == "place" or name in sys.modules]
            yield pa.RecordBatch.from_pydict({"kind": [kind] * len(found), "name": found})


def test_no_archive_is_read_again_and_what_tasks_need_is_imported(spark: SparkSession) -> None:
    rows = spark.range(1).mapInArrow(_what_is_there, "kind string, name string").collect()
    places = [row.name for row in rows if row.kind == "place"]
    assert places
    assert [place for place in places if ".jar" in place or ".zip/" in place] == []
    assert {row.name for row in rows if row.kind == "module"} == {"boto3", "pyarrow.parquet"}
