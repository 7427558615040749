"""Where files go: a folder, or a prefix in S3."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

SECOND_DELIVERY = "_second_delivery"
"""Folder of the files that arrive under a name that was delivered before: land it after the rest."""


class Sink(Protocol):
    """Takes the bytes of a file. `overwrites_at_once` tells that a second delivery follows the first immediately."""

    @property
    def overwrites_at_once(self) -> bool: ...

    def put(self, dataset: str, name: str, delivery: int, data: bytes) -> None:
        """Deliver a file of a dataset; `delivery` is 1 or 2."""
        ...


@dataclass(frozen=True)
class Folder:
    """`<folder>/<dataset>/<name>`; second deliveries in a folder of their own, for both cannot have one place."""

    path: Path

    overwrites_at_once = False

    def put(self, dataset: str, name: str, delivery: int, data: bytes) -> None:
        top = self.path / SECOND_DELIVERY if delivery == 2 else self.path
        path = top / dataset / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@dataclass(frozen=True)
class Bucket:
    """`s3://<bucket>/<prefix><dataset>/<name>`; a second delivery overwrites the first."""

    bucket: str
    prefix: str

    overwrites_at_once = True

    @classmethod
    def of(cls, url: str) -> Bucket:
        """The place that `s3://bucket/prefix` names."""
        parts = urlsplit(url)
        return cls.below(parts.netloc, parts.path)

    @classmethod
    def below(cls, bucket: str, prefix: str) -> Bucket:
        """A prefix in a bucket, with or without slashes around it."""
        prefix = prefix.strip("/")
        return cls(bucket, f"{prefix}/" if prefix else "")

    def put(self, dataset: str, name: str, delivery: int, data: bytes) -> None:
        self.write(f"{dataset}/{name}", data)

    def write(self, name: str, data: bytes) -> None:
        """Write an object below the prefix."""
        self._s3.put_object(Bucket=self.bucket, Key=self.key(name), Body=data)

    def upload(self, folder: Path, last: str) -> None:
        """Copy all files of a folder to below the prefix; whoever sees the `last` sees all of them."""
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
        for name in sorted(names, key=lambda name: name == last):
            self._s3.upload_file(str(folder / name), self.bucket, self.key(name))

    def is_empty(self) -> bool:
        """Whether there is nothing below the prefix."""
        listed: int = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)["KeyCount"]
        return not listed

    def key(self, name: str) -> str:
        """The key of an object below the prefix."""
        return self.prefix + name

    @cached_property
    def _s3(self) -> Any:
        import boto3

        return boto3.client("s3")


@dataclass(frozen=True)
class Beside:
    """`<bucket's place of a dataset>/<folder>/<name>`: a delivery beside others, of which none replaces another's."""

    bucket: Bucket
    folder: str

    overwrites_at_once = True

    def put(self, dataset: str, name: str, delivery: int, data: bytes) -> None:
        self.bucket.put(dataset, f"{self.folder}/{name}", delivery, data)
