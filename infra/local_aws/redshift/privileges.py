"""Roles, users, groups, grants and comments: recorded, not enforced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.local_aws.redshift.catalog import INTERNAL
from infra.local_aws.redshift.ddl import record
from infra.local_aws.redshift.errors import RedshiftError, not_emulated, syntax_error
from infra.local_aws.redshift.tokens import Cursor

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session

PRINCIPALS = ("ROLE", "USER", "GROUP")


def create_principal(session: Session, kind: str, cursor: Cursor) -> None:
    """CREATE ROLE, USER or GROUP: recorded, with none of its attributes; privileges are not enforced."""
    _change_principals(session, "INSERT INTO", kind, [cursor.name()])


def drop_principal(session: Session, cursor: Cursor) -> None:
    """DROP ROLE, USER or GROUP; the cursor stands behind DROP."""
    kind = cursor.word()
    if_exists = cursor.accept("IF", "EXISTS")
    names = cursor.listed(cursor.name)
    if if_exists:
        names = [name for name in names if _is_known(session, kind, name)]
    _change_principals(session, "DELETE FROM", kind, names)


def _change_principals(session: Session, action: str, kind: str, names: Iterable[str]) -> None:
    for name in names:
        is_known = _is_known(session, kind, name)
        if is_known != (action == "DELETE FROM"):
            problem = "already exists" if is_known else "does not exist"
            raise RedshiftError(f'{kind.lower()} "{name}" {problem}')
        tail = "VALUES (?, ?)" if action == "INSERT INTO" else "WHERE kind = ? AND name = ?"
        session.execute(f"{action} {INTERNAL}.principals {tail}", [kind, name])


def _is_known(session: Session, kind: str, name: str) -> bool:
    sql = f"SELECT 1 FROM {INTERNAL}.principals WHERE kind = ? AND name = ?"
    return session.execute(sql, [kind, name]).fetchone() is not None


def grant(session: Session, sql: str) -> None:
    """GRANT and REVOKE: recorded as they came, in their order."""
    words = sql.upper().split()
    if not ({"TO", "FROM"} & set(words)):
        raise syntax_error("")
    session.execute(f"INSERT INTO {INTERNAL}.grants VALUES (now(), ?)", [" ".join(sql.split())])


def comment(session: Session, cursor: Cursor) -> None:
    """COMMENT ON TABLE, VIEW or COLUMN; the cursor stands behind COMMENT."""
    cursor.expect("ON")
    kind = cursor.word()
    if kind not in ("TABLE", "VIEW", "COLUMN"):
        raise not_emulated(f"COMMENT ON {kind}")
    parts = [cursor.name()]
    while cursor.accept("."):
        parts.append(cursor.name())
    cursor.expect("IS")
    text = None if cursor.accept("NULL") else cursor.string()
    cursor.finish()
    column = parts.pop() if kind == "COLUMN" else None
    schema, name = (parts[-2] if len(parts) > 1 else None), parts[-1]
    relation = session.catalog().find(schema, name)
    if relation is None:
        raise RedshiftError(f'relation "{name}" does not exist')
    if column is None:
        facts = replace(relation.facts, comment=text)
    elif relation.facts.column(column) is None:
        raise RedshiftError(f'column "{column}" of relation "{name}" does not exist')
    else:
        facts = relation.facts.with_column(column, comment=text)
    record(session, replace(relation, facts=facts))
