"""Roles, users and groups."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from infra.local_aws.redshift.access import PUBLIC
from infra.local_aws.redshift.catalog import INTERNAL
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.facts import ADMIN
from infra.local_aws.redshift.tokens import Cursor

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session

PRINCIPALS = ("ROLE", "USER", "GROUP")


def create_principal(session: Session, kind: str, cursor: Cursor) -> None:
    """CREATE ROLE, USER or GROUP; the cursor stands behind the kind. Only superusers may."""
    name = cursor.name()
    session.access().require_superuser(f"permission denied to create {kind.lower()}")
    if name == PUBLIC:
        raise RedshiftError(f'{kind.lower()} name "{name}" is reserved')
    other = {"ROLE": "USER", "USER": "ROLE"}.get(kind)
    if other and _is_known(session, other, name):
        raise RedshiftError(f'{kind.lower()} "{name}" cannot have the name of a {other.lower()}')
    _change_principals(session, "INSERT INTO", kind, [name])
    if kind == "USER":
        session.execute(f"INSERT INTO {INTERNAL}.users VALUES (?, NULL, false)", [name])
        _set_attributes(session, name, cursor)
    elif kind == "GROUP" and (cursor.accept("WITH", "USER") or cursor.accept("USER")):
        for user in cursor.listed(cursor.name):
            _join_group(session, user, name)


def alter_principal(session: Session, kind: str, cursor: Cursor) -> None:
    """ALTER USER with attributes, ALTER GROUP ADD or DROP USER; the cursor stands behind the kind."""
    name = cursor.name()
    session.access().require_superuser(f"permission denied to alter {kind.lower()}")
    require_principal(session, kind, name)
    if kind == "USER":
        _set_attributes(session, name, cursor)
    elif kind == "GROUP" and cursor.peek() in ("ADD", "DROP") and cursor.peek(1) == "USER":
        is_new = cursor.word() == "ADD"
        cursor.expect("USER")
        for user in cursor.listed(cursor.name):
            _join_group(session, user, name, is_new=is_new)
    else:
        raise not_emulated(f"ALTER {kind} {cursor.peek()}")
    cursor.finish()


def _set_attributes(session: Session, name: str, cursor: Cursor) -> None:
    """[WITH] PASSWORD 'x' | CREATEUSER | IN GROUP g ...; CREATEUSER makes a superuser in Redshift."""
    cursor.accept("WITH")
    while not cursor.at_end:
        word = cursor.word()
        if word == "PASSWORD":
            hashed = None if cursor.accept("DISABLE") else _kept(name, cursor.string())
            session.execute(f"UPDATE {INTERNAL}.users SET password_hash = ? WHERE name = ?", [hashed, name])
        elif word in ("CREATEUSER", "NOCREATEUSER"):
            values = [word == "CREATEUSER", name]
            session.execute(f"UPDATE {INTERNAL}.users SET is_superuser = ? WHERE name = ?", values)
        elif word == "IN" and cursor.accept("GROUP"):
            for group in cursor.listed(cursor.name):
                _join_group(session, name, group)
        elif word not in ("CREATEDB", "NOCREATEDB"):
            raise not_emulated(f"USER {word}")


def _join_group(session: Session, user: str, group: str, *, is_new: bool = True) -> None:
    require_principal(session, "USER", user)
    require_principal(session, "GROUP", group)
    values = [f"user:{user}", f"group:{group}"]
    session.execute(f"DELETE FROM {INTERNAL}.memberships WHERE member = ? AND belongs_to = ?", values)
    if is_new:
        session.execute(f"INSERT INTO {INTERNAL}.memberships VALUES (?, ?)", values)


def is_password(user: str, password: str, kept: str | None) -> bool:
    """Is it the password of which that is kept?"""
    return kept is not None and kept in (_sha256(user, password), _md5(user, password))


def _kept(user: str, given: str) -> str:
    """What is kept of a password that was given in clear, or as Redshift takes its MD5."""
    if given.startswith("sha256|"):
        raise not_emulated("a password as a SHA-256 hash")
    return given if re.fullmatch("md5[0-9a-f]{32}", given) else _sha256(user, given)


def _sha256(user: str, password: str) -> str:
    return hashlib.sha256(f"{user}:{password}".encode()).hexdigest()


def _md5(user: str, password: str) -> str:
    return f"md5{hashlib.md5(f'{password}{user}'.encode(), usedforsecurity=False).hexdigest()}"


def drop_principal(session: Session, cursor: Cursor) -> None:
    """DROP ROLE, USER or GROUP; the cursor stands behind DROP. Not one that owns something or holds privileges."""
    kind = cursor.word()
    if_exists = cursor.accept("IF", "EXISTS")
    names = cursor.listed(cursor.name)
    session.access().require_superuser(f"permission denied to drop {kind.lower()}")
    if if_exists:
        names = [name for name in names if _is_known(session, kind, name)]
    for name in names:
        _require_unused(session, kind, name)
    _change_principals(session, "DELETE FROM", kind, names)
    for name in names:
        grantee = f"{kind.lower()}:{name}"
        session.execute(f"DELETE FROM {INTERNAL}.memberships WHERE ? IN (member, belongs_to)", [grantee])
        session.execute(f"DELETE FROM {INTERNAL}.default_grants WHERE grantee = ?", [grantee])
        if kind == "USER":
            session.execute(f"DELETE FROM {INTERNAL}.users WHERE name = ?", [name])


def _require_unused(session: Session, kind: str, name: str) -> None:
    grantee = f"{kind.lower()}:{name}"
    uses = [
        (relation.facts.owner == name and kind == "USER") or any(grant[0] == grantee for grant in relation.facts.grants)
        for relation in session.catalog().relations()
    ]
    on_schemas = session.execute(
        f"SELECT 1 FROM {INTERNAL}.schema_grants WHERE grantee = ? UNION ALL"
        f" SELECT 1 FROM {INTERNAL}.schema_owners WHERE 'user:' || owner = ?",
        [grantee, grantee],
    ).fetchall()
    if any(uses) or on_schemas:
        raise RedshiftError(f'{kind.lower()} "{name}" cannot be dropped because some objects depend on it')


def _change_principals(session: Session, action: str, kind: str, names: Iterable[str]) -> None:
    for name in names:
        is_known = _is_known(session, kind, name)
        if is_known != (action == "DELETE FROM"):
            problem = "already exists" if is_known else "does not exist"
            raise RedshiftError(f'{kind.lower()} "{name}" {problem}')
        tail = "VALUES (?, ?)" if action == "INSERT INTO" else "WHERE kind = ? AND name = ?"
        session.execute(f"{action} {INTERNAL}.principals {tail}", [kind, name])


def require_principal(session: Session, kind: str, name: str) -> None:
    """Raise RedshiftError unless there is such a user, role or group; the admins always are."""
    is_admin = kind == "USER" and (name == ADMIN or name in session.warehouse.admins)
    if not is_admin and not _is_known(session, kind, name):
        raise RedshiftError(f'{kind.lower()} "{name}" does not exist')


def _is_known(session: Session, kind: str, name: str) -> bool:
    sql = f"SELECT 1 FROM {INTERNAL}.principals WHERE kind = ? AND name = ?"
    return session.execute(sql, [kind, name]).fetchone() is not None
