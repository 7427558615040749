"""Every expected file, what the lake says of it, and how the two compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pyarrow as pa

from lakehouse.contract import SourceContract
from lakehouse.score.matching import ACCEPTED, ExpectedFile, JudgedFile, match
from lakehouse.score.model import FileScore, Match
from lakehouse.score.truth import EXPECTED_FILES

LEDGER_COLUMNS = tuple(field.name for field in fields(JudgedFile))
_FILES = pa.schema(
    [
        ("file_no", pa.int32()),
        ("dataset", pa.string()),
        ("file", pa.string()),
        ("name", pa.string()),
        ("delivery", pa.int32()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("rows", pa.int64()),
        ("defects", pa.list_(pa.string())),
        ("is_optional", pa.bool_()),
        ("file_id", pa.string()),
        ("lake_verdict", pa.string()),
        ("lake_reason", pa.string()),
        ("rows_parsed", pa.int64()),
    ]
)
_REFUSED, _REFUSED_BY_LAKE = f"verdict <> '{ACCEPTED}'", f"coalesce(lake_verdict <> '{ACCEPTED}', false)"


def build(database: Any) -> None:
    """Make the table `files`: grain, expected file; null `file_id` where the ledger lacks it.

    Reads the truth's `expected_files` and the ledger's `judged_files`. Besides the two sides it has `name` (the file's,
    with its delivery unless that is the first), `is_absent` (it may be absent, and is), `is_shared` (both accepted it,
    so that its rows can be compared), `same_verdict` and `is_right`.
    """
    names = ", ".join(f'"{name}"' for name in EXPECTED_FILES if name != "defects")
    wanted = [
        ExpectedFile(**{**row, "defects": tuple(row["defects"]), "rows": row["rows"] or 0})
        for row in _dicts(
            database,
            f"SELECT {names}, coalesce(defects, []) AS defects FROM expected_files ORDER BY dataset, delivery, file",
        )
    ]
    judged = [JudgedFile(**row) for row in _dicts(database, f"SELECT {', '.join(LEDGER_COLUMNS)} FROM judged_files")]
    rows = [
        _row(number, one, found) for number, (one, found) in enumerate(zip(wanted, match(wanted, judged), strict=True))
    ]
    database.register("matched", pa.Table.from_pylist(rows, _FILES))
    database.execute(
        "CREATE TABLE files AS SELECT *, same_verdict AND (NOT is_shared OR rows = rows_parsed) AS is_right FROM ("
        "SELECT *, is_optional AND file_id IS NULL AS is_absent, "
        "verdict IS NOT DISTINCT FROM lake_verdict AND reason IS NOT DISTINCT FROM lake_reason AS same_verdict, "
        f"verdict = '{ACCEPTED}' AND lake_verdict IS NOT DISTINCT FROM '{ACCEPTED}' AS is_shared FROM matched)"
    )
    database.unregister("matched")


def score(database: Any, contracts: Sequence[SourceContract]) -> dict[str, FileScore]:
    """The files of every dataset."""
    refusal_is_right = f"{_REFUSED} AND {_REFUSED_BY_LAKE} AND same_verdict"
    rows = _dicts(
        database,
        "SELECT dataset, count(*) AS expected, count(file_id) AS seen, count(*) FILTER (is_absent) AS absent, "
        "count(*) FILTER (file_id IS NULL AND NOT is_optional) AS missing, "
        "count(*) FILTER (is_right) AS is_right, "
        "count(*) FILTER (is_shared AND NOT is_right) AS wrong_row_counts, "
        f"count(*) FILTER ({refusal_is_right}) AS hits, "
        f"count(*) FILTER ({_REFUSED_BY_LAKE} AND NOT ({refusal_is_right})) AS wrong, "
        f"count(*) FILTER ({_REFUSED} AND NOT is_absent AND NOT ({refusal_is_right})) AS missed "
        "FROM files GROUP BY dataset",
    )
    found = {
        row["dataset"]: FileScore(
            row["expected"],
            row["seen"],
            row["absent"],
            row["missing"],
            row["is_right"],
            row["wrong_row_counts"],
            Match(row["hits"], row["wrong"], row["missed"]),
        )
        for row in rows
    }
    return {contract.dataset: found[contract.dataset] for contract in contracts}


def _row(number: int, wanted: ExpectedFile, found: JudgedFile | None) -> dict[str, Any]:
    return {
        "file_no": number,
        "dataset": wanted.dataset,
        "file": wanted.file,
        "name": wanted.file if wanted.delivery == 1 else f"{wanted.file} (delivery {wanted.delivery})",
        "delivery": wanted.delivery,
        "verdict": wanted.verdict,
        "reason": wanted.reason,
        "rows": wanted.rows,
        "defects": wanted.defects,
        "is_optional": wanted.is_optional,
        "file_id": found and found.file_id,
        "lake_verdict": found and found.verdict,
        "lake_reason": found and found.reason,
        "rows_parsed": found and found.rows_parsed,
    }


def _dicts(database: Any, sql: str) -> list[dict[str, Any]]:
    result = database.execute(sql)
    names = [name for name, *_ in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
