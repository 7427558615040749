"""Why a load failed, in a sentence that names table, file, column and reason, and what to do next. Knows no Spark."""

from __future__ import annotations

import contextlib
import re

from botocore.exceptions import ClientError

from lakehouse.redshift import Failure, Redshift, RedshiftError

_COPY = re.compile(r"COPY \S+\s+FROM '\S+/(?P<dataset>[^/']+)/(?P<part>\w+)\.manifest'")
_CHANGE = re.compile(r"(?:DELETE FROM|INSERT INTO) (?P<dataset>\S+)")
# The Data API hands on what Redshift says to any client: a headline, then a block with numbers for its makers.
_CONTEXT = re.compile(r"context:\s+(?P<reason>.*?)\s+query:", re.DOTALL)
_DETAIL = (
    "SELECT TRIM(file_name), line_number, TRIM(column_name), TRIM(error_message) FROM sys_load_error_detail "
    "WHERE query_id = CAST(:query_id AS BIGINT) ORDER BY start_time DESC LIMIT 1"
)
_ROLE = "give the role that Redshift takes for COPY the right to read the bucket, then clear the task `load`"
_CONTRACT = (
    "run `lakehouse up`, so that the jobs export by the contracts of today, then clear the task `gold`, which exports "
    "the batch again"
)
_EXPORT = "clear the task `gold`, which exports the batch again"
_PLAN = "`lakehouse warehouse plan` shows what Redshift lacks of the contracts"


class LoadError(RedshiftError):
    """A statement of a load failed."""


def explain(redshift: Redshift, statement_id: str) -> str:
    """What failed in a statement of a load, why, and what to do next. Raises ClientError when Redshift is gone.

    COPY's own message may lack the file, the column or both, and Redshift logs some errors only in
    SYS_LOAD_ERROR_DETAIL and others only in the message: what either of them says is told.
    """
    failure = redshift.failure(statement_id)
    if copied := _COPY.match(failure.sql):
        return f"COPY of the {copied['part']} of {copied['dataset']} failed: {_why_copy_failed(redshift, failure)}"
    reason = _reason(failure.error)
    next_step = f"; {_PLAN}" if "does not exist" in reason else ""
    if changed := _CHANGE.match(failure.sql):
        return f"the load of {changed['dataset']} failed: {reason}{next_step}"
    return reason


def _why_copy_failed(redshift: Redshift, failure: Failure) -> str:
    file, line, column, reason = _logged(redshift, failure.query_id) or ("", 0, "", _reason(failure.error))
    known = (file, f"line {line}" if line else "", f"column {column}" if column else "")
    where = ", ".join(part for part in known if part)
    if "S3ServiceException" in reason and "AccessDenied" in reason:
        next_step = _ROLE
    else:
        next_step = _CONTRACT if column or "Unmatched number of columns" in reason else _EXPORT
    return f"{f'{where}: ' if where else ''}{reason}. Nothing was loaded; {next_step}"


def _logged(redshift: Redshift, query_id: int) -> tuple[str, int, str, str] | None:
    """File, line, column and reason as Redshift has logged them. A Parquet file has no lines: 0."""
    # Whoever may load need not be allowed to read the system views.
    with contextlib.suppress(RedshiftError, ClientError):
        for file, line, column, reason in redshift.query(_DETAIL, {"query_id": str(query_id)}).rows:
            return file or "", line or 0, column or "", _reason(reason or "")
    return None


def _reason(error: str) -> str:
    """Redshift's reason on one line, without the numbers around it."""
    found = _CONTEXT.search(error)
    text = " ".join((found["reason"] if found else error).split())
    return re.sub(r"^(Query #\d+ failed with )?ERROR: *", "", text).rstrip(".")
