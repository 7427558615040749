"""What a small batch costs beside making everything again: processor seconds of one run, on the local AWS.

    python benchmarks/incremental.py [--json] [--rows 3000000] [--share 0.01]

A shop of so many rows over a year is loaded. Then batches change a share of its users, transactions and events: the
latest ones, and ones spread over all the year, each kind twice, for the first of a kind meets code that Java has not
compiled yet. Each walks the whole road: intake and bronze, silver, gold, Redshift, proof. Last, all of that is made
again from the raw files. The processor's seconds are those of the Glue workers with their JVMs and of the local AWS,
which is S3, the Glue catalog and Redshift. Exits with 1 when the second batch of a kind costs more than its goal, as a
share of the rebuild.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# The folder of a script comes first on Python's path: a neighbour would hide the package that it is named after.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import boto3
import duckdb
import psutil  # type: ignore[import-untyped]
from rich.console import Console
from rich.table import Table

from datagen.generate import TRUTH
from lakehouse import rebuilds, road
from lakehouse.contract import load_registry
from lakehouse.settings import Settings
from tests.support.landing import delivered_files, fresh_lake, land

LAKEHOUSE = Path(sys.executable).parent / "lakehouse"
DAYS = 365
GOALS = {"recent": 0.15, "spread": 0.35}
TURNS = ("first", "second")
# Column that says when a row happened, the one that says when it changed, and what the first and the second change do.
CHANGES: Mapping[str, tuple[str, str, tuple[str, str]]] = {
    "users": (
        *("signed_up_at", "updated_at"),
        (
            "CASE WHEN country = 'DE' THEN 'FR' ELSE 'DE' END AS country",
            "CASE WHEN country = 'ES' THEN 'IT' ELSE 'ES' END AS country",
        ),
    ),
    "transactions": ("occurred_at", "updated_at", ("amount + 1 AS amount", "amount + 2 AS amount")),
    "events": ("occurred_at", "received_at", ("'purchase' AS event_type", "'page_view' AS event_type")),
}


class Meter:
    """Processor seconds of a process and all its descendants, those that have ended included."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def seconds(self) -> float:
        spent = 0.0
        for process in (self._root, *self._root.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue  # its parent has its seconds now
            spent += times.user + times.system + times.children_user + times.children_system
        return spent


def changed(truth: Path, dataset: str, which: str, turn: int, share: float) -> tuple[bytes, int]:
    """A share of a dataset's rows, each changed, as NDJSON; and how many."""
    happened, changed_at, changes = CHANGES[dataset]
    rows = f"read_parquet('{truth}/silver/{dataset}/*.parquet')"
    chosen = (
        f"{happened} >= (SELECT quantile_disc({happened}, {1 - share}) FROM {rows})"
        if which == "recent"
        else f"hash({happened}, {share}) % 1000000 < {round(share * 1_000_000)}"
    )
    later = f"coalesce({changed_at}, {happened}) + INTERVAL {30 * (turn + 1)} DAYS AS {changed_at}"
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        file = Path(folder) / "rows.ndjson"
        connection.execute(
            f"COPY (SELECT * REPLACE ({changes[turn]}, {later}) FROM {rows} WHERE {chosen}) TO '{file}' (FORMAT json)"
        )
        data = file.read_bytes()
    return data, data.count(b"\n")


def walk(settings: Settings, meter: Meter) -> dict[str, Any]:
    """Everything that waits, down the road; what it cost."""
    began, cpu, batches = time.monotonic(), meter.seconds(), 0
    stations: dict[str, float] = {}
    while done := list(_one(settings, meter, stations)):
        batches += bool(done)
    return {
        "batches": batches,
        "cpu_seconds": round(meter.seconds() - cpu, 1),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds_by_station": {name: round(spent, 1) for name, spent in stations.items()},
    }


def _one(settings: Settings, meter: Meter, stations: dict[str, float]) -> Iterator[str]:
    """One batch; adds what each station cost."""
    before = meter.seconds()
    for name, _ in road.run(settings):
        now = meter.seconds()
        stations[name] = stations.get(name, 0.0) + now - before
        before = now
        yield name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rows", type=int, default=3_000_000, help="rows of the shop, about")
    parser.add_argument("--share", type=float, default=0.01, help="share of the rows that a batch changes")
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        with console.status(f"making {options.rows:,} rows"):
            order = ("--rows", str(options.rows), "--days", str(DAYS), "--defects", "none", "--out", str(files))
            subprocess.run([LAKEHOUSE, "generate", "storefront", *order], check=True, stdout=sys.stderr)  # noqa: S603
        with fresh_lake(Path(folder) / "state") as (aws, settings):
            results = _measure(settings, Meter(aws.pid), files, options.share, console)
    rebuild = results["rebuild"]["cpu_seconds"]
    shares = {what: round(found["cpu_seconds"] / rebuild, 3) for what, found in results.items()}
    for what in shares.keys() - {"everything", "rebuild"}:
        results[what]["of_rebuild"] = shares[what]
    for which, goal in GOALS.items():
        results[f"{which}, {TURNS[-1]}"]["goal"] = goal
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        _print(results)
    if any(shares[f"{which}, {TURNS[-1]}"] > goal for which, goal in GOALS.items()):
        sys.exit(1)


def _measure(settings: Settings, meter: Meter, files: Path, share: float, console: Console) -> dict[str, Any]:
    s3, results = boto3.client("s3"), {}
    land(settings, ((f"storefront/{name}", file) for name, file in delivered_files(files).items()))
    with console.status("loading all of it"):
        results["everything"] = walk(settings, meter)
    batches = [(which, turn) for which in GOALS for turn in range(len(TURNS))]
    for which, turn in batches:
        rows = 0
        for dataset in CHANGES:
            data, count = changed(files / TRUTH, dataset, which, turn, share)
            rows += count
            key = f"storefront/{dataset}/{which}-{TURNS[turn]}.ndjson"
            s3.put_object(Bucket=settings.landing_bucket, Key=key, Body=data)
        with console.status(f"loading a batch of {rows:,} rows: {which}, {TURNS[turn]}"):
            results[f"{which}, {TURNS[turn]}"] = {"rows": rows, **walk(settings, meter)}
    rebuilds.submit(s3, settings.bucket, load_registry(), "storefront", "raw", "a benchmark", datetime.now(UTC), "x")
    with console.status("rebuilding"):
        results["rebuild"] = walk(settings, meter)
    return results


def _print(results: dict[str, dict[str, Any]]) -> None:
    table = Table("what", "rows", "batches", "seconds", "CPU seconds", "of a rebuild", "goal", box=None)
    for what, found in results.items():
        table.add_row(
            what,
            f"{found['rows']:,}" if "rows" in found else "",
            str(found["batches"]),
            f"{found['seconds']:,}",
            f"{found['cpu_seconds']:,}",
            str(found.get("of_rebuild", "")),
            str(found.get("goal", "")),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
