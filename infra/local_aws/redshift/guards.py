"""What a statement needs of its user before it runs, and the functions and commands that ask for it or change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlglot import exp

from infra.local_aws.redshift.access import SCHEMA_PRIVILEGES, TABLE_PRIVILEGES, Access, existing_relation
from infra.local_aws.redshift.catalog import Catalog, Relation
from infra.local_aws.redshift.commands import Kind
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.principals import require_principal
from infra.local_aws.redshift.tokens import Cursor

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session

Tree = TypeVar("Tree", bound=exp.Expr)
_NEEDED = {
    Kind.INSERT: ("INSERT",),
    Kind.COPY: ("INSERT",),
    # The rows to be changed are found by reading them.
    Kind.UPDATE: ("UPDATE", "SELECT"),
    Kind.DELETE: ("DELETE", "SELECT"),
}
_MERGE_ACTIONS = ("INSERT", "UPDATE", "DELETE")


def check_target(access: Access, kind: Kind, tree: exp.Expr | None, target: Relation) -> None:
    """Raise RedshiftError unless the user may change ``target`` in the ways that the statement does."""
    needed = _NEEDED.get(kind, ())
    if isinstance(tree, exp.Merge):
        actions = {
            str(when.args["then"].key if isinstance(when.args["then"], exp.DML) else when.args["then"].name)
            for when in tree.find_all(exp.When)
        }
        needed = ("SELECT", *(action for action in _MERGE_ACTIONS if action in {a.upper() for a in actions}))
    for privilege in needed:
        access.require(target, privilege)


def set_session_authorization(session: Session, cursor: Cursor, *, is_reset: bool) -> bool:
    """SET SESSION AUTHORIZATION user or DEFAULT, if it is that: whether it was. Only who logged in as superuser may."""
    if not cursor.accept("SESSION", "AUTHORIZATION"):
        return False
    if is_reset or cursor.accept("DEFAULT"):
        session.user = session.login
        return True
    name = cursor.string().lower() if cursor.peek().startswith("'") else cursor.name()
    cursor.finish()
    access = session.access().of(session.login)
    access.require_superuser("permission denied to set session authorization")
    require_principal(session, "USER", name)
    session.user = name
    return True


def with_privilege_values(tree: Tree, session: Session) -> Tree:
    """Replace HAS_TABLE_PRIVILEGE() and HAS_SCHEMA_PRIVILEGE() by their values."""
    for node in list(tree.find_all(exp.Anonymous)):
        name = node.name.lower()
        if name not in ("has_table_privilege", "has_schema_privilege"):
            continue
        arguments = [item.name for item in node.expressions if isinstance(item, exp.Literal) and item.is_string]
        if len(arguments) != len(node.expressions) or len(arguments) not in (2, 3):
            raise not_emulated(f"{name}() of anything but names in quotes")
        *users, what, privilege = arguments
        access = session.access().of(users[0]) if users else session.access()
        if users:
            require_principal(session, "USER", users[0])
        value = exp.convert(_has(access, session.catalog(), name, what.lower(), privilege.upper()))
        value.meta["label"] = name
        node.replace(value)
    return tree


def _has(access: Access, catalog: Catalog, function: str, what: str, privilege: str) -> bool:
    known = TABLE_PRIVILEGES if function == "has_table_privilege" else SCHEMA_PRIVILEGES
    if privilege not in known:
        raise RedshiftError(f'unrecognized privilege type: "{privilege}"')
    if function == "has_schema_privilege":
        catalog.require_schema(what)
        return access.holds_on_schema(what, privilege)
    schema, _, name = what.rpartition(".")
    return access.holds(existing_relation(catalog, schema or None, name), privilege)
