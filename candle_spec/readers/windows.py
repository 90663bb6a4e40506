"""A part of a file that is read as if it were a file of its own: an archive inside an archive, a chunk of many."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any, BinaryIO, cast


class _Window(io.RawIOBase):
    """A part of a file as if it were a file of its own."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._start, self._size, self._position = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if position < 0:
            raise OSError(errno.EINVAL, "a position before the beginning")
        self._position = position
        return position

    def readinto(self, buffer: Any, /) -> int:
        count = max(0, min(len(buffer), self._size - self._position))
        self._file.seek(self._start + self._position)
        count = self._file.readinto(memoryview(buffer)[:count]) if count else 0
        self._position += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def opened_part(path: Path, start: int, size: int) -> BinaryIO:
    """Open a part of a file for reading, as if it were a file of its own."""
    return cast(BinaryIO, io.BufferedReader(_Window(path, start, size)))
