"""Errors of Iceberg that reach Python through Spark: which commits lost to another, which filters could not decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JJavaError

_CONFLICTS = frozenset(
    f"org.apache.iceberg.exceptions.{name}" for name in ("CommitFailedException", "ValidationException")
)
_UNDECIDED = "Cannot delete file where some, but not all, rows match filter"


def causes(error: Py4JJavaError) -> Iterator[Any]:
    """Java's exception, and one after the other what caused it."""
    cause = error.java_exception
    while cause is not None:
        yield cause
        cause = cause.getCause()


def is_conflict(error: Py4JJavaError) -> bool:
    """Whether a commit was refused because of what the table holds by now."""
    return any(cause.getClass().getName() in _CONFLICTS for cause in causes(error))


def is_undecided(error: Py4JJavaError) -> bool:
    """Whether a filter's commit was refused because of a file that may hold rows of it and others too."""
    return _UNDECIDED in str(error)
