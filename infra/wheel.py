"""The library as a wheel whose bytes depend on its files alone: the same library has the same hash everywhere."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

_PACKAGE = "lakehouse"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # what a zip file can tell; the date of a file must not change the hash
_READABLE = 0o644 << 16


def file_name() -> str:
    """The wheel's name, as the standard of binary distributions forms it."""
    return f"{_PACKAGE}-{metadata.version(_PACKAGE)}-py3-none-any.whl"


def packages(root: Path) -> list[Path]:
    """What the wheel of a checkout holds: the library, and the generator that the command line and a DAG offer."""
    return [root / "glue_jobs" / "lakehouse", root / "datagen"]


def build(*sources: Path) -> bytes:
    """The wheel of some package folders. Metadata is that of the installed package."""
    info = f"{_PACKAGE}-{metadata.version(_PACKAGE)}.dist-info"
    members = [
        *(
            (path.relative_to(source.parent).as_posix(), path.read_bytes())
            for source in sources
            for path in _files(source)
        ),
        (f"{info}/METADATA", (metadata.distribution(_PACKAGE).read_text("METADATA") or "").encode()),
        (f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: lakehouse\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    ]
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        for name, content in [*members, (f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode())]:
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr = _READABLE
            entry.compress_type = zipfile.ZIP_STORED  # zlib's output differs from version to version
            wheel.writestr(entry, content)
    return buffer.getvalue()


def _files(source: Path) -> Iterator[Path]:
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
