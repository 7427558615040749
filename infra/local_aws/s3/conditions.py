"""The conditions of S3 requests: If-Match and its kin, for reading, copying, writing and deleting."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from infra.local_aws.errors import AwsError
from infra.local_aws.s3.index import ObjectVersion, no_such_key
from infra.local_aws.s3.wire import Request

COPY_SOURCE = "x-amz-copy-source-"
SSE_CUSTOMER = "x-amz-server-side-encryption-customer-algorithm"
ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")


class NotModifiedError(Exception):
    """The condition of a GET says that the client has this version already: answer 304."""


def check_accessible(request: Request, found: ObjectVersion, of_source: str = "") -> None:
    """Raise AwsError for what S3 gives to nobody: an object in an archive tier, or one whose key the request lacks.

    ``of_source`` is what the names of the headers begin with that speak of a copy's source.
    """
    if SSE_CUSTOMER in found.headers and not request.header(f"x-amz-{of_source}{SSE_CUSTOMER[6:]}"):
        raise AwsError(
            "InvalidRequest",
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to "
            "retrieve the object.",
        )
    if request.method != "HEAD" and found.headers.get("x-amz-storage-class") in ARCHIVES:
        message = "The operation is not valid for the object's storage class"
        raise AwsError("InvalidObjectState", message, 403, StorageClass=found.headers["x-amz-storage-class"])


def check_read(request: Request, found: ObjectVersion) -> None:
    """Raise AwsError PreconditionFailed or NotModifiedError as a GET's or HEAD's conditions demand."""
    failed = _failed_condition(request, found, "")
    if failed in ("If-Match", "If-Unmodified-Since"):
        raise precondition_failed(failed)
    if failed is not None:
        raise NotModifiedError


def check_copy_source(request: Request, found: ObjectVersion) -> None:
    """Raise AwsError PreconditionFailed when a condition on the source of a copy does not hold."""
    failed = _failed_condition(request, found, COPY_SOURCE)
    if failed is not None:
        raise precondition_failed(f"{COPY_SOURCE}{failed}")


def check_write(request: Request, current: ObjectVersion | None) -> None:
    """Raise AwsError when a condition on the object to be replaced (None: there is none) does not hold.

    PreconditionFailed, or NoSuchKey for If-Match where nothing is. To be called in the transaction that writes.
    """
    exists = current is not None and not current.is_delete_marker
    if_none_match, if_match = request.header("if-none-match"), request.header("if-match")
    if if_none_match is not None:
        if if_none_match != "*":
            raise AwsError("NotImplemented", "A header you provided implies functionality that is not implemented")
        if exists:
            raise precondition_failed("If-None-Match")
    if if_match is not None:
        if current is None or not exists:
            raise no_such_key(request.key)
        if not _matches(if_match, current.etag):
            raise precondition_failed("If-Match")


def check_delete(if_match: str | None, key: str, current: ObjectVersion | None) -> None:
    """Raise PreconditionFailed, or NoSuchKey where nothing is, when a delete's If-Match does not hold."""
    if if_match is None:
        return
    if current is None:
        raise no_such_key(key)
    if current.is_delete_marker or not _matches(if_match, current.etag):
        raise precondition_failed("If-Match")


def precondition_failed(condition: str) -> AwsError:
    """The error 412, with the name of the condition."""
    message = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", message, 412, Condition=condition)


def _failed_condition(request: Request, found: ObjectVersion, prefix: str) -> str | None:
    # The order and precedence of RFC 9110: an ETag condition makes its date twin irrelevant.
    if_match = request.header(f"{prefix}if-match")
    unmodified_since = _date(request.header(f"{prefix}if-unmodified-since"))
    if if_match is not None:
        if not _matches(if_match, found.etag):
            return "If-Match"
    elif unmodified_since is not None and found.modified_at > unmodified_since:
        return "If-Unmodified-Since"
    if_none_match = request.header(f"{prefix}if-none-match")
    modified_since = _date(request.header(f"{prefix}if-modified-since"))
    if if_none_match is not None:
        if _matches(if_none_match, found.etag):
            return "If-None-Match"
    elif modified_since is not None and found.modified_at <= modified_since:
        return "If-Modified-Since"
    return None


def _matches(condition: str, etag: str) -> bool:
    candidates = [candidate.strip().removeprefix("W/").strip('"') for candidate in condition.split(",")]
    return "*" in candidates or etag in candidates


def _date(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (
        (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() if isinstance(moment, datetime) else None
    )
