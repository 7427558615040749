"""Compares what the lake did with the truth that the generator kept: verdicts, refused rows, fates, every cell.

    truth = Truth.find(Path("/tmp/shop"))
    result = compare(truth, load_registry(), read)     # `read` hands over lake tables as Arrow
    result.is_perfect

Knows no AWS and no Spark. Rows go through DuckDB in a temporary folder, so memory stays bounded however many they are.
"""

from lakehouse.score.compare import Read, compare
from lakehouse.score.model import (
    DatasetScore,
    DefectScore,
    Difference,
    FileScore,
    Match,
    RowScore,
    Score,
    SilverScore,
)
from lakehouse.score.truth import Truth, TruthError

__all__ = [
    "DatasetScore",
    "DefectScore",
    "Difference",
    "FileScore",
    "Match",
    "Read",
    "RowScore",
    "Score",
    "SilverScore",
    "Truth",
    "TruthError",
    "compare",
]
