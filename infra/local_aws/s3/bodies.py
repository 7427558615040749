"""The bodies of objects as files under ``objects/``: written once under a new name, never changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHUNK_SIZE = 1 << 20


class Digest(Protocol):
    """What a checksum under way can do."""

    def update(self, data: ReadableBuffer, /) -> object:
        """Take more bytes in."""


class Source(Protocol):
    """Where a body comes from."""

    def read(self, size: int, /) -> bytes | None:
        """Up to ``size`` bytes; nothing at the end."""


@dataclass(frozen=True)
class Body:
    """A body on disk: the name of its file, its size in bytes, its MD5 in hex."""

    name: str
    size: int
    md5: str


class Bodies:
    """The directory of bodies. A file is referred to by a row of the store, or removed at the next start."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for shard in range(256):
            (directory / f"{shard:02x}").mkdir(parents=True, exist_ok=True)

    def write(self, source: Source, digests: Iterable[Digest] = ()) -> Body:
        """Store all that ``source`` yields, never more than a chunk of it in memory; on failure leave nothing."""
        name, size, md5 = _new_name(), 0, hashlib.md5(usedforsecurity=False)
        digests = (md5, *digests)
        try:
            with self._path(name).open("xb", buffering=0) as file:
                while chunk := source.read(CHUNK_SIZE):
                    for digest in digests:
                        digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
        except BaseException:
            self.remove([name])
            raise
        return Body(name, size, md5.hexdigest())

    def open(self, name: str) -> BinaryIO:
        """The file of a body; FileNotFoundError when it has been replaced meanwhile."""
        return self._path(name).open("rb", buffering=0)

    def link(self, name: str) -> str:
        """A second name for the same bytes, for a copy; FileNotFoundError when it has been replaced meanwhile."""
        new = _new_name()
        os.link(self._path(name), self._path(new))
        return new

    def concatenate(self, names: list[str]) -> str:
        """A new body of several ones after each other."""
        if len(names) == 1:
            return self.link(names[0])
        new = _new_name()
        try:
            with self._path(new).open("xb") as target:
                for name in names:
                    with self.open(name) as part:
                        shutil.copyfileobj(part, target, CHUNK_SIZE)
        except BaseException:
            self.remove([new])
            raise
        return new

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; readers that have one open keep it."""
        for name in names:
            with suppress(FileNotFoundError):
                self._path(name).unlink()

    def remove_all_but(self, referred: set[str]) -> int:
        """Remove what no row refers to (a killed process leaves such files); the number of files removed."""
        orphans = [
            entry.name
            for shard in os.scandir(self._directory)
            for entry in os.scandir(shard.path)
            if entry.name not in referred
        ]
        self.remove(orphans)
        return len(orphans)

    def _path(self, name: str) -> Path:
        return self._directory / name[:2] / name


def _new_name() -> str:
    return uuid.uuid4().hex
