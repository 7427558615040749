"""How right the lake is: messy and hostile deliveries of several seeds through the whole stack, held to their truth.

    python benchmarks/score.py [--json] [--domain storefront] [--seeds 1 2 3] [--defects messy hostile] [--files 500]

For each delivery a stack of its own is started, all files are landed, woken by events and loaded as anywhere, and
`lakehouse score` says what differs: precision and recall of file refusals and of row violations, silver cell by cell.
Exits with 1 when anything does.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

LAKEHOUSE = Path(sys.executable).parent / "lakehouse"
# A delivery has about this many files a day, and so many rows that each has some hundred.
FILES_PER_DAY = {"storefront": 4.75, "retail": 7.5}
ROWS_PER_FILE = 280


def score(domain: str, defects: str, seed: int, files: int, folder: Path) -> dict[str, Any]:
    """Generate, land and score one delivery on a fresh stack."""
    environment = {**os.environ, "LAKEHOUSE_STATE": str(folder / "state")}

    def cli(*arguments: object, accepted: tuple[int, ...] = (0,)) -> str:
        command = [LAKEHOUSE, *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode not in accepted:
            raise SystemExit(f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    days = min(365, round(files / FILES_PER_DAY[domain]))
    out = folder / "files"
    order = ("--rows", files * ROWS_PER_FILE, "--days", days, "--seed", seed, "--defects", defects, "--out", out)
    made = json.loads(cli("generate", domain, *order, "--json"))
    started = time.monotonic()
    cli("up")
    try:
        for command in made["next"]:
            verb = shlex.split(command)[1:]
            if verb[0] == "land":
                cli(*verb)
        loaded = time.monotonic() - started
        found = json.loads(cli("score", out, "--json", accepted=(0, 1)))
        proved = json.loads(cli("prove", "--json", accepted=(0, 1)).partition("\n\n")[0])
    finally:
        cli("down")
    return {
        "domain": domain,
        "defects": defects,
        "seed": seed,
        "files": made["files"],
        "rows": made["rows"],
        "seconds_to_load": round(loaded, 1),
        "sums_close": not any(check["problems"] for check in proved),
        "score": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--domain", choices=sorted(FILES_PER_DAY), default="storefront")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--defects", nargs="+", default=["messy", "hostile"])
    parser.add_argument("--files", type=int, default=500, help="of each delivery, about")
    options = parser.parse_args()
    console = Console(stderr=True)
    runs = [(defects, seed) for defects in options.defects for seed in options.seeds]
    results = []
    for defects, seed in track(runs, "scoring", console=console, disable=not console.is_terminal):
        with tempfile.TemporaryDirectory() as folder:
            results.append(score(options.domain, defects, seed, options.files, Path(folder)))
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        _print(results)
    if any(not result["score"]["is_perfect"] or not result["sums_close"] for result in results):
        sys.exit(1)


def _print(results: list[dict[str, Any]]) -> None:
    table = Table("defects", "seed", "files", "rows", "loaded in", "sums", "nothing differs", box=None)
    for result in results:
        table.add_row(
            result["defects"],
            str(result["seed"]),
            f"{result['files']:,}",
            f"{result['rows']:,}",
            f"{result['seconds_to_load']} s",
            "close" if result["sums_close"] else "do not close",
            "yes" if result["score"]["is_perfect"] else json.dumps(result["score"].get("differences"))[:200],
        )
    Console().print(table)


if __name__ == "__main__":
    main()
