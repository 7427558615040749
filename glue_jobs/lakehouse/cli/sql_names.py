"""The names that a prompt for SQL completes: schemas, tables, columns, keywords; and which of them fit where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift

_KEYWORDS = """
    ALTER TABLE, AND, AS, ASC, AVG, BEGIN, BETWEEN, CASE, CAST, COALESCE, COMMIT, COUNT, CREATE TABLE, CROSS JOIN,
    CREATE TEMP TABLE, CURRENT_DATE, DATEADD, DATEDIFF, DATE_TRUNC, DELETE FROM, DESC, DISTINCT, DROP TABLE, ELSE, END,
    EXCEPT, EXISTS, EXTRACT, FROM, FULL JOIN, GETDATE, GROUP BY, HAVING, ILIKE, IN, INNER JOIN, INSERT INTO, INTERSECT,
    IS NOT NULL, IS NULL, JOIN, LEFT JOIN, LIKE, LIMIT, LISTAGG, MAX, MIN, NOT, NULLIF, OFFSET, ON, OR, ORDER BY, OVER,
    PARTITION BY, QUALIFY, RIGHT JOIN, ROLLBACK, ROUND, ROW_NUMBER, SELECT, SET, SUM, THEN, TO_CHAR, UNION ALL, UPDATE,
    USING, VALUES, WHEN, WHERE, WITH"""
KEYWORDS = tuple(" ".join(keyword.split()) for keyword in _KEYWORDS.split(","))
_WORD = re.compile(r"[A-Za-z0-9_.$]*$")
# Where the name of a table stands, also behind others and their other names.
_AFTER_TABLE = re.compile(
    r"(?:\b(?:from|join|into|update|table)|\\d)\s+(?:[\w.]+(?:\s+(?:as\s+)?\w+)?\s*,\s*)*[\w.]*$", re.IGNORECASE
)
# A table in the statement, and the other name that it may have there.
_USED = re.compile(
    r"\b(?:from|join|update|into)\s+([\w.]+)(?:\s+(?:as\s+)?(?!\b(?:on|where|join|set|using)\b)(\w+))?", re.I
)


@dataclass(frozen=True)
class Names:
    """What there is: table as `<schema>.<table>` -> its columns in order."""

    tables: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def schemas(self) -> list[str]:
        return sorted({table.partition(".")[0] for table in self.tables})

    def columns(self, table: str) -> Sequence[str]:
        """Those of a table named with or without its schema; none when there is no such table, or more than one."""
        fitting = [name for name in self.tables if table in (name, name.partition(".")[2])]
        return self.tables[fitting[0]] if len(fitting) == 1 else ()


def read(redshift: Redshift) -> Names:
    """Every table and column that the user may see, those of the lake included. Raises RedshiftError."""
    tables: dict[str, list[str]] = {
        f"{schema}.{table}": []
        for schema, table in redshift.query(
            "SELECT schema_name, table_name FROM svv_all_tables WHERE database_name = current_database() "
            "AND schema_name NOT IN ('pg_catalog', 'information_schema', 'pg_internal') ORDER BY 1, 2"
        ).rows
    }
    for query in (
        "SELECT schema_name, table_name, column_name FROM svv_redshift_columns "
        "WHERE database_name = current_database() ORDER BY 1, 2, ordinal_position",
        "SELECT schemaname, tablename, columnname FROM svv_external_columns ORDER BY 1, 2, columnnum",
    ):
        for schema, table, column in redshift.query(query).rows:
            if (name := f"{schema}.{table}") in tables:
                tables[name].append(column)
    return Names(tables)


def completions(before: str, statement: str, names: Names) -> tuple[str, list[str]]:
    """What may stand at the cursor: the word that is being typed, and what it may become.

    `before` is the statement up to the cursor. After a dot only what is in the schema or table before it.
    """
    match = _WORD.search(before)
    word = match[0] if match else ""
    head, dot, last = word.rpartition(".")
    if dot:
        return word, [f"{head}.{name}" for name in _starting(last, _inside(head.lower(), statement, names))]
    if _AFTER_TABLE.search(before):
        return word, _starting(word, [*names.schemas, *names.tables])
    if not word:
        return word, []
    columns = [column for table, _ in _used(statement) for column in names.columns(table)]
    keywords = [keyword if word.isupper() else keyword.lower() for keyword in KEYWORDS]
    return word, _starting(word, [*columns, *keywords, *names.schemas])


def _inside(head: str, statement: str, names: Names) -> Iterable[str]:
    """Tables of a schema; columns of a table, also by the other name that the statement gives it."""
    if head in names.schemas:
        return [table.partition(".")[2] for table in names.tables if table.startswith(f"{head}.")]
    of_alias = next((table for table, alias in _used(statement) if alias == head), head)
    return names.columns(of_alias)


def _used(statement: str) -> Iterator[tuple[str, str | None]]:
    for match in _USED.finditer(statement):
        yield match[1].lower(), match[2].lower() if match[2] else None


def _starting(word: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.lower().startswith(word.lower())]
