"""What a comparison of the lake with the truth comes to, as frozen dataclasses that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Measure = Literal["file", "row", "silver"]


@dataclass(frozen=True)
class Match:
    """What was refused against what should have been: refused and due, refused and not due, due and not refused."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    @property
    def precision(self) -> float:
        """Share of the refusals that are right; 1 when there is none."""
        made = self.true_positives + self.false_positives
        return self.true_positives / made if made else 1.0

    @property
    def recall(self) -> float:
        """Share of the due refusals that were made; 1 when none was due."""
        due = self.true_positives + self.false_negatives
        return self.true_positives / due if due else 1.0

    def __add__(self, other: Match) -> Match:
        return Match(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )


@dataclass(frozen=True)
class FileScore:
    """Files: `expected` ones, of which the ledger has `seen` some; `absent` may be absent, `missing` may not.

    `right` have the expected verdict, reason and number of rows; `wrong_row_counts` are accepted as they should be,
    with other than the expected number of rows. A refusal is a verdict other than accepted, with its reason.
    """

    expected: int = 0
    seen: int = 0
    absent: int = 0
    missing: int = 0
    right: int = 0
    wrong_row_counts: int = 0
    refusals: Match = Match()

    def __add__(self, other: FileScore) -> FileScore:
        return FileScore(
            self.expected + other.expected,
            self.seen + other.seen,
            self.absent + other.absent,
            self.missing + other.missing,
            self.right + other.right,
            self.wrong_row_counts + other.wrong_row_counts,
            self.refusals + other.refusals,
        )


@dataclass(frozen=True)
class RowScore:
    """Rows of files that truth and lake both accepted.

    `listed` rows are those that a defect touched or whose key came more than once, `listed_right` of them ended where
    they should; every other row belongs in silver, and `unlisted_wrong` are not there, or not only there.
    """

    rows: int = 0
    listed: int = 0
    listed_right: int = 0
    unlisted_wrong: int = 0
    duplicates_expected: int = 0
    duplicates: int = 0
    superseded_expected: int = 0
    superseded: int = 0
    violations: Match = Match()

    def __add__(self, other: RowScore) -> RowScore:
        return RowScore(
            self.rows + other.rows,
            self.listed + other.listed,
            self.listed_right + other.listed_right,
            self.unlisted_wrong + other.unlisted_wrong,
            self.duplicates_expected + other.duplicates_expected,
            self.duplicates + other.duplicates,
            self.superseded_expected + other.superseded_expected,
            self.superseded + other.superseded,
            self.violations + other.violations,
        )


@dataclass(frozen=True)
class SilverScore:
    """Silver against the clean table, by key: rows expected, missing, too many, different, and cells by column."""

    expected: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    cells: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: SilverScore) -> SilverScore:
        return SilverScore(
            self.expected + other.expected,
            self.missing + other.missing,
            self.extra + other.extra,
            self.different + other.different,
            dict(sorted((Counter(self.cells) + Counter(other.cells)).items())),
        )


@dataclass(frozen=True)
class DatasetScore:
    """Every measure of one dataset, or of all together."""

    dataset: str
    files: FileScore = FileScore()
    rows: RowScore = RowScore()
    silver: SilverScore = SilverScore()

    @property
    def is_perfect(self) -> bool:
        """Whether nothing differs."""
        files, rows, silver = self.files, self.rows, self.silver
        return (
            files.right + files.absent == files.expected
            and files.missing == 0
            and rows.listed_right == rows.listed
            and rows.unlisted_wrong == 0
            and rows.duplicates == rows.duplicates_expected
            and rows.superseded == rows.superseded_expected
            and rows.violations.precision == rows.violations.recall == 1.0
            and silver.missing == silver.extra == silver.different == 0
        )


@dataclass(frozen=True)
class DefectScore:
    """How often a defect was made and how often what should become of it did.

    Level `file`: verdict, reason and number of rows are right, and so is every row that no defect of its own touched.
    Level `row`: the row ended where it should, for the reasons it should, and with the right cells where it is in
    silver.
    """

    defect: str
    level: Literal["file", "row"]
    instances: int
    right: int

    @property
    def wrong(self) -> int:
        return self.instances - self.right


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be. Cells of personal columns are never shown.

    `file` is the truth's name of it; `file_id` the lake's, where the lake knows the file. `delivered` is the text that
    came where the truth expects it to be repaired.
    """

    measure: Measure
    dataset: str
    expected: str
    found: str
    file: str | None = None
    file_id: str | None = None
    row: int | None = None
    key: str | None = None
    column: str | None = None
    delivered: str | None = None
    defects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """What `compare` found: every dataset, every defect (worst first) and the first differences of them all."""

    datasets: tuple[DatasetScore, ...]
    defects: tuple[DefectScore, ...]
    differences: tuple[Difference, ...]
    difference_count: int

    @property
    def total(self) -> DatasetScore:
        """The sum over all datasets."""
        return total(self.datasets)

    @property
    def is_perfect(self) -> bool:
        """Whether nothing differs anywhere."""
        return self.difference_count == 0 and all(dataset.is_perfect for dataset in self.datasets)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, ratios included."""
        return {
            "is_perfect": self.is_perfect,
            "total": _plain(self.total),
            "datasets": [_plain(dataset) for dataset in self.datasets],
            "defects": [{**asdict(defect), "wrong": defect.wrong} for defect in self.defects],
            "difference_count": self.difference_count,
            "differences": [asdict(difference) for difference in self.differences],
        }


def total(datasets: Iterable[DatasetScore]) -> DatasetScore:
    """The sum of several datasets, named `all`."""
    result = DatasetScore("all")
    for one in datasets:
        result = DatasetScore("all", result.files + one.files, result.rows + one.rows, result.silver + one.silver)
    return result


def _plain(score: DatasetScore) -> dict[str, Any]:
    plain = {**asdict(score), "is_perfect": score.is_perfect}
    for match, place in (
        (score.files.refusals, plain["files"]["refusals"]),
        (score.rows.violations, plain["rows"]["violations"]),
    ):
        place |= {"precision": match.precision, "recall": match.recall}
    return plain
