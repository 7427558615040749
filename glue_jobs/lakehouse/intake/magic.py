"""The first bytes of a file → the format that they are the mark of, in words."""

from __future__ import annotations

import re

# (place, mark, what it is). Longer marks stand before those that they begin with.
_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"PK\x07\x08", "a zip archive in parts"),
    (0, b"\x1f\x8b", "a gzip stream"),
    (0, b"\x1f\x9d", "a compress archive (.Z)"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd stream"),
    (0, b"\xfd7zXZ\x00", "an xz stream"),
    (0, b"BZh", "a bzip2 stream"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 stream"),
    (0, b"\xff\x06\x00\x00sNaPpY", "a Snappy stream"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document (.xls, .doc)"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"PARE", "an encrypted Parquet file"),
    (0, b"ORC", "an ORC file"),
    (0, b"Obj\x01", "an Avro file"),
    (0, b"ARROW1", "an Arrow or Feather file"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"{\\rtf", "an RTF document"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF87a", "a GIF picture"),
    (0, b"GIF89a", "a GIF picture"),
    (0, b"II*\x00", "a TIFF picture"),
    (0, b"MM\x00*", "a TIFF picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"\x7fELF", "a program"),
    (257, b"ustar", "a tar archive"),
)
# A name in a header may begin with letters that are also a mark; text holds no such bytes near its beginning.
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f\x80-\xff]")
_LOOKED_AT_BYTES = 1024
_UNMISTAKABLE = (b"%PDF-", b"{\\rtf")
# What is inside of a zip archive that has a name of its own.
_ZIPPED = ((b"xl/", "an Excel workbook (.xlsx)"), (b"word/", "a Word document (.docx)"))
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument"


def format_of(data: bytes) -> str | None:
    """What the file is, with its article ("a PNG picture"); None when it may be text."""
    for place, mark, name in _MARKS:
        if data.startswith(mark, place) and (mark in _UNMISTAKABLE or _BINARY.search(data, 0, _LOOKED_AT_BYTES)):
            return _zipped(data) if mark == b"PK\x03\x04" else name
    return None


def _zipped(data: bytes) -> str:
    if data.startswith(_OPEN_DOCUMENT, 30):
        return "an OpenDocument file (.ods, .odt)"
    # Names of members stand before their content and once more at the end of the archive.
    parts = data[:4096] + data[-65_536:]
    return next((name for folder, name in _ZIPPED if folder in parts), "a zip archive")
