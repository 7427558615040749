"""Where processes are killed: at every named step of a batch's road, before and after, and at random moments.

A run of the road takes kills of several lists, so that one station after the other dies and is taken up again. What a
step is can be read off the requests that the local AWS sees: each commit to a table is one UpdateTable of the catalog.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

SERVER, WORKERS, DRIVER = "server", "workers", "driver"
"""The local AWS; the Glue worker with its JVM; the process that walks the road, which stands for the scheduler's."""
BATCH = "0000000002"


@dataclass(frozen=True)
class Kill:
    """SIGKILL to `victim` at a request (`pattern`, `moment`), or at `fraction` of the station's usual time."""

    station: str
    name: str
    victim: str
    pattern: str = ""
    moment: str = ""
    nth: int = 1
    fraction: float = 0.0

    def __str__(self) -> str:
        when = f"{self.moment} {self.name}" if self.pattern else f"{self.fraction:.0%} into {self.station}"
        return f"{self.victim} {when}"


def _around(station: str, name: str, pattern: str, before: str, after: str, nth: int = 1) -> Iterator[Kill]:
    """A kill before and one after a step, each with its victim."""
    yield Kill(station, name, before, pattern, "before", nth)
    yield Kill(station, name, after, pattern, "after", nth)


def _commit(table: str) -> str:
    return f"^glue UpdateTable {table}$"


PLAN = [
    *_around("plan", "the manifest", f"^s3 PutObject .*/batches/{BATCH}/manifest.json$", DRIVER, SERVER),
    *_around("plan", "the manifest", f"^s3 PutObject .*/batches/{BATCH}/manifest.json$", SERVER, DRIVER),
    *_around("plan", "landing is listed", "^s3 GetBucket lakehouse-local-landing/$", SERVER, DRIVER, nth=2),
]
BRONZE = [
    *_around("ingest_bronze", "a new table", "^glue CreateTable silver_.*_history$", SERVER, WORKERS),
    *_around("ingest_bronze", "the archive of a read file", "^s3 CopyObject lakehouse-local/raw/", WORKERS, SERVER),
    *_around("ingest_bronze", "a dataset's rows", _commit("bronze_storefront.transactions"), WORKERS, SERVER),
    *_around("ingest_bronze", "ops.files", _commit("ops.files"), SERVER, WORKERS),
    *_around("ingest_bronze", "ops.batches", _commit("ops.batches"), WORKERS, SERVER),
    Kill("ingest_bronze", "a data file", WORKERS, "^s3 PutObject .*/warehouse/bronze_.*/data/", "after", 2),
    Kill("ingest_bronze", "another dataset's rows", WORKERS, _commit("bronze_.*"), "after", 3),
    # The run goes on without its driver, and leaves no step of bronze to be hit.
    Kill("ingest_bronze", "the run is started", DRIVER, "^glue StartJobRun .*bronze$", "after"),
]
_SILVER_FILES = "^s3 PutObject .*/silver_storefront.db/transactions/data/"
_GOLD_FILES = "^s3 PutObject .*/gold_storefront.db/fact_transaction/data/"
SILVER = [
    *_around("refine_silver", "changes", _commit("silver_storefront.transactions_changes"), WORKERS, SERVER),
    *_around("refine_silver", "quarantine", _commit("quarantine.rows"), SERVER, WORKERS, nth=2),
    *_around("refine_silver", "history", _commit("silver_storefront.transactions_history"), WORKERS, SERVER),
    Kill("refine_silver", "a data file of silver", WORKERS, _SILVER_FILES, "after"),
    *_around("refine_silver", "the places of replaced rows", f"{_SILVER_FILES}.*-deletes", SERVER, WORKERS),
    *_around("refine_silver", "silver", _commit("silver_storefront.transactions"), SERVER, WORKERS),
    *_around("refine_silver", "row accounts", _commit("ops.row_accounts"), WORKERS, SERVER),
    # After the parents' level come the lines that waited for them.
    *_around("refine_silver", "silver of released rows", _commit("silver_retail.order_items"), SERVER, WORKERS),
    # Four datasets have refused rows of their own.
    *_around("refine_silver", "the release", _commit("quarantine.rows"), WORKERS, SERVER, nth=5),
]
GOLD = [
    Kill("build_gold", "sales_trends", WORKERS, _commit("gold_online_retail.sales_trends"), "after"),
    *_around("build_gold", "daily_revenue", _commit("gold_storefront.daily_revenue"), SERVER, WORKERS),
    *_around("build_gold", "dim_user", _commit("gold_storefront.dim_user"), WORKERS, WORKERS),
    Kill("build_gold", "a data file of gold", SERVER, _GOLD_FILES, "after"),
    Kill("build_gold", "the places of replaced facts", WORKERS, f"{_GOLD_FILES}.*-deletes", "after"),
    *_around("build_gold", "fact_transaction", _commit("gold_storefront.fact_transaction"), WORKERS, SERVER),
    Kill("build_gold", "user_activity", WORKERS, _commit("gold_storefront.user_activity"), "after"),
    Kill("build_gold", "user_lifetime_value", SERVER, _commit("gold_storefront.user_lifetime_value"), "after"),
    Kill("build_gold", "an exported file", WORKERS, f"^s3 PutObject .*/export/{BATCH}/.*rows/", "after", 3),
    *_around("build_gold", "the export's index", f"^s3 PutObject .*/export/{BATCH}/index.json$", WORKERS, SERVER),
]
_STAGE, _TRANSACTION = "CREATE TEMP TABLE", "LOCK ops.loads; DELETE FROM"
LOAD = [
    kill
    for name, sql in (
        ("the stage", _STAGE),
        ("the first domain's transaction", f"{_TRANSACTION} online_retail"),
        ("the second domain's transaction", f"{_TRANSACTION} storefront"),
    )
    for pair in ((SERVER, DRIVER), (DRIVER, SERVER))
    for kill in _around("load_warehouse", name, f"^redshift-data BatchExecuteStatement {sql}", *pair)
]
LOAD += [
    # The transactions of the load are committed; nothing has been proved.
    *_around("prove", "the first sum", "^redshift-data ExecuteStatement ", SERVER, DRIVER),
    *_around("prove", "a later sum", "^redshift-data ExecuteStatement ", DRIVER, SERVER, nth=9),
]
_RAW, _LANDING = "^s3 CopyObject lakehouse-local/", "^s3 DeleteObject lakehouse-local-landing/"
MOVE = [
    *_around("finish", "the first delete", _LANDING, DRIVER, SERVER),
    *_around("finish", "the second copy", _RAW, DRIVER, SERVER, nth=2),
    *_around("finish", "the fifth delete", _LANDING, SERVER, DRIVER, nth=5),
    *_around("finish", "the first copy", _RAW, SERVER, DRIVER),
    *_around("finish", "done.json", f"^s3 PutObject .*/batches/{BATCH}/done.json$", SERVER, DRIVER),
    *_around("finish", "latest.json", "^s3 PutObject .*/batches/latest.json$", SERVER, DRIVER),
    *_around("finish", "done.json", f"^s3 PutObject .*/batches/{BATCH}/done.json$", DRIVER, SERVER),
    *_around("finish", "latest.json", "^s3 PutObject .*/batches/latest.json$", DRIVER, SERVER),
]


def _portions(kills: list[Kill], count: int) -> list[list[Kill]]:
    """The list dealt out to `count` runs, its order kept within each."""
    return [kills[start::count] for start in range(count)]


_SPARK_RUNS, _RANDOM_RUNS = 6, 2
_moments = random.Random(5)
AT_RANDOM = [
    [
        Kill(station, "", victim, fraction=round(_moments.uniform(0.05, 0.9), 2))
        for station, victim in (
            ("plan", (DRIVER, SERVER)[number]),
            ("ingest_bronze", (WORKERS, SERVER)[number]),
            ("refine_silver", (SERVER, WORKERS)[number]),
            ("build_gold", (WORKERS, DRIVER)[number]),
            ("load_warehouse", (SERVER, DRIVER)[number]),
            ("finish", (DRIVER, SERVER)[number]),
        )
    ]
    for number in range(_RANDOM_RUNS)
]
# The lists are dealt out to the runs, their order kept within each: what an earlier try has done is not done again.
_WITH_SPARK = [
    [kill for steps in (PLAN, BRONZE, SILVER, GOLD) for kill in steps[number::_SPARK_RUNS]]
    for number in range(_SPARK_RUNS)
]
_WITHOUT_SPARK = [list(pair) for pair in zip(LOAD, MOVE, strict=True)]
RUNS = [*_WITHOUT_SPARK, *AT_RANDOM, *_WITH_SPARK]
"""Every kill in exactly one run; in a run, station by station."""
SHORT = [
    Kill("ingest_bronze", "ops.files", WORKERS, _commit("ops.files"), "after"),
    Kill("refine_silver", "silver", SERVER, _commit("silver_storefront.transactions"), "before"),
    Kill("build_gold", "fact_transaction", WORKERS, _commit("gold_storefront.fact_transaction"), "after"),
    Kill("load_warehouse", "the second domain's transaction", SERVER, f"{_TRANSACTION} storefront", "before"),
    Kill("finish", "the first delete", DRIVER, _LANDING, "before"),
    Kill("finish", "done.json", SERVER, f"^s3 PutObject .*/batches/{BATCH}/done.json$", "after"),
]
"""One run that every station survives, for every day."""
