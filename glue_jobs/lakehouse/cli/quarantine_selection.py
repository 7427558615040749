"""The options by which the verbs of `lakehouse quarantine` are told what is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from lakehouse import quarantine
from lakehouse.cli.datasets import check_dataset
from lakehouse.quarantine import Selection, Status, on_files, on_rows

__all__ = [
    "Dataset",
    "File",
    "Ids",
    "Reasons",
    "Selection",
    "Since",
    "Status",
    "Statuses",
    "Until",
    "on_files",
    "on_rows",
    "selection",
]

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID", help="Files or refused rows, or how their ids begin; of a file that was accepted, its rows."
    ),
]
Dataset = Annotated[str | None, typer.Option(help="Only this dataset.", show_default="all")]
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", help="Only files refused for this reason and rows that break this rule; may be repeated."),
]
File = Annotated[
    str | None, typer.Option(help="Only this file and its rows: a file id, a key, a folder/ or a file name.")
]
Since = Annotated[str | None, typer.Option(help="Only what was refused then or later: a date or an instant, in UTC.")]
Until = Annotated[
    str | None, typer.Option(help="Only what was refused before that instant; of a date, to the end of the day.")
]
Statuses = Annotated[
    list[Status] | None,
    typer.Option("--status", help="Only what is in this state; may be repeated.", show_default="open and waiting"),
]


def selection(
    dataset: str | None = None,
    reasons: Sequence[str] | None = None,
    file: str | None = None,
    since_text: str | None = None,
    until_text: str | None = None,
    statuses: Sequence[Status] | None = None,
    ids: Sequence[str] | None = None,
) -> Selection:
    """What the options say. Raises typer.BadParameter."""
    if dataset is not None:
        check_dataset(dataset)
    try:
        return quarantine.selection(dataset, reasons, file, since_text, until_text, statuses, ids)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
