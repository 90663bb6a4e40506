"""Write the weights files of a checkpoint at the speed of the disk, and digest them on the way.

The bytes pass through an aligned buffer past the page cache, while threads take the digests of the arrays from memory.
These and the header tell every byte, so that none is digested twice, and nothing is read back. A snapshot that stands
in memory as the file will is written from where it stands.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Final, Self

from candle_spec import limits, parallel
from candle_spec.atomic import PAGE, Fs
from candle_spec.digests import digest_blocks
from candle_spec.errors import CorruptFileError
from candle_spec.series.saves.arena import FileImage, file_image
from candle_spec.series.saves.private_folder import PrivateFolder
from candle_spec.weights.shards import PlannedFile
from candle_spec.weights.sources import Bytes

BUFFER: Final = 16 * limits.MIB
"""Bytes of one write: large enough that neither the system call nor the interpreter counts."""

DIRECT_FROM: Final = 4 * limits.MIB
"""Size from which a file is written past the page cache."""

_REFUSED: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class FileWriter:
    """Writes planned files and takes digests; its threads and buffers are used again by every save.

    Args:
        fs: The file system.
        can: What the file system can do; learned here.
        direct: Whether to write past the page cache where that is possible.
        jobs: Threads; 1 does everything in the caller's.
    """

    def __init__(self, fs: Fs, can: dict[str, bool], *, direct: bool, jobs: int | None) -> None:
        self._fs = fs
        self._can = can
        self._direct = direct and hasattr(os, "O_DIRECT")
        self._buffer: memoryview | None = None
        threads = parallel.jobs(jobs)
        self.pool = ThreadPoolExecutor(threads - 1, "candle-spec-array") if threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads."""
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)

    def digest(self, data: Bytes) -> Future[str]:
        """Begin the digest of an array."""
        if self.pool is not None:
            return self.pool.submit(_digest, data)
        done: Future[str] = Future()
        done.set_result(_digest(data))
        return done

    def finished(self, digests: dict[str, Future[str]], file: PlannedFile) -> dict[str, str]:
        """Return the digests of a file's arrays; what no thread has begun yet, the caller's takes, from the end."""
        taken = {}
        for key, future in reversed(digests.items()):
            taken[key] = _digest(file.parts[key].part.data) if future.cancel() else future.result()
        return taken

    def write(self, planned: PlannedFile, folder: PrivateFolder) -> BinaryIO:
        """Write one file; it is left open, and not durable yet.

        Args:
            planned: The file.
            folder: Where.

        Raises:
            CorruptFileError: A tensor gave another number of bytes than it said.
            OSError: The system refused.
        """
        size = planned.header.file_size
        if self._direct and size >= DIRECT_FROM and self._can.get("direct", True):
            try:
                written = self._write(planned, folder, direct=True)
            except OSError as error:
                if error.errno not in _REFUSED:
                    raise
                self._can["direct"] = False
                left = folder.path / planned.name
                if left.exists():
                    self._fs.remove_file(left)
            else:
                self._can["direct"] = True
                return written
        return self._write(planned, folder, direct=False)

    def _write(self, planned: PlannedFile, folder: PrivateFolder, *, direct: bool) -> BinaryIO:
        size = planned.header.file_size
        target = folder.create(planned.name, direct=direct)
        try:
            if size >= DIRECT_FROM:
                self._fs.reserve(target, size)
            self._stream(planned, target, direct=direct)
        except OSError:
            folder.abandon(target)
            raise
        return target

    def _stream(self, planned: PlannedFile, target: BinaryIO, *, direct: bool) -> None:
        total = 0
        image = file_image(planned)
        for view, filled in self._filled(planned) if image is None else _pieces(image):
            total += filled
            length = -(-filled // PAGE) * PAGE if direct else filled
            view[filled:length] = bytes(length - filled)
            self._fs.write(target, view[:length])
        if total != planned.header.file_size:
            message = f"the tensors gave {total} bytes, not {planned.header.file_size}"
            raise CorruptFileError(message, location=planned.name)
        if direct and total % PAGE:
            self._fs.truncate(target, total)

    def _filled(self, planned: PlannedFile) -> Iterator[tuple[memoryview, int]]:
        """Yield the file in full buffers: one, again and again."""
        buffer = self._aligned(min(BUFFER, -(-planned.header.file_size // PAGE) * PAGE))
        filled = 0
        for block in _blocks(planned):
            left = memoryview(block).cast("B")
            while len(left):
                room = min(len(left), len(buffer) - filled)
                buffer[filled : filled + room] = left[:room]
                filled, left = filled + room, left[room:]
                if filled == len(buffer):
                    yield buffer, filled
                    filled = 0
        if filled:
            yield buffer, filled

    def _aligned(self, size: int) -> memoryview:
        """A page-aligned buffer of at least one page."""
        if self._buffer is None or len(self._buffer) < size:
            self._buffer = memoryview(mmap.mmap(-1, max(size, PAGE)))
        return self._buffer[: max(size, PAGE)]


def _pieces(image: FileImage) -> Iterator[tuple[memoryview, int]]:
    """Yield a file that stands in memory as it will on disk: nothing is moved."""
    for start in range(0, image.size, BUFFER):
        view = image.view[start : start + BUFFER]
        yield view, min(len(view), image.size - start)


def _blocks(planned: PlannedFile) -> Iterator[bytes | memoryview]:
    yield planned.head
    for key in planned.header.entries:
        yield from planned.parts[key].part.data.blocks()


def _digest(data: Bytes) -> str:
    return digest_blocks(data.blocks())
