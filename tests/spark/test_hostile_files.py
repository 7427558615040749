"""Files that mean harm, through the real jobs: every file has a verdict, every row a place, and memory an end.

LAKEHOUSE_HOSTILE_FILES says how many, 300 for a long run; LAKEHOUSE_HOSTILE_SEED which.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import tables
from lakehouse.contract import load_registry
from tests.support.hostile_files import DATASETS, hostile_files
from tests.support.lake import TestLake

IS_LONG = "LAKEHOUSE_HOSTILE_FILES" in os.environ
FILES = int(os.environ.get("LAKEHOUSE_HOSTILE_FILES", "9"))
SEED = int(os.environ.get("LAKEHOUSE_HOSTILE_SEED", "1"))
FILES_PER_BATCH = 50
# What Java needs beside its heap, and a Python worker for each core.
MOST_BESIDE_HEAP = 3 << 29
MOST_OF_WORKER = 1 << 30


@contextmanager
def _peaks() -> Iterator[dict[str, int]]:
    """The most resident bytes that the JVM and any one Python worker had meanwhile."""
    peaks, is_over = {"jvm": 0, "worker": 0}, threading.Event()

    def watch() -> None:
        while not is_over.wait(0.2):
            for process in psutil.Process().children(recursive=True):
                try:
                    kind = "jvm" if process.name() == "java" else "worker"
                    if kind == "jvm" or any("daemon" in part for part in process.cmdline()):
                        peaks[kind] = max(peaks[kind], process.memory_info().rss)
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        is_over.set()
        watcher.join()


def test_no_file_fails_its_batch(lake: TestLake) -> None:
    began, landed = time.monotonic(), 0
    datasets = DATASETS if IS_LONG else DATASETS[:1]
    for file in hostile_files(SEED, FILES, datasets):
        lake.land(file.dataset, file.name, file.data)
        landed += len(file.data)
    with _peaks() as peaks:
        # To gold in the long run: it reads nothing but silver.
        batches = lake.run_all(FILES_PER_BATCH) if IS_LONG else lake.run_to_silver()

    files = lake.read(tables.files).select("verdict", "reason", "rows_parsed", "detail").collect()
    verdicts = Counter(row.reason or row.verdict for row in files)
    assert len(files) == FILES
    assert verdicts["accepted"] > FILES // 3
    assert verdicts["too_many_columns"] > 0
    assert "processing_failed" not in verdicts
    assert max(len(row.detail or "") for row in files) < 5_000

    names = ("parsed", "silver", "quarantined", "duplicate", "superseded")
    accounts = lake.read(tables.row_accounts).agg(*(F.sum(name).alias(name) for name in names)).collect()[0].asDict()
    assert accounts["parsed"] == sum(row.rows_parsed or 0 for row in files)
    assert accounts["parsed"] == sum(accounts[name] for name in names[1:])
    assert accounts["silver"] > 0

    for dataset in datasets:
        contract = load_registry().sources[dataset]
        texts = [column.name for column in contract.columns if column.type.kind == "varchar"]
        silver = lake.read(tables.silver_table(contract))
        assert silver.where(F.concat_ws("", *texts).contains("\x00")).isEmpty()
        assert silver.where(" OR ".join(f"{name} <> btrim({name})" for name in texts)).isEmpty()
    refused = lake.read(tables.quarantined_rows)
    assert refused.agg(F.max(F.char_length("violations"))).collect()[0][0] <= tables.MAX_SHOWN_CHARACTERS
    assert lake.read(tables.drift).groupBy("file_id").count().where("count > 100").isEmpty()

    seconds = round(time.monotonic() - began)
    told = {"files": len(files), "batches": len(batches), "landed_mib": landed >> 20, "seconds": seconds}
    print(json.dumps({**told, **accounts, "verdicts": verdicts, **{k: v >> 20 for k, v in peaks.items()}}))  # noqa: T201
    heap = lake.spark._jvm.java.lang.Runtime.getRuntime().maxMemory()  # type: ignore[union-attr]
    assert 0 < peaks["jvm"] < heap + MOST_BESIDE_HEAP
    assert 0 < peaks["worker"] < MOST_OF_WORKER
