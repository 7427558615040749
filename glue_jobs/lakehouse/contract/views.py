"""Views of the warehouse: `<domain>/views/<name>.sql`, comment lines that say what the view holds and one SELECT."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

from lakehouse.contract.columns import IDENTIFIER
from lakehouse.contract.errors import Problem
from lakehouse.contract.model import View


def read_views(domains: Traversable, problems: list[Problem]) -> Iterator[View]:
    """Every view of every domain, by name; what is wrong with one is noted. Whether its SQL runs, Redshift says."""
    for domain in sorted(domains.iterdir(), key=lambda entry: entry.name):
        folder = domain.joinpath("views")
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name) if folder.is_dir() else ():
            path = Path(str(file))
            lines = file.read_text(encoding="utf-8").splitlines()
            told = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
            select = "\n".join(line for line in lines if not line.startswith("--")).strip()
            if path.suffix != ".sql" or not IDENTIFIER.fullmatch(path.stem):
                problems.append(Problem(path, 1, "", "is not the file of a view", "name it <view>.sql"))
            elif not told or not select.upper().startswith(("SELECT", "WITH")) or ";" in select:
                right = "write what the view holds after --, then one SELECT without a semicolon"
                problems.append(Problem(path, 1, "", "is not a described SELECT", right))
            else:
                yield View(domain.name, path.stem, " ".join(told), select)
