"""Writes docs/analyses.md: every analysis, the table or view that holds it, its test, and an answer of a real run.

    python docs/analyses/write.py DATA

A local AWS begins empty. A messy storefront and a messy retailer are generated and land there, and so do the real files
of DATA: `online-retail/by-day.tar.gz`, `c2c_fashion_users.csv` and `shopping_trends.csv`. They walk the whole road, and
the questions of analyses.yaml are put to the local Redshift as the user `analyst`. Takes about ten minutes.
"""

from __future__ import annotations

import argparse
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from datagen.defects import shares_of
from datagen.generate import TRUTH, Order, generate
from datagen.sinks import Folder
from lakehouse import road, roles
from lakehouse.contract import load_registry
from lakehouse.redshift import Redshift, Result
from lakehouse.settings import Settings
from tests.support.landing import delivered_files, fresh_lake, land

FOLDER = Path(__file__).parent
ORDERS = (
    Order("storefront", rows=20_000, days=90, seed=7, shares=shares_of("messy")),
    Order("retail", rows=10_000, days=90, seed=7, shares=shares_of("messy")),
)
HEAD = """<!-- Made from a real run by `make analyses`; change docs/analyses/analyses.yaml and run it again. -->

# Analyses

What can be asked, where the answer is, by which test it is held to what, and a sample of it. The samples come from one
run on a laptop: a messy [storefront](dictionary/storefront.md) of {storefront:,} rows and a messy
[retailer](dictionary/retail.md) of {retail:,} rows, both generated with seed {seed}; the real files of
[Online Retail](dictionary/online_retail.md) (Daqing Chen, 2015, UCI Machine Learning Repository, doi:10.24432/C5BW33,
CC BY 4.0), of [a fashion market's members](dictionary/fashion.md) and of
[shopping habits](dictionary/shopping_habits.md). Everything was asked as the user `analyst`. More questions, each with
the shape of its answer, are in [sql/analytics](../sql/analytics).
"""


def deliveries(data: Path, scratch: Path) -> Iterator[dict[str, Path]]:
    """What lands at once, by key in landing, in the order in which it may."""
    for order in ORDERS:
        for _ in generate(order, Folder(scratch / order.domain), scratch / order.domain / TRUTH):
            pass
    with tarfile.open(data / "online-retail/by-day.tar.gz") as archive:
        archive.extractall(scratch / "online-retail", filter="data")
    real = {f"online_retail/invoice_lines/{file.name}": file for file in (scratch / "online-retail").rglob("*.csv")}
    yield _generated(scratch) | real
    yield _generated(scratch, again=True) | {
        "shopping_habits/purchases/shopping_trends.csv": data / "shopping_trends.csv",
        "fashion/members/snapshot_date=2026-01-01/members.csv": data / "c2c_fashion_users.csv",
    }


def _generated(scratch: Path, *, again: bool = False) -> dict[str, Path]:
    return {
        f"{order.domain}/{name}": file
        for order in ORDERS
        for name, file in delivered_files(scratch / order.domain, again=again).items()
    }


def load(settings: Settings, files: Mapping[str, Path]) -> None:
    """Land the files and walk the road until nothing waits."""
    land(settings, files.items())
    for dataset in (*sorted(load_registry().scheduled), None):
        while list(road.run(settings, dataset)):
            pass


def section(domain: str, analyses: Iterable[Mapping[str, str]], answers: Mapping[str, Result]) -> Iterator[str]:
    yield f"\n## {domain}\n"
    for analysis in analyses:
        file, _, name = analysis["test"].partition("::")
        anchor = f"dictionary/{domain}.md#{analysis['from'].partition('.')[2]}"
        yield f"### {analysis['analysis']}\n"
        yield f"[{analysis['from']}]({anchor}), held to by [{name}](../{file})\n"
        yield f"```sql\n{analysis['query']}\n```\n"
        answer = answers[analysis["query"]]
        yield f"| {' | '.join(answer.columns)} |"
        yield f"|{'---|' * len(answer.columns)}"
        yield from (f"| {' | '.join('' if cell is None else str(cell) for cell in row)} |" for row in answer.rows)
        yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the real files")
    data: Path = parser.parse_args().data
    wanted: dict[str, list[dict[str, Any]]] = yaml.safe_load((FOLDER / "analyses.yaml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, fresh_lake(Path(folder) / "state") as (_, settings):
        for files in deliveries(data, Path(folder) / "files"):
            load(settings, files)
        redshift = Redshift(settings, secret_arn=settings.user_secret(roles.ANALYST))
        answers = {one["query"]: redshift.query(one["query"]) for many in wanted.values() for one in many}
    sizes = {order.domain: order.rows for order in ORDERS}
    lines = [line for domain, analyses in wanted.items() for line in section(domain, analyses, answers)]
    text = HEAD.format(**sizes, seed=ORDERS[0].seed) + "\n".join(lines).rstrip() + "\n"
    (FOLDER.parent / "analyses.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
