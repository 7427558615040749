"""The relations of the warehouse as one DuckDB connection, in its transaction, sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from infra.local_aws.redshift import facts
from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.facts import Facts

WAREHOUSE = "warehouse"
"""The name DuckDB gives to the attached file ``warehouse.duckdb``."""
INTERNAL = "_redshift"
"""The schema of what Redshift keeps outside tables: external schemas, roles, grants, the log of statements."""
HIDDEN_SCHEMAS = (INTERNAL, "main", "information_schema", "pg_catalog")

_RELATIONS = """
SELECT database_name, schema_name, table_name, comment FROM duckdb_tables() WHERE comment IS NOT NULL AND NOT internal
UNION ALL
SELECT database_name, schema_name, view_name, comment FROM duckdb_views() WHERE comment IS NOT NULL AND NOT internal
"""


def quoted(*names: str) -> str:
    """A DuckDB identifier of one or more parts."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str) -> str:
    """A DuckDB string literal, for statements that take no parameters (COMMENT, DEFAULT)."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Relation:
    """A table or view; ``schema`` is empty for a temporary table."""

    schema: str
    name: str
    facts: Facts

    @property
    def is_temporary(self) -> bool:
        """Does it belong to one session?"""
        return not self.schema

    @property
    def is_view(self) -> bool:
        """Is it a view?"""
        return self.facts.query is not None

    @property
    def path(self) -> tuple[str, str, str]:
        """Catalog, schema and name in DuckDB."""
        return ("temp", "main", self.name) if self.is_temporary else (WAREHOUSE, self.schema, self.name)

    @property
    def duckdb(self) -> str:
        """Its quoted name in DuckDB."""
        return quoted(*self.path)


@dataclass(frozen=True)
class ExternalSchema:
    """A schema over a database of the Glue catalog."""

    name: str
    database: str
    iam_role: str


class Catalog:
    """Read anew for each statement: a transaction must see its own DDL, and nobody else's before it is committed."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, search_path: Sequence[str]) -> None:
        self._connection, self._search_path = connection, search_path
        self._relations = {
            ("" if database == "temp" else schema, name): comment
            for database, schema, name, comment in connection.execute(_RELATIONS).fetchall()
        }

    def relations(self) -> Iterable[Relation]:
        """All tables and views, the session's temporary ones included."""
        return (Relation(schema, name, facts.from_json(text)) for (schema, name), text in self._relations.items())

    def find(self, schema: str | None, name: str) -> Relation | None:
        """The relation that a name means: a temporary one first, then along the search path."""
        schemas = [schema] if schema else ["", *self._search_path]
        for candidate in schemas:
            text = self._relations.get((candidate, name))
            if text is not None:
                return Relation(candidate, name, facts.from_json(text))
        return None

    def table(self, schema: str | None, name: str) -> Relation:
        """Like ``find``; raises RedshiftError when there is none or when it is a view."""
        relation = self.find(schema, name)
        if relation is None:
            self.require_schema(schema)
            raise missing_relation(schema, name)
        if relation.is_view:
            raise RedshiftError(f'"{name}" is not a table')
        return relation

    def views_over(self, relation: Relation) -> list[Relation]:
        """The views that are bound to a relation; late-binding ones are not."""
        key = (relation.schema, relation.name)
        return [r for r in self.relations() if r.is_view and not r.facts.late_binding and key in r.facts.depends_on]

    def schemas(self) -> list[str]:
        """The local schemas, sorted."""
        rows = self._connection.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? AND NOT internal ORDER BY 1", [WAREHOUSE]
        ).fetchall()
        return [name for (name,) in rows if name not in HIDDEN_SCHEMAS]

    def require_schema(self, schema: str | None) -> None:
        """Raise RedshiftError when a schema is named that does not exist."""
        if schema and schema not in self.schemas() and self.external_schema(schema) is None:
            raise RedshiftError(f'schema "{schema}" does not exist')

    def creation_schema(self, schema: str | None) -> str:
        """Where a new relation goes: the schema named, or the first of the search path that exists."""
        existing = self.schemas()
        for candidate in [schema] if schema else self._search_path:
            if candidate in existing:
                return candidate
        if schema and self.external_schema(schema) is not None:
            raise RedshiftError(f'Operations on local objects in external schema are not enabled: "{schema}"')
        raise RedshiftError(
            f'schema "{schema}" does not exist' if schema else "no schema has been selected to create in"
        )

    def external_schemas(self) -> list[ExternalSchema]:
        """All external schemas, sorted by name."""
        rows = self._connection.execute(
            f"SELECT name, database_name, iam_role FROM {INTERNAL}.external_schemas ORDER BY 1"
        ).fetchall()
        return [ExternalSchema(*row) for row in rows]

    def external_schema(self, name: str) -> ExternalSchema | None:
        """The external schema of that name, or None."""
        return next((schema for schema in self.external_schemas() if schema.name == name), None)


def missing_relation(schema: str | None, name: str) -> RedshiftError:
    """The error for a relation that is not there."""
    return RedshiftError(f'relation "{schema + "." if schema else ""}{name}" does not exist')
