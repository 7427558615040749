"""GRANT, REVOKE and ALTER DEFAULT PRIVILEGES."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.local_aws.redshift.access import PUBLIC, SCHEMA_PRIVILEGES, TABLE_PRIVILEGES, existing_relation
from infra.local_aws.redshift.catalog import INTERNAL, Relation
from infra.local_aws.redshift.ddl import record
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.principals import require_principal
from infra.local_aws.redshift.tokens import Cursor

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session


def grant(session: Session, cursor: Cursor) -> None:
    """GRANT or REVOKE; the cursor stands behind the first word."""
    is_grant = cursor.sql.split()[0].upper() == "GRANT"
    only_option = not is_grant and cursor.accept("GRANT", "OPTION", "FOR")
    if cursor.peek() == "ROLE":
        _roles(session, cursor, is_grant)
        return
    names = _privileges(cursor)
    cursor.expect("ON")
    if cursor.accept("SCHEMA"):
        _on_schemas(session, cursor, names, is_grant)
    elif cursor.peek() in ("DATABASE", "FUNCTION", "PROCEDURE", "LANGUAGE", "DATASHARE", "EXTERNAL", "MODEL", "COPY"):
        raise not_emulated(f"GRANT ON {cursor.peek()}")
    else:
        _on_relations(session, cursor, names, is_grant, only_option)


def _privileges(cursor: Cursor) -> list[str]:
    """SELECT, INSERT, ...; empty for ALL. Raises RedshiftError for columns and for rights over the system."""
    if cursor.accept("ALL"):
        cursor.accept("PRIVILEGES")
        return []
    names = cursor.listed(cursor.word)
    if cursor.peek() == "(":
        raise not_emulated("GRANT on columns")
    if cursor.peek() != "ON":
        raise not_emulated("GRANT of system privileges")
    return names


def _checked(names: Iterable[str], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise RedshiftError(f"invalid privilege type {name} for {what}")
    return tuple(names) or known


def _grantees(session: Session, cursor: Cursor, is_grant: bool) -> tuple[list[str], bool]:
    """Those behind TO or FROM, all known, and whether they may hand on what they get."""
    cursor.expect("TO" if is_grant else "FROM")
    grantees = cursor.listed(lambda: _grantee(session, cursor))
    may_grant = is_grant and (cursor.accept("WITH", "GRANT", "OPTION") or cursor.accept("WITH", "ADMIN", "OPTION"))
    if not is_grant and not cursor.accept("CASCADE"):
        cursor.accept("RESTRICT")
    cursor.finish()
    if may_grant and any(grantee == PUBLIC or grantee.startswith("group:") for grantee in grantees):
        raise RedshiftError("WITH GRANT OPTION is not supported for groups and PUBLIC")
    return grantees, may_grant


def _grantee(session: Session, cursor: Cursor) -> str:
    if cursor.accept("PUBLIC"):
        return PUBLIC
    kind = next((kind for kind in ("ROLE", "GROUP") if cursor.accept(kind)), "USER")
    name = cursor.name()
    require_principal(session, kind, name)
    return f"{kind.lower()}:{name}"


def _roles(session: Session, cursor: Cursor, is_grant: bool) -> None:
    def role() -> str:
        cursor.expect("ROLE")
        name = cursor.name()
        require_principal(session, "ROLE", name)
        return name

    roles = cursor.listed(role)
    members, _ = _grantees(session, cursor, is_grant)
    session.access().require_superuser("permission denied to grant role")
    for name in roles:
        for member in members:
            values = [member, f"role:{name}"]
            session.execute(f"DELETE FROM {INTERNAL}.memberships WHERE member = ? AND belongs_to = ?", values)
            if is_grant:
                if member in session.access().belongs_to(f"role:{name}"):
                    raise RedshiftError(f'role "{name}" is a member of itself')
                session.execute(f"INSERT INTO {INTERNAL}.memberships VALUES (?, ?)", values)


def _on_schemas(session: Session, cursor: Cursor, names: list[str], is_grant: bool) -> None:
    schemas = cursor.listed(cursor.name)
    grantees, _ = _grantees(session, cursor, is_grant)
    privileges = _checked(names, SCHEMA_PRIVILEGES, "schema")
    catalog, access = session.catalog(), session.access()
    for schema in schemas:
        catalog.require_schema(schema)
        is_external = catalog.external_schema(schema) is not None
        if is_external and "CREATE" in names:
            raise RedshiftError(f'CREATE privilege is not supported on external schema "{schema}"')
        if not access.owns_schema(schema):
            raise RedshiftError(f"permission denied for schema {schema}")
        for grantee in grantees:
            for privilege in privileges if not is_external else ("USAGE",):
                values = [schema, grantee, privilege]
                where = "schema_name = ? AND grantee = ? AND privilege = ?"
                session.execute(f"DELETE FROM {INTERNAL}.schema_grants WHERE {where}", values)
                if is_grant:
                    session.execute(f"INSERT INTO {INTERNAL}.schema_grants VALUES (?, ?, ?)", values)


def _on_relations(session: Session, cursor: Cursor, names: list[str], is_grant: bool, only_option: bool) -> None:
    catalog = session.catalog()
    if cursor.accept("ALL", "TABLES", "IN", "SCHEMA"):
        schemas = cursor.listed(cursor.name)
        for schema in schemas:
            catalog.require_schema(schema)
        relations = [relation for relation in catalog.relations() if relation.schema in schemas]
    else:
        cursor.accept("TABLE")
        found = cursor.listed(cursor.qualified_name)
        for named, _ in found:
            if named and catalog.external_schema(named) is not None:
                raise RedshiftError("Operation not supported on external tables; grant USAGE on the external schema")
        relations = [existing_relation(catalog, *name) for name in found]
    grantees, may_grant = _grantees(session, cursor, is_grant)
    privileges = _checked(names, TABLE_PRIVILEGES, "relation")
    access = session.access()
    for relation in relations:
        if not all(access.holds(relation, privilege, to_grant=True) for privilege in privileges):
            raise RedshiftError(f"permission denied for relation {relation.name}")
        _change(session, relation, grantees, privileges, is_grant, may_grant, only_option)


def _change(
    session: Session,
    relation: Relation,
    grantees: list[str],
    privileges: tuple[str, ...],
    is_grant: bool,
    may_grant: bool,
    only_option: bool,
) -> None:
    named = {(grantee, privilege) for grantee in grantees for privilege in privileges}
    held = {(grantee, privilege): option for grantee, privilege, option in relation.facts.grants}
    for pair in sorted(named):
        if is_grant:
            held[pair] = may_grant or held.get(pair, False)
        elif only_option and pair in held:
            held[pair] = False
        else:
            held.pop(pair, None)
    grants = tuple((grantee, privilege, option) for (grantee, privilege), option in sorted(held.items()))
    record(session, replace(relation, facts=replace(relation.facts, grants=grants)))


def alter_default_privileges(session: Session, cursor: Cursor) -> None:
    """ALTER DEFAULT PRIVILEGES [FOR USER u] [IN SCHEMA s] GRANT|REVOKE ... ON TABLES; the cursor is behind ALTER."""
    cursor.expect("DEFAULT", "PRIVILEGES")
    owners, schemas = [session.user], [""]
    if cursor.accept("FOR"):
        cursor.expect("USER")
        owners = cursor.listed(cursor.name)
        for owner in owners:
            require_principal(session, "USER", owner)
    if cursor.accept("IN", "SCHEMA"):
        schemas = cursor.listed(cursor.name)
        for schema in schemas:
            session.catalog().require_schema(schema)
    if owners != [session.user]:
        session.access().require_superuser("must be superuser to alter default privileges of another user")
    is_grant = cursor.word() == "GRANT"
    names = _privileges(cursor)
    cursor.expect("ON")
    if not cursor.accept("TABLES"):
        raise not_emulated(f"ALTER DEFAULT PRIVILEGES ON {cursor.word()}")
    privileges = _checked(names, TABLE_PRIVILEGES, "relation")
    grantees, _ = _grantees(session, cursor, is_grant)
    columns = "owner = ? AND schema_name = ? AND grantee = ? AND privilege = ?"
    for owner in owners:
        for schema in schemas:
            for values in ([owner, schema, grantee, name] for grantee in grantees for name in privileges):
                session.execute(f"DELETE FROM {INTERNAL}.default_grants WHERE {columns}", values)
                if is_grant:
                    session.execute(f"INSERT INTO {INTERNAL}.default_grants VALUES (?, ?, ?, ?)", values)
