"""What lies in landing, for `up` and `status`: files that wait, uploads that go on, and what could not be moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console

from lakehouse.cli.refused import counted, named, safe
from lakehouse.settings import Settings, SettingsError

if TYPE_CHECKING:
    from lakehouse.cli.stack import Stack


@dataclass(frozen=True)
class Left:
    """A version that S3 refused to move though it has its verdict; `reason` of a refused one."""

    key: str
    file_id: str
    reason: str | None
    error: str


@dataclass(frozen=True)
class LandingStatus:
    """`waiting` counts versions that need a verdict; `uncommitted` are keys of uploads that go on, which nothing
    reads."""

    bucket: str
    is_versioned: bool
    waiting: int
    uncommitted: Sequence[str]
    left: Sequence[Left]


def look(running: Stack) -> LandingStatus | None:
    """What lies in the landing of a stack that runs; None when it does not answer, or has not been made."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from lakehouse import landing

    running.enter()
    try:
        s3, buckets = boto3.client("s3"), Settings.from_environment().buckets
        return LandingStatus(
            bucket=buckets.landing,
            is_versioned=landing.is_versioned(s3, buckets.landing),
            waiting=sum(1 for _ in landing.waiting(s3, buckets, datetime.now(UTC))),
            uncommitted=[file.key for file in landing.uncommitted(s3, buckets)],
            left=[
                Left(note["file"]["key"], note["file"]["file_id"], note["reason"], note["error"])
                for note in landing.left_behind(s3, buckets.lake)
            ],
        )
    except (BotoCoreError, ClientError, SettingsError):
        return None


def show(console: Console, found: LandingStatus) -> None:
    """Say it to people, in as many lines as there is something to say."""
    from lakehouse.landing import VERSIONING_IS_OFF

    console.print(f"\nLanding: s3://{found.bucket}/<domain>/<dataset>/, {counted(found.waiting, 'file')} waiting")
    if not found.is_versioned:
        console.print(f"  [yellow]![/] {VERSIONING_IS_OFF.format(bucket=found.bucket)}")
    if found.uncommitted:
        names = safe(named(found.uncommitted))
        console.print(f"  {counted(len(found.uncommitted), 'upload')} that nobody has ended yet: {names}")
    if found.left:
        console.print(f"  {counted(len(found.left), 'file')} that could not be moved; each night it is tried again:")
        for left in found.left:
            console.print(f"    {safe(left.key)}  [red]{left.reason or 'accepted'}[/]  {safe(left.error)}")
