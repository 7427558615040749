"""Names of datasets as users type them."""

from __future__ import annotations

import difflib

import typer

from lakehouse.contract import source_names


def check_dataset(name: str, parameter: str = "--dataset") -> str:
    """The name of a dataset that files can be landed for. Raises typer.BadParameter with the nearest name."""
    known = source_names()
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1) or [
        dataset for dataset in known if dataset.partition(".")[2] == name
    ]
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise typer.BadParameter(f'no dataset is named "{name}"; {hint}', param_hint=parameter)
