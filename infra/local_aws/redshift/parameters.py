"""What SET changes and SHOW tells, and the functions whose value is the session's own."""

from __future__ import annotations

from typing import TypeVar

import pyarrow as pa
from sqlglot import exp

from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.results import ResultSet
from infra.local_aws.redshift.tokens import Cursor
from infra.local_aws.redshift.types import ColumnType

Tree = TypeVar("Tree", bound=exp.Expr)
DATABASE = "dev"
VERSION = "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0 (local)"

_DEFAULTS = {
    "search_path": "$user, public",
    "statement_timeout": "0",
    "query_group": "default",
    "enable_case_sensitive_identifier": "off",
    "enable_result_cache_for_session": "on",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "client_encoding": "UTF8",
    "extra_float_digits": "0",
    "application_name": "",
}
# Parameters of which only the default is emulated.
_FIXED = frozenset({"enable_case_sensitive_identifier", "timezone", "datestyle", "client_encoding"})


class Parameters:
    """The configuration parameters of one session."""

    def __init__(self) -> None:
        self._values = dict(_DEFAULTS)

    @property
    def search_path(self) -> list[str]:
        """The schemas in which an unqualified name is looked up."""
        names = [name.strip().strip("\"'") for name in self._values["search_path"].split(",")]
        return [name.lower() for name in names if name and name != "$user"]

    @property
    def statement_timeout(self) -> float:
        """Seconds; 0 means none."""
        return int(self._values["statement_timeout"]) / 1000

    def assign(self, cursor: Cursor, *, is_reset: bool) -> None:
        """SET name TO value, SET name = value, RESET name; the cursor stands behind the first word."""
        cursor.accept("SESSION")
        cursor.accept("LOCAL")
        name = cursor.name()
        if name not in _DEFAULTS:
            raise RedshiftError(f'unrecognized configuration parameter "{name}"')
        if is_reset:
            self._values[name] = _DEFAULTS[name]
            return
        if not cursor.accept("TO"):
            cursor.expect("=")
        value = cursor.rest().strip()
        if not value:
            raise cursor.unexpected()
        if value.upper() == "DEFAULT":
            value = _DEFAULTS[name]
        if name != "search_path":
            value = value.strip("'\"")
        if name in _FIXED and value.lower() not in (_DEFAULTS[name].lower(), "false"):
            raise RedshiftError(f"SET {name} TO {value} is not emulated by the local Redshift")
        if name == "statement_timeout" and not value.isdecimal():
            raise RedshiftError(f'invalid value for parameter "statement_timeout": "{value}"')
        self._values[name] = value

    def show(self, cursor: Cursor) -> ResultSet:
        """SHOW name and SHOW ALL; the cursor stands behind SHOW."""
        text = ColumnType("varchar")
        name = cursor.name()
        if name == "all" and cursor.at_end:
            rows = pa.table({"name": list(self._values), "setting": list(self._values.values())})
            return ResultSet(("name", "setting"), (text, text), rows)
        if not cursor.at_end or name not in self._values:
            wanted = f"{name} {cursor.rest()}".strip()
            raise RedshiftError(f'unrecognized configuration parameter "{wanted}"')
        return ResultSet((name,), (text,), pa.table({name: [self._values[name]]}))

    def current(self, name: str) -> str:
        """The value of a parameter; raises RedshiftError for an unknown one."""
        if name not in self._values:
            raise RedshiftError(f'unrecognized configuration parameter "{name}"')
        return self._values[name]


def with_session_values(tree: Tree, user: str, login: str, parameters: Parameters, pid: int) -> Tree:
    """Replace CURRENT_USER, CURRENT_SCHEMA() and their like by their values."""
    for node in list(tree.find_all(exp.Func)):
        value = _session_value(node, user, login, parameters, pid)
        if value is not None:
            value.meta["label"] = node.name.lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()
            node.replace(value)
    return tree


def _session_value(node: exp.Func, user: str, login: str, parameters: Parameters, pid: int) -> exp.Expr | None:
    if isinstance(node, exp.CurrentUser | exp.SessionUser):
        return exp.Literal.string(user if isinstance(node, exp.CurrentUser) else login)
    if isinstance(node, exp.CurrentSchema):
        return exp.Literal.string((parameters.search_path or [""])[0])
    if isinstance(node, exp.CurrentVersion):
        return exp.Literal.string(VERSION)
    if isinstance(node, exp.CurrentDatabase | exp.CurrentCatalog):
        return exp.Literal.string(DATABASE)
    if isinstance(node, exp.Anonymous):
        name = node.name.lower()
        if name == "pg_backend_pid":
            return exp.Literal.number(pid)
        if name == "current_setting":
            return exp.Literal.string(parameters.current(node.expressions[0].name))
    return None
