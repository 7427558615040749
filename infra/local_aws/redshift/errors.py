"""Errors in Redshift's words, and what DuckDB and sqlglot call the same things."""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb
from sqlglot.errors import ParseError, SqlglotError

CANCELED = "Query canceled on user's request"
ABORTED_TRANSACTION = "current transaction is aborted, commands ignored until end of transaction block"
TIMED_OUT = "canceling statement due to statement timeout"
DIVIDE_BY_ZERO = "Divide by zero"
CONFLICT = "1023 DETAIL: Serializable isolation violation on a table in Redshift"


class RedshiftError(Exception):
    """A statement failed; ``message`` is what Redshift says after ``ERROR: ``."""

    def __init__(self, message: str) -> None:
        super().__init__(f"ERROR: {message}")
        self.message = message


class ColumnError(RedshiftError):
    """A file cannot be loaded for one column; ``code`` is the number of Redshift's load error."""

    def __init__(self, message: str, column: str, code: int) -> None:
        super().__init__(message)
        self.column, self.code = column, code


class StatementCanceledError(RedshiftError):
    """The statement was canceled by a client or by the end of its session."""

    def __init__(self) -> None:
        super().__init__(CANCELED)


def not_emulated(what: str) -> RedshiftError:
    """An honest refusal of something that Redshift has and the local Redshift has not."""
    return RedshiftError(f"{what} is not emulated by the local Redshift")


def syntax_error(near: str) -> RedshiftError:
    """Redshift's syntax error; an empty ``near`` means the end of the statement."""
    return RedshiftError(f'syntax error at or near "{near}"' if near else "syntax error at end of input")


Template = str | Callable[[re.Match[str]], str]

_INTEGER_WIDTHS = {"INT16": 2, "INT32": 4, "INT64": 8}
_CAST_TARGETS = {
    "INT16": "smallint",
    "INT32": "integer",
    "INT64": "bigint",
    "INT128": "numeric",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    "BOOL": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}


def _malformed(match: re.Match[str]) -> str:
    target = match["type"]
    name = "numeric" if target.startswith("DECIMAL") else _CAST_TARGETS.get(target, target.lower())
    is_too_great = target in _INTEGER_WIDTHS and re.fullmatch(r"[+-]?\d+", match["value"])
    if is_too_great:
        return f"Value out of range for {_INTEGER_WIDTHS[target]} bytes."
    return f'invalid input syntax for type {name}: "{match["value"]}"'


# In the order of trial; the first pattern found in DuckDB's message decides.
DUCKDB_ERRORS: tuple[tuple[str, Template], ...] = (
    (r"NOT NULL constraint failed: \S*?\.?(?P<column>[^.\s]+)$", r"Cannot insert a NULL value into column \g<column>"),
    (r"Division by zero", DIVIDE_BY_ZERO),
    (r"Conflict on|write-write conflict|Transaction conflict|conflict on tuple|Failed to commit.*conflict", CONFLICT),
    (r"Current transaction is aborted", ABORTED_TRANSACTION),
    (r"""Could not convert string ['"](?P<value>.*)['"] to (?P<type>\w+)""", _malformed),
    (
        r"Could not cast value .* to DECIMAL|Casting value .* to type DECIMAL",
        "Numeric data overflow (result precision)",
    ),
    (
        r"out of range for the destination type (?P<type>INT\d+)",
        lambda match: f"Value out of range for {_INTEGER_WIDTHS.get(match['type'], 16)} bytes.",
    ),
    (r"Overflow in .* of INT16", "Value out of range for 2 bytes."),
    (r"Overflow in .* of INT32", "Value out of range for 4 bytes."),
    (r"Overflow in .* of INT64", "Value out of range for 8 bytes."),
    (r"Overflow in .* of (DECIMAL|INT128)", "Numeric data overflow (result precision)"),
    (r'date field value out of range: "(?P<value>[^"]*)"', r'date/time field value out of range: "\g<value>"'),
    (
        r'invalid (?P<type>date|timestamp|time) field format: "(?P<value>[^"]*)"',
        r'invalid input syntax for type \g<type>: "\g<value>"',
    ),
    (r'Table with name "?(?P<name>[^"\s]+)"? does not exist', r'relation "\g<name>" does not exist'),
    (r'Table with name "?(?P<name>[^"\s]+)"? already exists', r'Relation "\g<name>" already exists'),
    (r'Referenced column "(?P<name>[^"]+)" not found', r'column "\g<name>" does not exist'),
    (r'Referenced table "(?P<name>[^"]+)" not found', r'missing FROM-clause entry for table "\g<name>"'),
    (r'Ambiguous reference to column name "(?P<name>[^"]+)"', r'column reference "\g<name>" is ambiguous'),
    (
        r'column "?(?P<name>[^"\s]+)"? must appear in the GROUP BY',
        r'column "\g<name>" must appear in the GROUP BY clause or be used in an aggregate function',
    ),
    (r"More than one row returned by a subquery", "more than one row returned by a subquery used as an expression"),
    (
        r"aggregate function calls cannot be nested|aggregates cannot be nested",
        "aggregate function calls may not have nested aggregate or window function",
    ),
    (r"WHERE clause cannot contain aggregates", "aggregates not allowed in WHERE clause"),
    (r"Scalar Function with name \"?(?P<name>[^\"\s]+)\"? does not exist", r"function \g<name>() does not exist"),
    (
        r"""(?:function call|given name and argument types) ["'](?P<call>.*\))["']""",
        r"function \g<call> does not exist",
    ),
    (
        r"Set operations can only apply to expressions with the same number of result columns",
        "each UNION query must have the same number of columns",
    ),
)


def from_duckdb(error: duckdb.Error) -> RedshiftError:
    """The same failure in Redshift's words; an unknown one keeps DuckDB's first line."""
    text = str(error)
    if isinstance(error, duckdb.InterruptException):
        return StatementCanceledError()
    for pattern, template in DUCKDB_ERRORS:
        found = re.search(pattern, text, re.MULTILINE | re.IGNORECASE)
        if found:
            return RedshiftError(found.expand(template) if isinstance(template, str) else template(found))
    if isinstance(error, duckdb.TransactionException):
        return RedshiftError(CONFLICT)
    first_line = text.partition("\n")[0]
    return RedshiftError(re.sub(r"^[\w ]+ Error: ", "", first_line))


def from_sqlglot(error: SqlglotError) -> RedshiftError:
    """A syntax error of the parser in Redshift's words."""
    if isinstance(error, ParseError) and error.errors:
        found = error.errors[0]
        # A misspelt first word is read as a name, and the parser trips over the second.
        start = (found.get("start_context") or "").strip()
        near = start if re.fullmatch(r"\w+", start) else found.get("highlight") or ""
        return syntax_error(str(near))
    return RedshiftError("unterminated quoted string" if "tokenizing" in str(error) else str(error).partition("\n")[0])
