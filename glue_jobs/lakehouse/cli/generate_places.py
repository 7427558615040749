"""Where generated files and their truth go, as `lakehouse generate` is told: folders here, or prefixes in S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from lakehouse.cli.connection import connect

if TYPE_CHECKING:
    from datagen.sinks import Bucket, Sink
    from lakehouse.settings import Settings

S3 = "s3://"


@dataclass(frozen=True)
class Places:
    """`sink` takes the files; `truth` is the folder on this machine in which their truth grows; `truth_at` is where
    `lakehouse score` finds it."""

    out: str
    sink: Sink
    truth: Path
    truth_at: str

    @property
    def folder(self) -> Path | None:
        """The folder that the files are in, if they are on this machine."""
        return None if self.out.startswith(S3) else Path(self.out)


@contextmanager
def places(out: str, truth: str | None, domain: str, seed: int) -> Iterator[Places]:
    """Places that are free: what lies there already would be taken for part of the delivery.

    A truth for S3 grows in a temporary folder and is copied at the end, also when the delivery was broken off. Raises
    typer.BadParameter.
    """
    from datagen.generate import ABOUT, TRUTH
    from datagen.sinks import Bucket, Folder

    settings = connect().settings if out.startswith(S3) or (truth or "").startswith(S3) else None
    sink: Sink
    if settings and out.startswith(S3):
        sink = bucket = Bucket.of(out)
        _check_bucket(bucket, domain, settings)
        # The truth may not be landed: it is kept beside the lake's own data.
        keeper = settings.bucket if bucket.bucket == settings.landing_bucket else bucket.bucket
        truth_at = truth or f"{S3}{keeper}/truth/{domain}-{seed}"
    else:
        _check_folder(Path(out))
        sink, truth_at = Folder(Path(out)), truth or out
    if settings is None or not truth_at.startswith(S3):
        folder = Path(truth_at) / TRUTH
        if not out.startswith(S3) and Path(out).resolve() in Path(truth_at).resolve().parents:
            raise typer.BadParameter(
                f"{truth_at} is inside {out}, whose folders are landed; choose a place beside it", param_hint="--truth"
            )
        if folder.exists():
            raise typer.BadParameter(f"{folder} is there already; choose another folder", param_hint="--truth")
        yield Places(out, sink, folder, truth_at)
        return
    store = Bucket.of(f"{truth_at.rstrip('/')}/{TRUTH}")
    _check_store(store, settings)
    with TemporaryDirectory(prefix="lakehouse-truth-") as scratch:
        try:
            yield Places(out, sink, Path(scratch), truth_at)
        finally:
            store.upload(Path(scratch), last=ABOUT)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is a file; choose a folder", param_hint="--out")
    if folder.exists() and any(folder.iterdir()):
        raise typer.BadParameter(
            f"{folder} is not empty, and its files would be mixed with those of this delivery; choose another folder",
            param_hint="--out",
        )


def _check_bucket(bucket: Bucket, domain: str, settings: Settings) -> None:
    if not bucket.bucket:
        raise typer.BadParameter("name a bucket, as in s3://bucket/prefix", param_hint="--out")
    _check_not_landing_of_before(bucket, settings, "--out")
    is_landing = bucket.bucket == settings.landing_bucket
    if is_landing and bucket.prefix != f"{domain}/":
        raise typer.BadParameter(f"files of {domain} are landed in {S3}{bucket.bucket}/{domain}", param_hint="--out")
    # What its writers have not ended in landing is in nobody's way.
    if _is_anything_waiting(settings, domain) if is_landing else not bucket.is_empty():
        hint = "wait until the lake has taken them" if is_landing else "choose another prefix"
        raise typer.BadParameter(
            f"there are files in {S3}{bucket.bucket}/{bucket.prefix} already; {hint}", param_hint="--out"
        )


def _is_anything_waiting(settings: Settings, domain: str) -> bool:
    import boto3

    from lakehouse import landing

    found = landing.waiting(boto3.client("s3"), settings.buckets, datetime.now(UTC))
    return any(file.key.startswith(f"{domain}/") for file in found)


def _check_not_landing_of_before(place: Bucket, settings: Settings, option: str) -> None:
    if place.bucket == settings.bucket and place.prefix.startswith("landing/"):
        raise typer.BadParameter(f"files are landed in {S3}{settings.landing_bucket}/ now", param_hint=option)


def _check_store(store: Bucket, settings: Settings) -> None:
    _check_not_landing_of_before(store, settings, "--truth")
    if store.bucket == settings.landing_bucket:
        raise typer.BadParameter(
            f"the truth may not be landed; choose a place outside of {S3}{store.bucket}", param_hint="--truth"
        )
    if not store.is_empty():
        raise typer.BadParameter(
            f"there is a truth in {S3}{store.bucket}/{store.prefix} already; choose another place", param_hint="--truth"
        )
