"""Byte ranges, as GetObject and UploadPartCopy have them."""

from __future__ import annotations

import re

from infra.local_aws.errors import AwsError

RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def requested_range(header: str | None, size: int) -> range | None:
    """The bytes that a Range header asks for out of ``size``; None for the whole object.

    S3 answers several ranges, or a header it cannot read, with the whole object. Raise InvalidRange (416) when the
    range begins behind the end.
    """
    match = RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    else:
        start, stop = max(size - int(last), 0), size
    if start >= stop:
        raise AwsError("InvalidRange", "The requested range is not satisfiable", 416, RangeRequested=header)
    return range(start, stop)
