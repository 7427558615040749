"""The star that a truth implies: every gold table of a domain, by SQL alone over the truth's Parquet.

One file a table, written from what the contracts say of it and not from the code that fills it; it knows nothing of the
library. A surrogate key stands as the natural key of the row that it has to point at: {'user_id': 'u-1'}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

_QUERIES = Path(__file__).parent


@dataclass(frozen=True)
class Rows:
    """What a table must hold."""

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


def star(domain: str, silver: Path, files: Path) -> Mapping[str, Rows]:
    """Every gold table of a domain by its name.

    `silver` is the truth's folder of that name. Of what silver does not hold, `files` has it: the delivered files, of
    a delivery in which nothing went wrong. Queries named `_…` prepare what several tables need.
    """
    found = {}
    with duckdb.connect() as database:
        for folder in sorted(silver.iterdir()):
            database.execute(f"CREATE VIEW {folder.name} AS FROM read_parquet('{folder}/*.parquet')")
        database.execute(f"SET VARIABLE files = '{files}'")
        for query in sorted((_QUERIES / domain).glob("*.sql")):
            result = database.execute(query.read_text())
            if not query.stem.startswith("_"):
                columns = [name for name, *_ in result.description or ()]
                found[query.stem] = Rows(columns, result.fetchall())
    return found
