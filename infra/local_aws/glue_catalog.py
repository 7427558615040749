"""The Glue Data Catalog, kept in the store."""

from __future__ import annotations

from infra.local_aws.context import Context


def install(context: Context) -> None:
    """Answer the catalog's operations from the store."""
