"""What Redshift knows of a relation and DuckDB does not, kept as JSON in the DuckDB table's own comment.

The comment is part of the same catalog entry as the table, so that it is created, rolled back, dropped and recovered
after a kill together with it, for temporary tables as well.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from infra.local_aws.redshift.types import ColumnType

ADMIN = "admin"
"""The superuser that everything belongs to unless another user made it."""


@dataclass(frozen=True)
class Column:
    """A declared column; ``default`` is Redshift SQL, ``identity`` is (seed, step)."""

    name: str
    type: ColumnType
    nullable: bool = True
    default: str | None = None
    encoding: str | None = None
    identity: tuple[int, int] | None = None
    identity_always: bool = False
    comment: str | None = None


@dataclass(frozen=True)
class Constraint:
    """A key that is declared and, as in Redshift, not enforced. ``kind`` is PRIMARY KEY, UNIQUE or FOREIGN KEY."""

    kind: str
    columns: tuple[str, ...]
    references: str | None = None


@dataclass(frozen=True)
class Facts:
    """A table, or a view when ``query`` is set (Redshift SQL with every name qualified)."""

    columns: tuple[Column, ...]
    diststyle: str = "AUTO"
    distkey: str | None = None
    sortkeys: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    comment: str | None = None
    query: str | None = None
    late_binding: bool = False
    depends_on: tuple[tuple[str, str], ...] = ()
    """The (schema, name) of each relation that a view reads, views in it looked through."""
    owner: str = ADMIN
    grants: tuple[tuple[str, str, bool], ...] = ()
    """(grantee, privilege, may it be handed on) of each privilege that was granted."""

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def with_column(self, of: str, **changes: Any) -> Facts:
        """A copy in which the column ``of`` is changed."""
        return replace(self, columns=tuple(replace(c, **changes) if c.name == of else c for c in self.columns))

    def to_json(self) -> str:
        """For the comment of the DuckDB table."""
        return json.dumps(asdict(self), separators=(",", ":"))


@lru_cache(maxsize=2048)
def from_json(text: str) -> Facts:
    """What ``Facts.to_json`` wrote."""
    fields = json.loads(text)
    columns = tuple(
        Column(**{**column, "type": ColumnType(**column["type"]), "identity": _pair(column["identity"])})
        for column in fields.pop("columns")
    )
    constraints = tuple(
        Constraint(**{**constraint, "columns": tuple(constraint["columns"])})
        for constraint in fields.pop("constraints")
    )
    depends_on = tuple((schema, name) for schema, name in fields.pop("depends_on"))
    sortkeys = tuple(fields.pop("sortkeys"))
    # Files written before there were grants have none.
    fields["grants"] = tuple((grantee, privilege, option) for grantee, privilege, option in fields.get("grants", ()))
    return Facts(columns=columns, constraints=constraints, depends_on=depends_on, sortkeys=sortkeys, **fields)


def _pair(value: list[int] | None) -> tuple[int, int] | None:
    return None if value is None else (value[0], value[1])
