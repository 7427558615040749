"""Mistakes in contracts, each told so that it can be put right without asking."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake: its file and line (from 1), the path of the field, what is wrong and what would be right."""

    file: Path
    line: int
    field: str
    wrong: str
    right: str

    @property
    def shown_file(self) -> Path:
        """The file as the reader's editor and terminal link it: relative to the working directory when below it."""
        here = Path.cwd()
        return self.file.relative_to(here) if self.file.is_relative_to(here) else self.file

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.shown_file}:{self.line}: {field}{self.wrong}; {self.right}"


class ContractError(Exception):
    """Contracts cannot be used. ``problems`` holds every mistake found, by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def one_of(word: str, allowed: Sequence[str]) -> str:
    """What would be right instead of a word outside a list: the nearest one, then all of them."""
    near = difflib.get_close_matches(word.lower(), [choice.lower() for choice in allowed], n=1)
    meant = next((choice for choice in allowed if near and choice.lower() == near[0]), None)
    choices = ", ".join(allowed) if allowed else "nothing here"
    return f"did you mean {meant}? Use one of {choices}" if meant else f"use one of {choices}"
