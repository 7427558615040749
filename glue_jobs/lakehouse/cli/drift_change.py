"""Writes proposals into the files of contracts, all of them or none, and only what the registry takes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lakehouse.cli.drift_proposal import Proposal, changed_text
from lakehouse.cli.mistakes import CommandError
from lakehouse.contract import ContractError, Registry, SourceContract, load_registry
from lakehouse.contract.edit import EditError


@dataclass(frozen=True)
class Change:
    """The text of a contract's file before and after, line ends included."""

    dataset: str
    path: Path
    before: str
    after: str


def change(contract: SourceContract, proposals: Sequence[Proposal]) -> Change | None:
    """What the proposals make of the contract's file; None when they change nothing.

    Raises CommandError when the file is laid out in a way that cannot be added to.
    """
    before = _text(contract.path)
    try:
        after = changed_text(before, proposals)
    except EditError as error:
        raise CommandError(f"{contract.path}: {error}; write by hand what `lakehouse drift --json` proposes") from error
    return Change(contract.dataset, contract.path, before, after) if after != before else None


def apply(changes: Sequence[Change]) -> None:
    """Write every change, each at once. Raises CommandError, with nothing written, when the registry would not take
    them, when a declared column would not stay what it is, or when a file is another since it was read."""
    if not changes:
        return
    domains = changes[0].path.parents[2]
    if "site-packages" in domains.parts:
        raise CommandError(f"the contracts are those of an installed package ({domains}); apply it in a checkout")
    _check(domains, changes)
    for one in changes:
        if _text(one.path) != one.before:
            raise CommandError(f"{one.path} has changed meanwhile; run `lakehouse drift` again")
    for one in changes:
        _write(one.path, one.after)


def _check(domains: Path, changes: Sequence[Change]) -> None:
    with tempfile.TemporaryDirectory(prefix="lakehouse-contracts-") as folder:
        root = Path(folder) / "domains"
        # The files alone: whatever else stands there is no contract.
        shutil.copytree(
            domains, root, ignore=lambda _, names: [name for name in names if name.endswith((".py", ".pyc"))]
        )
        for one in changes:
            _write(root / one.path.relative_to(domains), one.after)
        try:
            before, after = load_registry(domains), load_registry(root)
        except ContractError as error:
            told = "\n".join(str(problem).replace(str(root), str(domains)) for problem in error.problems)
            raise CommandError(f"nothing is written, for the contracts would have mistakes:\n{told}") from error
    for one in changes:
        if lost := _altered(before, after, one.dataset):
            raise CommandError(f"{one.path}: {', '.join(lost)} would change; write it by hand")


def _altered(before: Registry, after: Registry, dataset: str) -> list[str]:
    """Columns that are not what they were, but for more aliases."""
    new = after.sources[dataset]
    return [
        old.name
        for old in before.sources[dataset].columns
        if old.name not in new.column_names or replace(new.column(old.name), aliases=old.aliases) != old
    ]


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: whoever reads it meanwhile finds the old text or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
        shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
