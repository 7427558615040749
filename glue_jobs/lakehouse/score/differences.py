"""The first differences, each with the file, the row and the column where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lakehouse.contract import SourceContract
from lakehouse.score import rows, silver
from lakehouse.score.model import Difference

_DELIVERED = (
    "SELECT repair.delivered FROM (SELECT unnest(repairs) AS repair FROM expected_rows r JOIN files f "
    "USING (dataset, file, delivery) WHERE f.file_no = $file AND r.row_number = $row) "
    'WHERE repair."column" = $column LIMIT 1'
)


def first(database: Any, contracts: Sequence[SourceContract], limit: int) -> tuple[tuple[Difference, ...], int]:
    """At most `limit` differences, files before rows before silver and each kind with its share, and how many there
    are in all. Every comparison comes first."""
    kinds = [_files(database, limit), _rows(database, limit), _silver(database, contracts, limit)]
    chosen = [0] * len(kinds)
    for _ in range(limit):
        for kind, (found, _) in enumerate(kinds):
            chosen[kind] += chosen[kind] < len(found) and sum(chosen) < limit
    shown = [one for (found, _), count in zip(kinds, chosen, strict=True) for one in found[:count]]
    return tuple(shown), sum(count for _, count in kinds)


def _files(database: Any, limit: int) -> tuple[list[Difference], int]:
    wrong = "FROM files WHERE NOT is_right AND NOT is_absent"
    found = database.execute(
        "SELECT dataset, name, file_id, verdict, reason, rows, lake_verdict, lake_reason, rows_parsed, defects "
        f"{wrong} ORDER BY dataset, delivery, file LIMIT {limit:d}"
    ).fetchall()
    differences = [
        Difference(
            "file",
            dataset,
            expected=_verdict(verdict, reason, row_count),
            found=_verdict(lake_verdict, lake_reason, parsed) if file_id else "not in the ledger",
            file=name,
            file_id=file_id,
            defects=tuple(defects),
        )
        for dataset, name, file_id, verdict, reason, row_count, lake_verdict, lake_reason, parsed, defects in found
    ]
    return differences, database.execute(f"SELECT count(*) {wrong}").fetchone()[0]


def _rows(database: Any, limit: int) -> tuple[list[Difference], int]:
    """One difference for each row whose outcome or reasons are wrong."""
    wrong = """FROM (
            SELECT file_no, row_number, outcome, actual FROM outcomes WHERE NOT is_right
            UNION ALL SELECT file_no, row_number, outcome, actual FROM strays
        ) o FULL JOIN (SELECT * FROM verdicts WHERE hits <> len(expected) OR hits <> len(actual)) v
            USING (file_no, row_number)"""
    found = database.execute(
        f"""SELECT f.dataset, f.name, f.file_id, w.row_number, w.outcome, w.actual,
               coalesce(w.due, v.expected, []), coalesce(w.made, v.actual, []), coalesce(l.defects, [])
        FROM (SELECT file_no, row_number, coalesce(o.outcome, 'quarantined') AS outcome,
                     coalesce(o.actual, 'quarantined') AS actual, v.expected AS due, v.actual AS made {wrong}) w
        JOIN files f USING (file_no)
        LEFT JOIN verdicts v USING (file_no, row_number)
        LEFT JOIN listed l USING (file_no, row_number)
        ORDER BY f.dataset, f.file_no, w.row_number LIMIT {limit:d}"""
    ).fetchall()
    differences = [
        Difference(
            "row",
            dataset,
            expected=_outcome(outcome, due),
            found=_outcome(actual, made),
            file=name,
            file_id=file_id,
            row=row,
            defects=tuple(defects),
        )
        for dataset, name, file_id, row, outcome, actual, due, made, defects in found
    ]
    return differences, database.execute(f"SELECT count(*) {wrong}").fetchone()[0]


def _silver(database: Any, contracts: Sequence[SourceContract], limit: int) -> tuple[list[Difference], int]:
    """One difference for each cell, and for each row that is missing or too many."""
    found = database.execute(
        f"""SELECT d.dataset, d.kind, d.key, d.file_no, d.file_id, d.row_number, f.name, coalesce(l.defects, []), cell
        FROM (SELECT *, unnest(CASE WHEN kind = '{silver.DIFFERENT}' THEN cells ELSE [NULL] END) AS cell
              FROM silver_differences) d
        LEFT JOIN files f USING (file_no)
        LEFT JOIN listed l ON l.file_no = d.file_no AND l.row_number = d.row_number
        ORDER BY d.dataset, d.kind, d.file_no, d.row_number, d.key, cell."column" LIMIT {limit:d}"""
    ).fetchall()
    personal = {
        (contract.dataset, column.name)
        for contract in contracts
        for column in contract.columns
        if column.classification == "personal"
    }
    differences = []
    for dataset, kind, key, file_no, file_id, row, name, defects, cell in found:
        expected, actual = _KINDS[kind] if cell is None else (cell["expected"], cell["found"])
        delivered = None
        if cell is not None and file_no is not None:
            where = {"file": file_no, "row": row, "column": cell["column"]}
            delivered = next((text for (text,) in database.execute(_DELIVERED, where).fetchall()), None)
            if delivered is not None and (dataset, cell["column"]) in personal:
                delivered = silver.PERSONAL
        differences.append(
            Difference(
                "silver",
                dataset,
                expected,
                actual,
                file=name,
                file_id=file_id,
                row=row,
                key=key,
                column=cell and cell["column"],
                delivered=delivered,
                defects=tuple(defects),
            )
        )
    count = database.execute(
        f"SELECT coalesce(sum(CASE WHEN kind = '{silver.DIFFERENT}' THEN len(cells) ELSE 1 END), 0)::BIGINT "
        "FROM silver_differences"
    ).fetchone()[0]
    return differences, count


_KINDS = {
    silver.MISSING: ("a row in silver", "no row with this key"),
    silver.EXTRA: ("no row with this key", "a row in silver"),
    silver.TWICE: ("one row with this key", "another row in silver"),
}


def _verdict(verdict: str, reason: str | None, row_count: int) -> str:
    if verdict == "accepted":
        return f"accepted, {row_count:,} row{'' if row_count == 1 else 's'}"
    return f"{verdict}: {reason}" if reason else verdict


def _outcome(place: str, rules: Sequence[str]) -> str:
    return f"{place} ({', '.join(rules)})" if rules and place not in ("silver", rows.NOWHERE) else place
