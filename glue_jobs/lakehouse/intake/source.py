"""The bytes of a file as they landed → UTF-8 bytes, cut into blocks of whole lines."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from isal import isal_zlib

from lakehouse.intake.magic import format_of
from lakehouse.intake.model import MAX_RECORD_BYTES, Refusal

# Hostile input is refused before it fills the memory of a worker; set here and nowhere else. A worker holds a file's
# bytes, inflated, and about as much again as Arrow columns.
MAX_FILE_BYTES = 512 << 20
# Gzip cannot do better than 1:1,032; text of a business stays below 1:100.
MAX_INFLATION_RATIO = 200
RATIO_APPLIES_ABOVE_BYTES = 64 << 20
# A NUL spoils its row. More of them are no text; a run of them is a hole where other rows were.
MAX_NUL_SHARE = 0.01
NUL_HOLE = bytes(16)

BLOCK_BYTES = MAX_RECORD_BYTES
GZIP_MAGIC = b"\x1f\x8b"
# Small enough that the many members of a block-wise gzip do not each copy the rest of the file.
_GZIP_WINDOW_BYTES = 64 << 10
_INFLATED_PIECE_BYTES = 8 << 20
# isal's stub declares the class as if it were an instance.
_GzipError: type[Exception] = isal_zlib.error  # type: ignore[assignment]
# UTF-32's little-endian mark begins with that of UTF-16.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FILLED = re.compile(rb"[^ \t\r\n\v\f]")
_PAGE = re.compile(rb"<(![a-z]|!--|\?xml|[a-z][a-z0-9:-]*[\s/>])", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """Text of a file as UTF-8 without byte order mark; `start` is its first byte that is no white space.

    `is_cut` tells that the file ended in the middle of a character, whose bytes are left out; `has_nul`, that there are
    NULs, each of which spoils its row.
    """

    data: bytes
    start: int
    encoding: str
    bom: int
    is_cut: bool
    has_nul: bool = False

    def offset(self, position: int) -> int:
        """Where byte `position` of `data` is in the inflated file."""
        if self.encoding == "utf-8":
            return self.bom + position
        return self.bom + len(self.data[:position].decode("utf-8").encode(self.encoding))

    def text(self, start: int, end: int) -> str:
        """Part of the text. Raises Refusal where it is not what its encoding says."""
        try:
            return self.data[start:end].decode("utf-8")
        except UnicodeDecodeError as error:
            detail = f"not {self.encoding.upper()}: {error.reason}"
            raise Refusal("wrong_encoding", detail, self.bom + start + error.start) from None

    def checked(self, start: int, end: int) -> bytes:
        """Part of the data. Raises Refusal where it is not what its encoding says."""
        part = self.data[start:end]
        if not part.isascii():
            self.text(start, end)
        return part

    def filled_from(self, position: int) -> int:
        """The first byte from there on that is no white space; the end when there is none."""
        filled = _FILLED.search(self.data, position)
        return filled.start() if filled else len(self.data)

    def last_end(self, start: int, marks: tuple[bytes, ...]) -> int:
        """Where the last of the marks ends in the BLOCK_BYTES from `start` on; 0 when there is none."""
        limit = start + BLOCK_BYTES
        found = ((self.data.rfind(mark, start, limit), len(mark)) for mark in marks)
        return max((at + length for at, length in found if at >= 0), default=0)

    def block_end(self, start: int, line_ends: tuple[bytes, ...]) -> int:
        """End of the block of whole lines that begins at `start`: at most BLOCK_BYTES, or one line longer than that."""
        limit = start + BLOCK_BYTES
        if limit >= len(self.data):
            return len(self.data)
        if last := self.last_end(start, line_ends):
            return last
        following = (self.data.find(line_end, limit) for line_end in line_ends)
        return min((found + 1 for found in following if found >= 0), default=len(self.data))


def opened(data: bytes, fallback: str | None) -> Source:
    """Inflate, decode and look at the first characters. Raises Refusal when the file holds no text to read.

    `fallback` is the encoding of a file that has no byte order mark and is not UTF-8.
    """
    if not data:
        raise Refusal("empty_file", "the file is empty")
    if data.startswith(GZIP_MAGIC):
        data = _inflated(data)
        inside = "inside of the gzip stream, "
    else:
        inside = ""
    if kind := format_of(data):
        raise Refusal("wrong_type", f"{inside}this is {kind}", 0)
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(f"{len(data):,} bytes")
    bom, encoding = next(((bom, name) for bom, name in _BOMS if data.startswith(bom)), (b"", "utf-8"))
    if fallback and not bom and not _is_utf8(data):
        encoding = fallback
    data, is_cut = _as_utf8(data[len(bom) :] if bom else data, encoding, len(bom))
    filled = _FILLED.search(data)
    if filled is None:
        raise Refusal("empty_file", "the file holds nothing but white space")
    source = Source(data, filled.start(), encoding, len(bom), is_cut, b"\x00" in data)
    if _PAGE.match(data, source.start):
        raise Refusal("html_page", "this is an HTML or XML page", source.offset(source.start))
    if source.has_nul:
        _check_nuls(source)
    return source


def _check_nuls(source: Source) -> None:
    data = source.data
    hole = data.find(NUL_HOLE)
    if hole < 0 and data.count(0) <= len(data) * MAX_NUL_SHARE:
        return
    first = data.find(0) if hole < 0 else hole
    share = data.count(0) / len(data)
    raise Refusal("binary_content", f"NUL characters, {share:.0%} of all: this is not text", source.offset(first))


def _inflated(data: bytes) -> bytes:
    """Gzip members one after the other, checked by their CRC and length, zeros after them."""
    inflated = io.BytesIO()  # gives its bytes away without a copy, unlike a list of parts
    total = position = 0
    while data.startswith(GZIP_MAGIC, position):
        member = isal_zlib.decompressobj(wbits=31)
        while not member.eof:
            window = data[position : position + _GZIP_WINDOW_BYTES]
            if not window:
                raise Refusal("truncated_gzip", f"the gzip stream ends early, after {total:,} inflated bytes", position)
            for piece in _pieces(member, window, position):
                total += len(piece)
                inflated.write(piece)
                _check_size(total, len(data))
            position += len(window) - len(member.unused_data)
    if data.count(0, position) != len(data) - position:
        raise Refusal("trailing_garbage", f"{len(data) - position:,} bytes follow the gzip stream", position)
    return inflated.getvalue()


def _pieces(member: isal_zlib.Decompress, window: bytes, position: int) -> Iterator[bytes]:
    try:
        while True:
            yield member.decompress(window, _INFLATED_PIECE_BYTES)
            window = member.unconsumed_tail
            if not window or member.eof:
                return
    except _GzipError as error:
        raise Refusal("corrupt_gzip", f"the gzip stream is damaged: {error}", position) from None


def _check_size(inflated: int, landed: int) -> None:
    if inflated > RATIO_APPLIES_ABOVE_BYTES and inflated > landed * MAX_INFLATION_RATIO:
        raise Refusal("zip_bomb", f"{landed:,} bytes inflate to more than {inflated:,}", RATIO_APPLIES_ABOVE_BYTES)
    if inflated > MAX_FILE_BYTES:
        raise _too_large("the archive inflates to more")


def _too_large(size: str) -> Refusal:
    return Refusal("file_too_large", f"{size}; the limit is {MAX_FILE_BYTES:,} bytes", MAX_FILE_BYTES)


_REPLACEMENT = "\ufffd".encode()


def _as_utf8(data: bytes, encoding: str, bom: int) -> tuple[bytes, bool]:
    """(UTF-8 bytes, whether the last character is cut). UTF-8 itself is checked later, block by block.

    A cut character is left out; where it is all that its line holds, a replacement character stands for it, so that the
    row leaves a trace.
    """
    if encoding == "utf-8":
        missing = _cut_bytes(data)
        return (_traced(data[:-missing]), True) if missing else (data, False)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(data)
    except UnicodeDecodeError as error:
        raise Refusal("wrong_encoding", f"not {encoding.upper()}: {error.reason}", bom + error.start) from None
    is_cut = bool(decoder.getstate()[0])
    return _traced(text.encode("utf-8")) if is_cut else text.encode("utf-8"), is_cut


def _traced(data: bytes) -> bytes:
    return data + _REPLACEMENT if data.endswith((b"\n", b"\r")) else data


def _is_utf8(data: bytes) -> bool:
    """Whether it is, but for a last character that is not whole."""
    if data.isascii():
        return True
    try:
        data[: len(data) - _cut_bytes(data)].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _cut_bytes(data: bytes) -> int:
    """How many bytes at the end begin a UTF-8 character that is not whole."""
    for count in range(1, min(3, len(data)) + 1):
        byte = data[-count]
        if byte >= 0xC2:
            whole = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return count if byte < 0xF5 and count < whole else 0
        if byte < 0x80:
            return 0
    return 0
