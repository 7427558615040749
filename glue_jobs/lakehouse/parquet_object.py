"""A Parquet object in S3, of which only the parts are fetched that somebody asks for."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_END_BYTES = 64 << 10  # where the footer is; small objects are whole in it
_READ_BYTES = 1 << 20
_BATCH_ROWS = 16_384


class ParquetObject:
    """Its size and footer at once, its values on demand.

    Raises botocore's ClientError when the object cannot be fetched, pyarrow.ArrowException or OSError when it is no
    Parquet; so do the methods.
    """

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        ranges = _Ranges(s3, bucket, key)
        self.size = ranges.size
        self._file = pq.ParquetFile(pa.PythonFile(ranges, mode="r"), buffer_size=_READ_BYTES)
        self.metadata: pq.FileMetaData = self._file.metadata

    def may_exceed(self, position: int, length: int) -> bool:
        """Can a text of the column at that position be longer than so many bytes? The footer alone may say no."""
        chunks = (self.metadata.row_group(group).column(position) for group in range(self.metadata.num_row_groups))
        # Every byte of a value is somewhere in the pages; where only differences to the value before are stored, those
        # from the first value on add up to no less.
        return any(chunk.total_uncompressed_size > length for chunk in chunks)

    def longest(self, names: Sequence[str]) -> Mapping[str, int]:
        """The most UTF-8 bytes that any value of these text columns takes; reads them, some rows at a time."""
        found = dict.fromkeys(names, 0)
        if names:
            for batch in self._file.iter_batches(_BATCH_ROWS, columns=list(names), use_threads=False):
                for name in names:
                    found[name] = max(found[name], pc.max(pc.binary_length(batch.column(name))).as_py() or 0)
        return found


class _Ranges(io.RawIOBase):
    """An object as a file that can be read; the end is fetched first and kept."""

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self._s3, self._object = s3, {"Bucket": bucket, "Key": key}
        answer = s3.get_object(**self._object, Range=f"bytes=-{_END_BYTES}")
        self._end: bytes = answer["Body"].read()
        # An empty object has no range.
        self.size = int(answer.get("ContentRange", "").rpartition("/")[2] or len(self._end))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        start = self._at
        stop = self.size if size < 0 else min(start + size, self.size)
        self._at = max(start, stop)
        if stop <= start:
            return b""
        kept_from = self.size - len(self._end)
        if start >= kept_from:
            return self._end[start - kept_from : stop - kept_from]
        content: bytes = self._s3.get_object(**self._object, Range=f"bytes={start}-{stop - 1}")["Body"].read()
        return content
