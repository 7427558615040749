"""Commands that are neither queries nor changes of rows: what carries out each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from infra.local_aws.redshift import alter, commands, comments, copy, ddl, grants, principals
from infra.local_aws.redshift.commands import Kind
from infra.local_aws.redshift.errors import not_emulated, syntax_error
from infra.local_aws.redshift.tokens import Cursor

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session


def run(session: Session, kind: Kind, cursor: Cursor) -> int:
    """Carry out one command; ``cursor`` stands behind its first word. The number of rows that it stored."""
    return _COMMANDS[kind](session, cursor) or 0


def _create(session: Session, cursor: Cursor) -> int:
    is_replacing = cursor.accept("OR", "REPLACE")
    if cursor.peek() in ("TABLE", "TEMP", "TEMPORARY", "LOCAL"):
        return ddl.create_table(session, cursor)
    kind = cursor.word()
    if kind == "VIEW":
        ddl.create_view(session, cursor, is_replacing)
    elif kind == "SCHEMA":
        ddl.create_schema(session, cursor)
    elif kind == "EXTERNAL" and cursor.accept("SCHEMA"):
        ddl.create_external_schema(session, cursor)
    elif kind in principals.PRINCIPALS:
        principals.create_principal(session, kind, cursor)
    elif kind in commands.NOT_EMULATED_OBJECTS:
        raise not_emulated(f"CREATE {kind}")
    else:
        raise syntax_error(kind.lower())
    return 0


def _drop(session: Session, cursor: Cursor) -> None:
    if cursor.peek() in principals.PRINCIPALS:
        principals.drop_principal(session, cursor)
    else:
        ddl.drop(session, cursor)


def _alter(session: Session, cursor: Cursor) -> None:
    if cursor.peek() == "DEFAULT":
        grants.alter_default_privileges(session, cursor)
    elif cursor.peek() in principals.PRINCIPALS:
        principals.alter_principal(session, cursor.word(), cursor)
    else:
        alter.alter_table(session, cursor)


_COMMANDS: dict[Kind, Callable[[Session, Cursor], int | None]] = {
    Kind.CREATE: _create,
    Kind.DROP: _drop,
    Kind.ALTER: _alter,
    Kind.TRUNCATE: lambda session, cursor: session.truncate(cursor),
    Kind.COMMENT: comments.comment,
    Kind.GRANT: grants.grant,
    Kind.COPY: lambda session, cursor: copy.run(session, copy.parse(cursor.sql)),
}
