"""`lakehouse score`: did the lake do with generated files what it should have done?

With --json it prints one object:

    is_perfect         nothing differs
    about              what the truth says of itself
    total, datasets[]  {dataset, is_perfect, files, rows, silver}: the fields of FileScore, RowScore and SilverScore in
                       lakehouse.score.model; `refusals` and `violations` with their `precision` and `recall`
    defects[]          {defect, level, instances, right, wrong}, the one that is wrong most often first
    difference_count   how many differences there are
    differences[]      the first twenty, with the fields of Difference in lakehouse.score.model
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lakehouse.cli.connection import Connection, connect
from lakehouse.cli.ledger import batch_under_way, has_books
from lakehouse.cli.score_report import print_score

if TYPE_CHECKING:
    from lakehouse.score import Read

_S3 = "s3://"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: lakehouse score /tmp/shop")(score)


def score(
    truth: Annotated[
        str,
        typer.Argument(
            metavar="TRUTH",
            help="The folder that `lakehouse generate` wrote, or its _truth, here or as s3://bucket/prefix.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Compare what the lake did with generated files with the truth that was kept beside them.

    File verdicts, the reasons of refused rows, duplicates and superseded rows, and every cell of silver. Exits with 1
    when anything differs, and shows what. Land the files and wait until they are loaded first.
    """
    from lakehouse.contract import load_registry
    from lakehouse.score import Truth, TruthError, compare

    try:
        if not truth.startswith(_S3):
            # Looked at before a lake is asked for: a mistyped path should not cost a look for AWS.
            Truth.find(Path(truth))
        connection = connect()
        with _here(truth) as folder, Console(stderr=True).status("comparing"):
            found = Truth.find(folder)
            result = compare(found, load_registry(), _reader())
    except TruthError as error:
        raise typer.BadParameter(str(error), param_hint="TRUTH") from error
    if as_json:
        typer.echo(json.dumps({"about": found.about, **result.as_dict()}, indent=2, ensure_ascii=False))
    else:
        print_score(Console(highlight=False), result, found.about)
    if not result.is_perfect:
        _mention_batch_under_way(connection)
        raise typer.Exit(1)


@contextmanager
def _here(truth: str) -> Iterator[Path]:
    """The truth as a folder on this machine; one in S3 is fetched, and gone afterwards."""
    if not truth.startswith(_S3):
        yield Path(truth)
        return
    with tempfile.TemporaryDirectory(prefix="lakehouse-truth-") as name:
        _fetch(truth, Path(name))
        yield Path(name)


def _fetch(url: str, folder: Path) -> None:
    """Download the truth below a prefix. Raises TruthError when there is none."""
    import boto3

    from lakehouse.score import TruthError

    s3: Any = boto3.client("s3")
    bucket, _, prefix = url.removeprefix(_S3).partition("/")
    prefix = prefix.rstrip("/").removesuffix("_truth").rstrip("/")
    prefix = f"{prefix}/_truth/" if prefix else "_truth/"
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            relative = Path(item["Key"].removeprefix(prefix))
            if ".." in relative.parts:
                raise TruthError(f"{item['Key']} is no name that the generator gives")
            target = folder / "_truth" / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, item["Key"], str(target))
    if not any(folder.iterdir()):
        raise TruthError(f"there is no truth in {url}: s3://{bucket}/{prefix} is empty")


def _reader() -> Read:
    """What reads the lake that the environment points at."""
    from lakehouse.cli.lake_reader import LakeReader

    return LakeReader()


def _mention_batch_under_way(connection: Connection) -> None:
    """Say so when the lake has not finished: what differs may come right by itself."""
    if has_books(connection.redshift()) and (batch_id := batch_under_way(connection)) is not None:
        message = f"batch {batch_id} is still on its way: score again once it has ended"
        Console(stderr=True, highlight=False).print(message)
