"""S3 with objects as files on disk and metadata in the store."""

from __future__ import annotations

from infra.local_aws.context import Context
from infra.local_aws.s3.application import S3


def install(context: Context) -> None:
    """Answer S3 from the state directory, and remove bodies that a killed process left without an object."""
    context.services["s3"] = S3(context)
