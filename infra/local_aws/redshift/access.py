"""What a user may do, from ownership, grants, roles, groups and PUBLIC, as one transaction sees them.

A grantee is written ``user:ann``, ``role:reader``, ``group:staff`` or ``public``. The grants on a table or view are in
its facts, and so live and die with it; those on schemas, and who belongs to what, are in internal tables.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from infra.local_aws.redshift.catalog import INTERNAL, Catalog, Relation
from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.facts import ADMIN

PUBLIC = "public"
TABLE_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "REFERENCES", "ALTER", "TRUNCATE")
SCHEMA_PRIVILEGES = ("USAGE", "CREATE")

ACCESS_TABLES = (
    "users(name VARCHAR, password_hash VARCHAR, is_superuser BOOLEAN)",
    "memberships(member VARCHAR, belongs_to VARCHAR)",
    "schema_owners(schema_name VARCHAR, owner VARCHAR)",
    "schema_grants(schema_name VARCHAR, grantee VARCHAR, privilege VARCHAR)",
    "default_grants(owner VARCHAR, schema_name VARCHAR, grantee VARCHAR, privilege VARCHAR)",
)


class Access:
    """The rights of ``user``; superusers, ``admins`` among them, have all and cost no look-up."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, user: str, admins: Collection[str]) -> None:
        self._connection, self.user, self._admins = connection, user, admins

    def of(self, user: str) -> Access:
        """The rights of another user, as for the owner of a view."""
        return self if user == self.user else Access(self._connection, user, self._admins)

    @property
    def is_superuser(self) -> bool:
        """May the user do anything?"""
        if self.user in self._admins or self.user == ADMIN:
            return True
        sql = f"SELECT is_superuser FROM {INTERNAL}.users WHERE name = ?"
        # DuckDB lets nothing else run on a connection while a result has rows that were not fetched.
        return self._connection.execute(sql, [self.user]).fetchall() == [(True,)]

    def grantees(self) -> set[str]:
        """All that the user acts as: PUBLIC, the user, groups, and roles with the roles granted to them."""
        return {PUBLIC} | self.belongs_to(f"user:{self.user}")

    def belongs_to(self, member: str) -> set[str]:
        """A user, role or group, with all roles and groups that it is in, in however many steps."""
        found: set[str] = set()
        new = {member}
        pairs = self._connection.execute(f"SELECT member, belongs_to FROM {INTERNAL}.memberships").fetchall()
        while new:
            found |= new
            new = {group for one, group in pairs if one in found} - found
        return found

    def holds(self, relation: Relation, privilege: str, *, to_grant: bool = False) -> bool:
        """Has the user a privilege on a relation; ``to_grant``: and may hand it on?"""
        if relation.is_temporary or relation.facts.owner == self.user or self.is_superuser:
            return True
        grantees = self.grantees()
        return any(
            grantee in grantees and held == privilege and (is_grantable or not to_grant)
            for grantee, held, is_grantable in relation.facts.grants
        )

    def holds_on_schema(self, schema: str, privilege: str) -> bool:
        """Has the user USAGE or CREATE on a schema?"""
        if self.owns_schema(schema):
            return True
        sql = f"SELECT grantee FROM {INTERNAL}.schema_grants WHERE schema_name = ? AND privilege = ?"
        granted = {grantee for (grantee,) in self._connection.execute(sql, [schema, privilege]).fetchall()}
        return not granted.isdisjoint(self.grantees())

    def owns_schema(self, schema: str) -> bool:
        """Does the user own a schema, or everything?"""
        if self.is_superuser:
            return True
        sql = f"SELECT 1 FROM {INTERNAL}.schema_owners WHERE schema_name = ? AND owner = ?"
        return bool(self._connection.execute(sql, [schema, self.user]).fetchall())

    def sees(self, relation: Relation) -> bool:
        """Does a listing show the relation to the user?"""
        if self.holds(relation, "SELECT"):
            return True
        grantees = self.grantees()
        return any(grantee in grantees for grantee, *_ in relation.facts.grants)

    # --- checks
    def require(self, relation: Relation, privilege: str) -> None:
        """Raise RedshiftError unless the user may use the relation's schema and holds the privilege."""
        if relation.is_temporary or self.is_superuser:
            return
        self.require_on_schema(relation.schema, "USAGE")
        if not self.holds(relation, privilege):
            raise RedshiftError(f"permission denied for relation {relation.name}")

    def require_on_schema(self, schema: str, privilege: str) -> None:
        """Raise RedshiftError unless the user has USAGE or CREATE on a schema."""
        if not self.holds_on_schema(schema, privilege):
            raise RedshiftError(f"permission denied for schema {schema}")

    def require_owner(self, relation: Relation, privilege: str | None = None) -> None:
        """Raise RedshiftError unless the user owns the relation, or holds the privilege that stands for it."""
        if relation.is_temporary or self.is_superuser:
            return
        self.require_on_schema(relation.schema, "USAGE")
        if relation.facts.owner != self.user and not (privilege and self.holds(relation, privilege)):
            raise RedshiftError(f"must be owner of relation {relation.name}")

    def require_schema_owner(self, schema: str) -> None:
        """Raise RedshiftError unless the user owns the schema."""
        if not self.owns_schema(schema):
            raise RedshiftError(f"must be owner of schema {schema}")

    def require_superuser(self, problem: str) -> None:
        """Raise RedshiftError with ``problem`` unless the user is a superuser."""
        if not self.is_superuser:
            raise RedshiftError(problem)

    def default_grants(self, schema: str) -> tuple[tuple[str, str, bool], ...]:
        """What ALTER DEFAULT PRIVILEGES gives to a relation that the user makes in a schema."""
        sql = (
            f"SELECT DISTINCT grantee, privilege FROM {INTERNAL}.default_grants"
            " WHERE owner = ? AND schema_name IN (?, '') ORDER BY ALL"
        )
        rows = self._connection.execute(sql, [self.user, schema]).fetchall()
        return tuple((grantee, privilege, False) for grantee, privilege in rows)


def existing_relation(catalog: Catalog, schema: str | None, name: str) -> Relation:
    """The relation of that name. Raises RedshiftError when there is none."""
    relation = catalog.find(schema, name)
    if relation is None:
        catalog.require_schema(schema)
        raise RedshiftError(f'relation "{name}" does not exist')
    return relation
