"""What was delivered, added up from the truth beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Delivered:
    """The files of one dataset. `rows` counts those that can be read; `spoilt` are files of which none can, or need
    be: refused, ignored, and copies of others."""

    dataset: str
    files: int
    rows: int
    bytes: int
    spoilt: int


@dataclass(frozen=True)
class Summary:
    """By dataset, in the order in which they come, and how many rows or files each defect is in, most first."""

    datasets: Sequence[Delivered]
    defects: Mapping[str, int]


def summarize(truth: Path) -> Summary:
    """Add up a truth that is complete. Memory: one row group's."""
    found: dict[str, Delivered] = {}
    defects: Counter[str] = Counter()
    columns = ["dataset", "verdict", "rows", "bytes", "defects"]
    for batch in _batches(truth / "expected_files", columns):
        defects.update(_counted(batch["defects"]))
        for name in pc.unique(batch["dataset"]).to_pylist():
            files = batch.filter(pc.equal(batch["dataset"], name))
            before = found.get(name, Delivered(name, 0, 0, 0, 0))
            found[name] = Delivered(
                name,
                before.files + files.num_rows,
                before.rows + pc.sum(files["rows"]).as_py(),
                before.bytes + pc.sum(files["bytes"]).as_py(),
                before.spoilt + pc.sum(pc.not_equal(files["verdict"], "accepted").cast(pa.int64())).as_py(),
            )
    for batch in _batches(truth / "expected_rows", ["defects"]):
        defects.update(_counted(batch["defects"]))
    return Summary(list(found.values()), dict(defects.most_common()))


def _batches(folder: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for path in sorted(folder.glob("*.parquet")):
        yield from pq.ParquetFile(path).iter_batches(columns=columns)


def _counted(names: pa.ListArray) -> Mapping[str, int]:
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(names.flatten()).to_pylist()}
