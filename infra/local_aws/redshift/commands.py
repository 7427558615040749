"""Which command a statement is, by its first words."""

from __future__ import annotations

import enum

from infra.local_aws.redshift.errors import RedshiftError, not_emulated, syntax_error
from infra.local_aws.redshift.tokens import Cursor


class Kind(enum.Enum):
    """What a statement does, as far as transactions, locks and results are concerned."""

    QUERY = enum.auto()
    INSERT = enum.auto()
    UPDATE = enum.auto()
    DELETE = enum.auto()
    MERGE = enum.auto()
    COPY = enum.auto()
    TRUNCATE = enum.auto()
    LOCK = enum.auto()
    CREATE = enum.auto()
    ALTER = enum.auto()
    DROP = enum.auto()
    COMMENT = enum.auto()
    GRANT = enum.auto()
    NOTHING = enum.auto()
    SET = enum.auto()
    SHOW = enum.auto()
    BEGIN = enum.auto()
    COMMIT = enum.auto()
    ROLLBACK = enum.auto()


CHANGES = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.MERGE})
CONTROL = frozenset({Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK})
NO_TRANSACTION = frozenset({Kind.NOTHING, Kind.SET, Kind.SHOW, *CONTROL})

_KINDS = {
    "SELECT": Kind.QUERY,
    "WITH": Kind.QUERY,
    "(": Kind.QUERY,
    "INSERT": Kind.INSERT,
    "UPDATE": Kind.UPDATE,
    "DELETE": Kind.DELETE,
    "MERGE": Kind.MERGE,
    "COPY": Kind.COPY,
    "TRUNCATE": Kind.TRUNCATE,
    "LOCK": Kind.LOCK,
    "CREATE": Kind.CREATE,
    "ALTER": Kind.ALTER,
    "DROP": Kind.DROP,
    "COMMENT": Kind.COMMENT,
    "GRANT": Kind.GRANT,
    "REVOKE": Kind.GRANT,
    "ANALYZE": Kind.NOTHING,
    "VACUUM": Kind.NOTHING,
    "SET": Kind.SET,
    "RESET": Kind.SET,
    "SHOW": Kind.SHOW,
    "BEGIN": Kind.BEGIN,
    "START": Kind.BEGIN,
    "COMMIT": Kind.COMMIT,
    "END": Kind.COMMIT,
    "ROLLBACK": Kind.ROLLBACK,
    "ABORT": Kind.ROLLBACK,
}
_NOT_EMULATED = frozenset(
    {"UNLOAD", "EXPLAIN", "CALL", "PREPARE", "EXECUTE", "DEALLOCATE", "DECLARE", "FETCH", "CLOSE", "CANCEL", "REFRESH"}
)
NOT_EMULATED_OBJECTS = frozenset(
    {"MATERIALIZED", "FUNCTION", "PROCEDURE", "LIBRARY", "DATABASE", "DATASHARE", "MODEL", "MASKING", "RLS", "EXTERNAL"}
)
"""What may follow CREATE in Redshift, and not here."""


def kind_of(sql: str) -> Kind:
    """The kind of one statement. Raises RedshiftError for what is no command, or none that is emulated."""
    cursor = Cursor(sql)
    if cursor.at_end:
        raise RedshiftError("Query must not be empty")
    first = cursor.peek()
    if first in _NOT_EMULATED:
        raise not_emulated(first)
    kind = _KINDS.get(first)
    if kind is None:
        raise syntax_error(first.strip("'").lower() if first.isalpha() else first)
    return kind
