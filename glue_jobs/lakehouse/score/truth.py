"""The truth beside generated files: where it lies, what it holds, and whether it can be compared at all.

_truth/about.json                    what was generated
_truth/silver/<name>/*.parquet       grain: the dataset's key; silver as it must be
_truth/expected_files/*.parquet      grain: delivered file
_truth/expected_rows/*.parquet       grain: delivered row that a defect touched, or whose key came more than once
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.contract import Registry, SourceContract

TRUTH = "_truth"
ABOUT = "about.json"
# Column → DuckDB type of what is expected of files and rows.
EXPECTED_FILES = {
    "dataset": "VARCHAR",
    "file": "VARCHAR",
    "delivery": "INTEGER",
    "bytes": "BIGINT",
    "content_hash": "VARCHAR",
    "verdict": "VARCHAR",
    "reason": "VARCHAR",
    "rows": "BIGINT",
    "defects": "VARCHAR[]",
    "is_optional": "BOOLEAN",
}
EXPECTED_ROWS = {
    "dataset": "VARCHAR",
    "file": "VARCHAR",
    "delivery": "INTEGER",
    "row_number": "BIGINT",
    "outcome": "VARCHAR",
    "violations": "VARCHAR[]",
    "defects": "VARCHAR[]",
    "repairs": 'STRUCT("column" VARCHAR, delivered VARCHAR, "value" VARCHAR)[]',
    "rivals": "VARCHAR",
}
_INTEGERS = frozenset({"SMALLINT", "INTEGER", "BIGINT"})


class TruthError(Exception):
    """There is no truth here, or none that can be compared; the message says what is wrong with it."""


@dataclass(frozen=True)
class Truth:
    """A folder `_truth` and what its `about.json` says."""

    folder: Path
    about: dict[str, Any]

    @classmethod
    def find(cls, path: Path) -> Truth:
        """The truth in `path`, which is a folder `_truth` or the folder that holds one. Raises TruthError."""
        for folder in (path / TRUTH, path):
            if (folder / ABOUT).is_file():
                try:
                    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
                except ValueError as error:
                    raise TruthError(f"{folder / ABOUT} is not JSON: {error}") from error
                if not isinstance(about, dict):
                    raise TruthError(f"{folder / ABOUT} should hold an object")
                if about.get("complete") is False:
                    raise TruthError(
                        f"the truth in {folder} is not complete: `lakehouse generate` was broken off or still writes; "
                        "generate again into an empty folder"
                    )
                return cls(folder, about)
        raise TruthError(f"there is no truth in {path}: it should hold {TRUTH}/{ABOUT}, as `lakehouse generate` writes")

    def attach(self, database: Any, link: Path, registry: Registry) -> tuple[SourceContract, ...]:
        """Make the truth's tables views of a DuckDB database and return the contracts of its datasets, by name.

        The views are `expected_files`, `expected_rows` and `truth_<domain>_<name>`. `link` is a free path below which
        the truth's files are read: DuckDB takes `*` and `[` in a path for patterns. Raises TruthError.
        """
        link.symlink_to(self.folder.resolve(), target_is_directory=True)
        if not self._parquet("expected_files"):
            raise TruthError(f"{self.folder} holds no expected_files/*.parquet")
        self._view(database, link, "expected_files", "expected_files", EXPECTED_FILES)
        self._view(database, link, "expected_rows", "expected_rows", EXPECTED_ROWS)
        datasets = [
            name for (name,) in database.execute("SELECT DISTINCT dataset FROM expected_files ORDER BY 1").fetchall()
        ]
        if unknown := [name for name in datasets if name not in registry.sources]:
            raise TruthError(f"the truth speaks of {', '.join(unknown)}, of which there is no contract")
        contracts = tuple(registry.sources[name] for name in datasets)
        for contract in contracts:
            view = view_of(contract)
            self._view(database, link, view, f"silver/{contract.name}", types_of(contract))
            key = ", ".join(f'"{name}"' for name in contract.key)
            doubles = f"SELECT count(*) FROM (SELECT 1 FROM {view} GROUP BY {key} HAVING count(*) > 1)"
            if count := database.execute(doubles).fetchone()[0]:
                raise TruthError(f"the truth of {contract.dataset} holds {count:,} keys more than once")
        strangers = database.execute(
            "SELECT DISTINCT r.dataset || '/' || r.file FROM expected_rows r "
            "ANTI JOIN expected_files f USING (dataset, file, delivery) LIMIT 3"
        ).fetchall()
        if strangers:
            named = ", ".join(name for (name,) in strangers)
            raise TruthError(f"expected_rows has rows of files that expected_files lacks, such as {named}")
        return contracts

    def _parquet(self, folder: str) -> list[str]:
        """The Parquet files of a folder of the truth, relative to it."""
        return sorted(str(path.relative_to(self.folder)) for path in (self.folder / folder).glob("*.parquet"))

    def _view(self, database: Any, link: Path, view: str, folder: str, columns: Mapping[str, str]) -> None:
        """A view of a folder's files; empty, with these columns, when there is none: nothing was to be told."""
        files = self._parquet(folder)
        if not files:
            nothing = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
            database.execute(f"CREATE VIEW {view} AS SELECT {nothing} WHERE false")
            return
        database.execute(f"CREATE VIEW {view} AS SELECT * FROM {_scan(link, files)}")
        found = {name: str(kind) for name, kind, *_ in database.execute(f"DESCRIBE {view}").fetchall()}
        if wrong := sorted(name for name in {*found, *columns} if not _is_like(found.get(name), columns.get(name))):
            shown = "; ".join(
                f"{name} is {found.get(name, 'not there')} and should be {columns.get(name, 'absent')}"
                for name in wrong
            )
            raise TruthError(f"{self.folder / folder} was made for another contract or by another generator: {shown}")


def view_of(contract: SourceContract) -> str:
    """Name of the view of a dataset's clean table."""
    return f"truth_{contract.domain}_{contract.name}"


def types_of(contract: SourceContract) -> dict[str, str]:
    """Column → its type in DuckDB, in the contract's order."""
    return {column.name: duckdb_type(column.type.spark) for column in contract.columns}


def duckdb_type(spark: str) -> str:
    """A Spark type as DuckDB prints it: `string` is VARCHAR, `timestamp_ntz` is TIMESTAMP."""
    return {"string": "VARCHAR", "int": "INTEGER", "timestamp_ntz": "TIMESTAMP"}.get(spark, spark.upper())


def _scan(link: Path, files: Sequence[str]) -> str:
    return "read_parquet([" + ", ".join("'" + str(link / file).replace("'", "''") + "'" for file in files) + "])"


def _is_like(found: str | None, wanted: str | None) -> bool:
    """Whether values of two types compare without loss: whole numbers of any width do."""
    if found is None or wanted is None:
        return found == wanted
    return found == wanted or _unquoted(found) == _unquoted(wanted) or {found, wanted} <= _INTEGERS


def _unquoted(kind: str) -> str:
    """A type as DuckDB prints it, which quotes the names within a STRUCT only where it must."""
    return kind.replace('"', "").replace(" ", "")
