"""Silver against the clean table, cell by cell: a full outer join on the key, null equal to null."""

from __future__ import annotations

from typing import Any

from lakehouse.contract import Column, SourceContract
from lakehouse.score.model import SilverScore
from lakehouse.score.truth import view_of

MISSING, EXTRA, TWICE, DIFFERENT = "missing", "extra", "twice", "different"
PERSONAL = "(personal)"


def columns(contract: SourceContract) -> tuple[str, ...]:
    """What is read of silver: the contract's columns, and which row of which file a row is."""
    return (*contract.column_names, "_file_id", "_row")


def prepare(database: Any) -> None:
    """Make `silver_differences`: grain, key that is missing, extra, held twice or different; `cells` that differ."""
    database.execute(
        "CREATE TABLE silver_differences (dataset VARCHAR, kind VARCHAR, key VARCHAR, file_no INTEGER, "
        'file_id VARCHAR, row_number BIGINT, cells STRUCT("column" VARCHAR, expected VARCHAR, found VARCHAR)[])'
    )


def compare(database: Any, contract: SourceContract, lake_table: str) -> None:
    """Note every difference of one dataset.

    A lake row counts when its key is in the truth or its file is one of the truth's: the lake may hold other data too.
    """
    differs = [f't."{name}" IS DISTINCT FROM s."{name}"' for name in contract.column_names if name not in contract.key]
    any_differs = " OR ".join(differs) or "false"
    cells = ", ".join(
        f"CASE WHEN {condition} THEN {_cell(contract.column(name))} END"
        for name, condition in zip((n for n in contract.column_names if n not in contract.key), differs, strict=True)
    )
    found = f"list_filter([{cells}], lambda cell: cell IS NOT NULL)" if cells else "[]"
    database.execute(
        f"""INSERT INTO silver_differences
        SELECT $dataset, CASE WHEN t._in_truth IS NULL THEN '{EXTRA}' WHEN s._in_lake IS NULL THEN '{MISSING}'
                         ELSE '{DIFFERENT}' END,
               {_key(contract, "coalesce(t.{0}, s.{0})")}, f.file_no, s._file_id, s._row,
               CASE WHEN t._in_truth AND s._in_lake THEN {found} ELSE [] END
        FROM (SELECT *, true AS _in_truth FROM {view_of(contract)}) t
        FULL JOIN (SELECT *, true AS _in_lake FROM {lake_table}) s ON {_same_key(contract, "t", "s")}
        LEFT JOIN files f ON f.file_id = s._file_id
        WHERE s._in_lake IS NULL OR (t._in_truth IS NULL AND f.file_no IS NOT NULL)
           OR (t._in_truth AND s._in_lake AND ({any_differs}))""",
        {"dataset": contract.dataset},
    )
    names = ", ".join(f'"{name}"' for name in contract.key)
    database.execute(
        f"""INSERT INTO silver_differences
        SELECT $dataset, '{TWICE}', {_key(contract, "s.{0}")}, f.file_no, s._file_id, s._row, []
        FROM (SELECT s.*, row_number() OVER (PARTITION BY {names} ORDER BY _file_id, _row) AS _copy FROM {lake_table} s
              SEMI JOIN (SELECT {names} FROM {lake_table} GROUP BY ALL HAVING count(*) > 1) t
                  ON {_same_key(contract, "t", "s")}
              SEMI JOIN {view_of(contract)} u ON {_same_key(contract, "u", "s")}) s
        LEFT JOIN files f ON f.file_id = s._file_id WHERE s._copy > 1""",
        {"dataset": contract.dataset},
    )


def score(database: Any, contract: SourceContract) -> SilverScore:
    """One dataset's silver. `compare` comes first."""
    mine = {"dataset": contract.dataset}
    kinds = dict(
        database.execute(
            "SELECT kind, count(*) FROM silver_differences WHERE dataset = $dataset GROUP BY kind", mine
        ).fetchall()
    )
    cells = database.execute(
        'SELECT cell."column", count(*) FROM (SELECT unnest(cells) AS cell FROM silver_differences '
        "WHERE dataset = $dataset) GROUP BY 1 ORDER BY 1",
        mine,
    ).fetchall()
    expected = database.execute(f"SELECT count(*) FROM {view_of(contract)}").fetchone()[0]
    extra = kinds.get(EXTRA, 0) + kinds.get(TWICE, 0)
    return SilverScore(expected, kinds.get(MISSING, 0), extra, kinds.get(DIFFERENT, 0), dict(cells))


def _same_key(contract: SourceContract, left: str, right: str) -> str:
    """SQL of two rows having one key; columns of a key may be null."""
    return " AND ".join(f'{left}."{name}" IS NOT DISTINCT FROM {right}."{name}"' for name in contract.key)


def _key(contract: SourceContract, source: str) -> str:
    """SQL of a key as people read it: `order_id="7", line=1`."""
    parts = (f"'{name}=' || {_shown(contract.column(name), source.format(_quoted(name)))}" for name in contract.key)
    return " || ', ' || ".join(parts)


def _cell(column: Column) -> str:
    expected, found = (_shown(column, f"{side}.{_quoted(column.name)}") for side in "ts")
    return f"{{'column': '{column.name}', 'expected': {expected}, 'found': {found}}}"


def _shown(column: Column, value: str) -> str:
    """SQL of a value as people read it: text in quotes, so that blanks are seen; nothing of a personal column."""
    if column.classification == "personal":
        return f"CASE WHEN {value} IS NULL THEN 'null' ELSE '{PERSONAL}' END"
    text = f"to_json({value})" if column.type.kind == "varchar" else value
    return f"coalesce(CAST({text} AS VARCHAR), 'null')"


def _quoted(name: str) -> str:
    return f'"{name}"'
