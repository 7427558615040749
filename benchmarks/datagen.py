"""How fast the generator is, beside a plain Faker loop that writes the same columns: in the same run, on this machine.

    python benchmarks/datagen.py [--json] [--rows 1000000] [--memory]

Rows per second of transactions, events and users as CSV files on disk, their truth written as well, on one core and on
two; the same as .csv.gz; and with the defects of a messy delivery. Start-up (imports, contracts, Faker's pools: about
two seconds a process) is not in the figures. --memory adds the peak memory of `lakehouse generate` at 1 and at 20
million rows.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# The folder of a script comes first on Python's path: this file would hide the package that it is named after.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]

from faker import Faker

from datagen.defects import DEFECTS, shares_of
from datagen.generate import FILE_BYTES
from datagen.plan import Plan
from datagen.shard import Shard
from datagen.sinks import Folder
from datagen.storefront import Storefront
from datagen.world import FIRST_DAY, Births, Slice
from datagen.writers import FORMATS
from lakehouse.contract import load_registry

GOALS = {"transactions": 50, "events": 80, "users": 200}
GZIP_GOAL = 0.7
FAKER_ROWS = 5_000
DAYS = 8
ROWS_PER_FILE = FILE_BYTES // 170
MEMORY_ROWS = (1_000_000, 20_000_000)
# Rows of a whole storefront of which one is of the dataset, about.
_STOREFRONT_ROWS = {"transactions": 12.5, "events": 1.12, "users": 33.4}
# The same within a slice: most users have signed up before the first day, and come with it.
_SLICE_ROWS = {**_STOREFRONT_ROWS, "users": 8.0}


class OneDataset(Storefront):
    """A storefront of which one dataset is delivered."""

    def datasets_in(self, part: Slice) -> Sequence[str]:
        return self.datasets

    def births(self, part: Slice) -> Mapping[str, Births]:
        return {name: _BIRTHS[name](self, part) for name in self.datasets}


class Transactions(OneDataset):
    datasets = ("transactions",)


class Events(OneDataset):
    datasets = ("events",)


class Users(OneDataset):
    datasets = ("users",)


_WORLDS = {"transactions": Transactions, "events": Events, "users": Users}
_BIRTHS: Mapping[str, Callable[[Storefront, Slice], Births]] = {
    "transactions": lambda world, part: world.sales(part, world.visits(part)),
    "events": lambda world, part: Births(world.events(part, world.visits(part))),
    "users": lambda world, part: Births(world.sign_ups(part)),
}


def generated(dataset: str, rows: int, part: int, parts: int, extension: str, defects: str, folder: str) -> int:
    """Deliver one of several parts of a world's files; gives its rows."""
    all_rows = int(rows * _STOREFRONT_ROWS[dataset])
    world = _WORLDS[dataset](all_rows, DAYS, 7, FIRST_DAY, int(ROWS_PER_FILE * _SLICE_ROWS[dataset]))
    plan = Plan(
        world=world,
        contracts={dataset: load_registry().sources[f"storefront.{dataset}"]},
        formats=[form for form in FORMATS if form.extension == extension],
        defects=list(DEFECTS.values()),
        shares=shares_of(defects),
    )
    count = len(world.slices)
    slices = world.slices[count * part // parts : count * (part + 1) // parts]
    shard = Shard(part, slices, plan, Folder(Path(folder)), Path(folder) / "_truth")
    return sum(done.rows for done in shard.deliver())


def faker_loop(dataset: str, rows: int, path: Path) -> None:
    """What most people write: a loop, a Faker call for each cell, a CSV writer."""
    fake = Faker()
    fake.seed_instance(7)
    rate = ("completed", "refunded", "cancelled", "pending")
    row: Callable[[], Sequence[Any]] = {
        "users": lambda: (
            fake.uuid4(),
            fake.email(),
            fake.name(),
            fake.country_code(),
            fake.date_time_this_year().isoformat(),
            fake.boolean(),
            fake.date_time_this_year().isoformat(),
        ),
        "transactions": lambda: (
            fake.uuid4(),
            fake.uuid4(),
            fake.bothify("p-####"),
            fake.catch_phrase(),
            fake.word(),
            fake.random_int(1, 5),
            fake.pydecimal(left_digits=4, right_digits=2, positive=True),
            fake.pydecimal(left_digits=4, right_digits=2, positive=True),
            fake.currency_code(),
            fake.random_element(rate),
            fake.random_element(("card", "paypal", "klarna", "bank_transfer")),
            fake.date_time_this_year().isoformat(),
            fake.date_time_this_year().isoformat(),
        ),
        "events": lambda: (
            fake.uuid4(),
            fake.uuid4(),
            fake.uuid4(),
            fake.random_element(("page_view", "search", "add_to_cart", "checkout", "purchase")),
            fake.bothify("p-####"),
            fake.uri_path(),
            fake.random_element(("desktop", "mobile", "tablet")),
            fake.date_time_this_year().isoformat(),
            fake.date_time_this_year().isoformat(),
        ),
    }[dataset]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(load_registry().sources[f"storefront.{dataset}"].column_names)
        writer.writerows(row() for _ in range(rows))


class Bench:
    """Processes that are warm, and a folder to write to."""

    def __init__(self, rows: int, folder: Path) -> None:
        self._rows, self._folder = rows, folder
        self._pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        for dataset in _WORLDS:
            for defects in ("none", "messy"):
                for extension in (".csv", ".csv.gz"):
                    self.rate(dataset, 2, extension, defects, 4_000)

    def rate(self, dataset: str, cores: int, extension: str, defects: str, rows: int | None = None) -> float:
        """Rows per second."""
        folder = self._folder / dataset
        shutil.rmtree(folder, ignore_errors=True)
        began = time.perf_counter()
        parts = [
            self._pool.submit(generated, dataset, rows or self._rows, part, cores, extension, defects, str(folder))
            for part in range(cores)
        ]
        count = sum(part.result() for part in parts)
        return count / (time.perf_counter() - began)

    def faker_rate(self, dataset: str) -> float:
        """Rows per second of the loop."""
        began = time.perf_counter()
        faker_loop(dataset, FAKER_ROWS, self._folder / f"{dataset}.csv")
        return FAKER_ROWS / (time.perf_counter() - began)

    def figures(self, dataset: str) -> dict[str, Any]:
        """Everything about one dataset; `goal` is that of `ratio_one_core`."""
        faker = self.faker_rate(dataset)
        one = self.rate(dataset, 1, ".csv", "none")
        two = self.rate(dataset, 2, ".csv", "none")
        gzip = self.rate(dataset, 1, ".csv.gz", "none")
        messy = self.rate(dataset, 1, ".csv", "messy", self._rows // 4)
        return {
            "dataset": dataset,
            "faker_rows_per_s": round(faker),
            "one_core_rows_per_s": round(one),
            "two_cores_rows_per_s": round(two),
            "gzip_rows_per_s": round(gzip),
            "messy_rows_per_s": round(messy),
            "ratio_one_core": round(one / faker, 1),
            "ratio_two_cores": round(two / faker, 1),
            "ratio_gzip": round(gzip / one, 2),
            "goal": GOALS[dataset],
            "goal_gzip": GZIP_GOAL,
        }

    def close(self) -> None:
        self._pool.shutdown()


def memory(rows: int, folder: Path) -> dict[str, int]:
    """Peak resident memory of the command line, on one core, in MB."""
    command = [str(Path(sys.executable).parent / "lakehouse"), "generate", "storefront", "--rows", str(rows)]
    command += ["--days", "30", "--defects", "messy", "--cores", "1", "--out", str(folder / f"memory-{rows}")]
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    answer = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)  # noqa: S603
    shutil.rmtree(folder / f"memory-{rows}", ignore_errors=True)
    kilobytes = int(answer.stdout)
    return {"rows": rows, "peak_mb": kilobytes // 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each dataset")
    parser.add_argument("--memory", action="store_true", help="measure the peak memory too (some minutes)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.rows, Path(folder))
        found: dict[str, Any] = {"rates": [bench.figures(dataset) for dataset in _WORLDS]}
        bench.close()
        if options.memory:
            found["memory"] = [memory(rows, Path(folder)) for rows in MEMORY_ROWS]
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for rate in found["rates"]:
        print(
            f"{rate['dataset']:13} {rate['one_core_rows_per_s']:>9,} rows/s on one core, "
            f"{rate['two_cores_rows_per_s']:>9,} on two; Faker loop {rate['faker_rows_per_s']:>6,}: "
            f"{rate['ratio_one_core']:.0f}x and {rate['ratio_two_cores']:.0f}x (goal {rate['goal']}x); "
            f"gzip {rate['ratio_gzip']:.2f} of plain (goal {GZIP_GOAL}); messy {rate['messy_rows_per_s']:,}"
        )
    for peak in found.get("memory", ()):
        print(f"peak memory at {peak['rows']:,} rows: {peak['peak_mb']} MB")


if __name__ == "__main__":
    main()
