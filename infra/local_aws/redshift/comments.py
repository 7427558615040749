"""COMMENT ON."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infra.local_aws.redshift.access import existing_relation
from infra.local_aws.redshift.ddl import record
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.tokens import Cursor

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session


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
    relation = existing_relation(session.catalog(), schema, name)
    session.access().require_owner(relation)
    if column is None:
        facts = replace(relation.facts, comment=text)
    elif relation.facts.column(column) is None:
        raise RedshiftError(f'column "{column}" of relation "{name}" does not exist')
    else:
        facts = relation.facts.with_column(column, comment=text)
    record(session, replace(relation, facts=facts))
