"""What became of every defect that was made, file by file and row by row."""

from __future__ import annotations

from typing import Any

from lakehouse.score.model import DefectScore


def judge(database: Any) -> None:
    """Make `wrong_rows`: every row of a shared file of which anything differs. The comparisons come first."""
    database.execute(
        """CREATE TABLE wrong_rows AS
        SELECT file_no, row_number FROM outcomes WHERE NOT is_right
        UNION SELECT file_no, row_number FROM strays
        UNION SELECT file_no, row_number FROM verdicts WHERE hits <> len(expected) OR hits <> len(actual)
        UNION SELECT file_no, row_number FROM silver_differences WHERE file_no IS NOT NULL"""
    )


def score(database: Any) -> tuple[DefectScore, ...]:
    """Every defect of the truth, the one that is wrong most often first.

    A file's defect is answered for by its verdict, reason and number of rows, and by the rows that no expectation of
    their own lists; files that may be absent and are do not count.
    """
    rows = database.execute(
        """WITH spoilt_files AS (
            SELECT DISTINCT file_no FROM wrong_rows w ANTI JOIN listed USING (file_no, row_number)
        ), of_files AS (
            SELECT unnest(defects) AS defect, is_right AND s.file_no IS NULL AS is_right
            FROM files f LEFT JOIN spoilt_files s USING (file_no) WHERE NOT is_absent
        ), of_rows AS (
            SELECT unnest(l.defects) AS defect, l.is_shared AND w.file_no IS NULL AS is_right
            FROM listed l LEFT JOIN wrong_rows w USING (file_no, row_number) WHERE NOT l.is_absent
        )
        SELECT defect, level, count(*), count(*) FILTER (is_right)
        FROM (SELECT *, 'file' AS level FROM of_files UNION ALL SELECT *, 'row' FROM of_rows)
        GROUP BY defect, level ORDER BY count(*) FILTER (is_right) / count(*), count(*) DESC, defect, level"""
    ).fetchall()
    return tuple(DefectScore(*row) for row in rows)
