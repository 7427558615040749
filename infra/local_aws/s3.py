"""S3 with objects as files on disk and metadata in the store."""

from __future__ import annotations

from infra.local_aws.context import Context


def install(context: Context) -> None:
    """Answer S3 from the state directory."""
