"""Where every row of the files that truth and lake both accepted went, against where it should have gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lakehouse.contract import SourceContract
from lakehouse.score.model import Match, RowScore

HISTORY_COLUMNS = ("_file_id", "_row", "_fate")
QUARANTINE_COLUMNS = ("file_id", "row_number", "violations", "status")
NOWHERE, NO_SUCH_ROW = "nowhere", "no such row"


def prepare(database: Any) -> None:
    """Make the tables that `place_silver`, `place_history` and `place_refused` fill, and `listed`: grain, expected row.

    `places` has one row for each place where a row of the lake is; `refused` one for each refused row, with its rules.
    """
    database.execute("CREATE TABLE places (file_no INTEGER, row_number BIGINT, place VARCHAR)")
    database.execute("CREATE TABLE refused (file_no INTEGER, row_number BIGINT, rules VARCHAR[])")
    database.execute(
        "CREATE TABLE listed AS SELECT f.file_no, dataset, r.row_number, r.outcome, r.rivals, f.is_shared, "
        "f.is_absent, list_sort(list_distinct(coalesce(r.violations, []))) AS rules, "
        "coalesce(r.defects, []) AS defects FROM expected_rows r JOIN files f USING (dataset, file, delivery)"
    )


def place_silver(database: Any, lake_table: str) -> None:
    """Note the rows of one dataset's silver."""
    database.execute(
        f"INSERT INTO places SELECT f.file_no, s._row, 'silver' FROM {lake_table} s "
        "JOIN files f ON f.file_id = s._file_id AND f.is_shared"
    )


def place_history(database: Any, lake_table: str) -> None:
    """Note the rows of one dataset's history."""
    database.execute(
        f"INSERT INTO places SELECT f.file_no, h._row, h._fate FROM {lake_table} h "
        "JOIN files f ON f.file_id = h._file_id AND f.is_shared"
    )


def place_refused(database: Any, lake_table: str) -> None:
    """Note the rows of one dataset's quarantine; a replayed row has left it."""
    database.execute(
        f"INSERT INTO refused SELECT f.file_no, q.row_number, json_extract_string(q.violations, '$[*].rule') "
        f"FROM {lake_table} q JOIN files f USING (file_id) WHERE f.is_shared AND q.status <> 'replayed'"
    )


def judge(database: Any) -> None:
    """Compare. Makes `outcomes` (every listed row, `is_right`), `strays` (every other row that is not where it came to
    be expected) and `verdicts` (every row that either side refuses, with the rules of both)."""
    database.execute("INSERT INTO places SELECT file_no, row_number, 'quarantined' FROM refused")
    # A row in several places is in the wrong one: all are named.
    database.execute(
        "CREATE TABLE located AS SELECT file_no, row_number, "
        "CASE WHEN count(*) = 1 THEN min(place) ELSE min(place) || ' and ' || max(place) END AS actual "
        "FROM places GROUP BY file_no, row_number"
    )
    # Rivals are interchangeable: of each outcome as many are right as are expected, those that have their own first.
    database.execute(
        f"""CREATE TABLE outcomes AS
        WITH found AS (
            SELECT l.*, coalesce(p.actual, '{NOWHERE}') AS actual
            FROM listed l LEFT JOIN located p USING (file_no, row_number) WHERE l.is_shared
        ), wanted AS (
            SELECT dataset, rivals, outcome, count(*) AS places FROM found WHERE rivals IS NOT NULL GROUP BY ALL
        ), ranked AS (
            SELECT file_no, row_number, row_number() OVER (
                PARTITION BY dataset, rivals, actual ORDER BY outcome <> actual, file_no, row_number) AS rank
            FROM found WHERE rivals IS NOT NULL
        )
        SELECT f.file_no, f.dataset, f.row_number, f.outcome, f.actual, f.rules,
               f.actual = f.outcome OR coalesce(r.rank <= w.places, false) AS is_right
        FROM found f
        LEFT JOIN ranked r USING (file_no, row_number)
        LEFT JOIN wanted w ON w.dataset = f.dataset AND w.rivals = f.rivals AND w.outcome = f.actual"""
    )
    database.execute(
        """CREATE TABLE unlisted AS SELECT p.*, f.rows, f.dataset FROM located p JOIN files f USING (file_no)
        ANTI JOIN listed l ON l.file_no = p.file_no AND l.row_number = p.row_number"""
    )
    # Only files that lack a row are counted out row by row.
    database.execute(
        f"""CREATE TABLE strays AS
        WITH present AS (
            SELECT file_no, count(*) AS rows FROM unlisted WHERE row_number BETWEEN 1 AND rows GROUP BY file_no
        ), elsewhere AS (SELECT file_no, count(*) AS rows FROM listed GROUP BY file_no
        ), incomplete AS (
            SELECT f.file_no, f.dataset, f.rows FROM files f LEFT JOIN present p USING (file_no)
            LEFT JOIN elsewhere e USING (file_no)
            WHERE f.is_shared AND coalesce(p.rows, 0) + coalesce(e.rows, 0) <> f.rows
        ), due AS (SELECT file_no, dataset, unnest(range(1, rows + 1)) AS row_number FROM incomplete)
        SELECT file_no, dataset, row_number, 'silver' AS outcome, '{NOWHERE}' AS actual FROM due
        ANTI JOIN located USING (file_no, row_number) ANTI JOIN listed USING (file_no, row_number)
        UNION ALL
        SELECT file_no, dataset, row_number,
               CASE WHEN row_number BETWEEN 1 AND rows THEN 'silver' ELSE '{NO_SUCH_ROW}' END, actual
        FROM unlisted WHERE actual <> 'silver' OR row_number NOT BETWEEN 1 AND rows"""
    )
    database.execute(
        """CREATE TABLE verdicts AS
        WITH expected AS (
            SELECT file_no, row_number, rules FROM listed WHERE is_shared AND outcome = 'quarantined'
        ), actual AS (
            SELECT file_no, row_number, list_sort(list_distinct(flatten(list(rules)))) AS rules
            FROM refused GROUP BY file_no, row_number
        )
        SELECT file_no, row_number, coalesce(e.rules, []) AS expected, coalesce(a.rules, []) AS actual,
               len(list_intersect(coalesce(e.rules, []), coalesce(a.rules, []))) AS hits
        FROM expected e FULL JOIN actual a USING (file_no, row_number)"""
    )


def score(database: Any, contracts: Sequence[SourceContract]) -> dict[str, RowScore]:
    """The rows of every dataset. `judge` comes first."""
    rows = _by_dataset(database, "SELECT dataset, coalesce(sum(rows), 0)::BIGINT FROM files WHERE is_shared GROUP BY 1")
    listed = _by_dataset(
        database,
        "SELECT dataset, count(*), count(*) FILTER (is_right), count(*) FILTER (outcome = 'duplicate'), "
        "count(*) FILTER (outcome = 'superseded') FROM outcomes GROUP BY 1",
    )
    strays = _by_dataset(database, "SELECT dataset, count(*) FROM strays GROUP BY 1")
    fates = _by_dataset(
        database,
        "SELECT f.dataset, count(*) FILTER (place = 'duplicate'), count(*) FILTER (place = 'superseded') "
        "FROM places JOIN files f USING (file_no) GROUP BY 1",
    )
    matches = _by_dataset(
        database,
        "SELECT f.dataset, sum(hits)::BIGINT, sum(len(v.actual) - hits)::BIGINT, sum(len(v.expected) - hits)::BIGINT "
        "FROM verdicts v JOIN files f USING (file_no) GROUP BY 1",
    )
    scores = {}
    for name in (contract.dataset for contract in contracts):
        count, right, duplicates_due, superseded_due = listed.get(name, (0, 0, 0, 0))
        duplicates, superseded = fates.get(name, (0, 0))
        scores[name] = RowScore(
            rows=rows.get(name, (0,))[0],
            listed=count,
            listed_right=right,
            unlisted_wrong=strays.get(name, (0,))[0],
            duplicates_expected=duplicates_due,
            duplicates=duplicates,
            superseded_expected=superseded_due,
            superseded=superseded,
            violations=Match(*matches.get(name, ())),
        )
    return scores


def _by_dataset(database: Any, sql: str) -> dict[str, tuple[int, ...]]:
    return {name: tuple(figures) for name, *figures in database.execute(sql).fetchall()}
