"""What gold columns are computed from: columns of sources, named in the standard's `transformSourceObjects`."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.contract.document import Document, Value

ROW_KEY = "_key"
"""The column of every silver table that stands for the whole key of a row."""


@dataclass(frozen=True)
class ColumnSource:
    """A column of a source that a gold column is computed from; `ROW_KEY` is one of every source."""

    dataset: str
    column: str

    def __str__(self) -> str:
        return f"{self.dataset}.{self.column}"


def read_lineage(document: Document, value: Value) -> tuple[tuple[Value, ColumnSource], ...]:
    """The source columns of a gold column, each as `<domain>.<dataset>.<column>`, and where it is named.

    Whether they are there is for the registry to check.
    """
    found = []
    for item, text in zip(document.items(value), document.texts(value), strict=False):
        parts = text.split(".")
        if len(parts) == 3:
            found.append((item, ColumnSource(".".join(parts[:2]), parts[2])))
        else:
            document.complain(item, f'"{text}" is not a column of a source', "write <domain>.<dataset>.<column>")
    if not document.items(value):
        document.complain(value, "there is no source column", "name at least one, or drop the field")
    return tuple(found)
