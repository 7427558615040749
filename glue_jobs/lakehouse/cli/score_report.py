"""A score as people read it: a table for each measure, the defects that went wrong, the first differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from lakehouse.score import DatasetScore, DefectScore, Difference, Score

_LONGEST_VALUE = 120
_SHOWN_COLUMNS = 6


def print_score(console: Console, score: Score, about: Mapping[str, Any]) -> None:
    """Print everything; `about` is what the truth says of itself."""
    said = (f"{name} {about[name]}" for name in ("domain", "seed", "rows", "days") if name in about)
    console.print(f"[bold]{escape(', '.join(said))}[/]\n")
    datasets = [*score.datasets, score.total] if len(score.datasets) > 1 else list(score.datasets)
    for title, columns in _MEASURES.items():
        console.print(_measure(title, datasets, columns))
        console.print()
    _print_defects(console, score.defects)
    _print_differences(console, score)


def _print_defects(console: Console, defects: Sequence[DefectScore]) -> None:
    wrong = [defect for defect in defects if defect.wrong]
    if wrong:
        table = _table("defect", "level")
        for name in ("instances", "right", "wrong"):
            table.add_column(name, justify="right")
        for defect in wrong:
            figures = (f"{value:,}" for value in (defect.instances, defect.right, defect.wrong))
            table.add_row(escape(defect.defect), defect.level, *figures)
        console.print(table)
    handled = len(defects) - len(wrong)
    if defects:
        others = "all " if not wrong else ""
        console.print(f"{others}{handled:,} of {len(defects):,} kinds of defect were handled right every time\n")


def _print_differences(console: Console, score: Score) -> None:
    if score.is_perfect:
        console.print("[green]✓[/] nothing differs")
        return
    for difference in score.differences:
        console.print(f"[red]✗[/] {escape(_sentence(difference))}", soft_wrap=True)
        if look := _where_to_look(difference):
            console.print(f"  [dim]{escape(look)}[/]", soft_wrap=True)
    hidden = score.difference_count - len(score.differences)
    count = f"{score.difference_count:,} difference{'s' if score.difference_count != 1 else ''}"
    console.print(f"[red]✗[/] {count}" + (f", {hidden:,} of them not shown" if hidden else ""))


def _sentence(difference: Difference) -> str:
    """Where it is, what was expected, what was found."""
    row = f"row {difference.row:,}" if difference.row is not None else None
    key = f"key {difference.key}" if difference.key else None
    unknown = f"file_id {difference.file_id}" if difference.file_id and not difference.file else None
    places = (difference.dataset, difference.file or unknown, row, key, difference.column)
    where = " · ".join(place for place in places if place)
    came = f" (came as {_cut(difference.delivered)})" if difference.delivered is not None else ""
    defects = f" [{', '.join(difference.defects)}]" if difference.defects else ""
    return f"{where}: expected {_cut(difference.expected)}, found {_cut(difference.found)}{came}{defects}"


def _where_to_look(difference: Difference) -> str | None:
    """A command that shows more of it."""
    if difference.file_id is None:
        return None
    if difference.measure == "silver":
        table = f"lake_silver_{difference.dataset}"
        condition = f"_file_id = '{difference.file_id}' and _row = {difference.row}"
        return f'lakehouse sql "select * from {table} where {condition}"'
    return f"lakehouse quarantine show {difference.file_id}"


def _measure(title: str, datasets: Sequence[DatasetScore], columns: Mapping[str, _Figure]) -> Table:
    """One line for each dataset, one column for each figure."""
    table = _table(title)
    table.columns[0].no_wrap = True
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    for dataset in datasets:
        # All are of one domain, which the headline names.
        table.add_row(
            escape(dataset.dataset.partition(".")[2] or dataset.dataset),
            *(figure(dataset) for figure in columns.values()),
        )
    return table


def _table(*headers: str) -> Table:
    return Table(*headers, box=None, header_style="bold", pad_edge=False)


_Figure = Callable[["DatasetScore"], str]


def _count(value: Callable[[DatasetScore], int], is_bad: bool = False) -> _Figure:
    """A number; red where it should be zero and is not."""

    def figure(score: DatasetScore) -> str:
        number = value(score)
        return f"[red]{number:,}[/]" if number and is_bad else f"{number:,}"

    return figure


def _pair(found: Callable[[DatasetScore], int], expected: Callable[[DatasetScore], int]) -> _Figure:
    """`found/expected`; red where they are not equal."""

    def figure(score: DatasetScore) -> str:
        text = f"{found(score):,}/{expected(score):,}"
        return text if found(score) == expected(score) else f"[red]{text}[/]"

    return figure


def _ratio(value: Callable[[DatasetScore], float]) -> _Figure:
    """Three digits, cut and not rounded: 1.000 is only what is exactly 1."""

    def figure(score: DatasetScore) -> str:
        ratio = value(score)
        return (
            f"{math.floor(ratio * 1000) / 1000:.3f}" if ratio == 1 else f"[red]{math.floor(ratio * 1000) / 1000:.3f}[/]"
        )

    return figure


def _columns(score: DatasetScore) -> str:
    """Columns with cells that differ, the worst first."""
    worst = sorted(score.silver.cells.items(), key=lambda item: (-item[1], item[0]))
    more = f", {len(worst) - _SHOWN_COLUMNS} more" if len(worst) > _SHOWN_COLUMNS else ""
    return ", ".join(f"{escape(name)} {count:,}" for name, count in worst[:_SHOWN_COLUMNS]) + more


_MEASURES: Mapping[str, Mapping[str, _Figure]] = {
    "files": {
        "in the ledger": _pair(lambda s: s.files.seen, lambda s: s.files.expected - s.files.absent),
        "as expected": _pair(lambda s: s.files.right, lambda s: s.files.expected - s.files.absent),
        "other row count": _count(lambda s: s.files.wrong_row_counts, is_bad=True),
        "refusals": _count(lambda s: s.files.refusals.true_positives + s.files.refusals.false_negatives),
        "precision": _ratio(lambda s: s.files.refusals.precision),
        "recall": _ratio(lambda s: s.files.refusals.recall),
    },
    "rows": {
        "all": _count(lambda s: s.rows.rows),
        "listed": _pair(lambda s: s.rows.listed_right, lambda s: s.rows.listed),
        "others wrong": _count(lambda s: s.rows.unlisted_wrong, is_bad=True),
        "same": _pair(lambda s: s.rows.duplicates, lambda s: s.rows.duplicates_expected),
        "older": _pair(lambda s: s.rows.superseded, lambda s: s.rows.superseded_expected),
        "rules": _count(lambda s: s.rows.violations.true_positives + s.rows.violations.false_negatives),
        "precision": _ratio(lambda s: s.rows.violations.precision),
        "recall": _ratio(lambda s: s.rows.violations.recall),
    },
    "silver": {
        "rows": _count(lambda s: s.silver.expected),
        "missing": _count(lambda s: s.silver.missing, is_bad=True),
        "too many": _count(lambda s: s.silver.extra, is_bad=True),
        "different": _count(lambda s: s.silver.different, is_bad=True),
        "cells that differ": _columns,
    },
}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
