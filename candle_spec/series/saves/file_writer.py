"""Write the weights files of a checkpoint at the speed of the disk, and digest them on the way.

The bytes pass through two aligned buffers: while one is written past the page cache, the other is filled, and another
thread takes the digest of the file. The digests of the arrays are taken from memory by further threads. Nothing is read
back. A snapshot that stands in memory as the file will is written from where it stands.
"""

from __future__ import annotations

import errno
import hashlib
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
        self._buffers: list[memoryview] = []
        threads = parallel.jobs(jobs)
        # The file's digest is one long chain: it gets a thread that nothing else can block.
        self._chain = ThreadPoolExecutor(1, "candle-spec-file") if threads > 1 else None
        self.pool = ThreadPoolExecutor(max(1, threads - 1), "candle-spec-array") if threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads."""
        for pool in (self._chain, self.pool):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)

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

    def write(self, planned: PlannedFile, folder: PrivateFolder, *, known: str = "") -> tuple[BinaryIO, str]:
        """Write one file; it is left open, and not durable yet.

        Args:
            planned: The file.
            folder: Where.
            known: Its digest where it is known.

        Returns:
            The file and its digest.

        Raises:
            CorruptFileError: A tensor gave another number of bytes than it said.
            OSError: The system refused.
        """
        size = planned.header.file_size
        if self._direct and size >= DIRECT_FROM and self._can.get("direct", True):
            try:
                written = self._write(planned, folder, known, direct=True)
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
        return self._write(planned, folder, known, direct=False)

    def _write(self, planned: PlannedFile, folder: PrivateFolder, known: str, *, direct: bool) -> tuple[BinaryIO, str]:
        size = planned.header.file_size
        target = folder.create(planned.name, direct=direct)
        try:
            if size >= DIRECT_FROM:
                self._fs.reserve(target, size)
            digest = self._stream(planned, target, known, direct=direct)
        except OSError:
            folder.abandon(target)
            raise
        return target, digest

    def _stream(self, planned: PlannedFile, target: BinaryIO, known: str, *, direct: bool) -> str:
        state = hashlib.sha256()
        running: list[Future[None] | None] = [None, None]
        total = turn = 0
        image = file_image(planned)
        for view, filled in self._filled(planned, running) if image is None else _pieces(image):
            total += filled
            if not known:
                running[turn] = self._update(state, view[:filled])
            length = -(-filled // PAGE) * PAGE if direct else filled
            view[filled:length] = bytes(length - filled)
            self._fs.write(target, view[:length])
            turn = 1 - turn
        if total != planned.header.file_size:
            message = f"the tensors gave {total} bytes, not {planned.header.file_size}"
            raise CorruptFileError(message, location=planned.name)
        if direct and total % PAGE:
            self._fs.truncate(target, total)
        for future in running:
            if future is not None:
                future.result()
        return known or "sha256:" + state.hexdigest()

    def _filled(self, planned: PlannedFile, running: list[Future[None] | None]) -> Iterator[tuple[memoryview, int]]:
        """Yield the file in full buffers, by turns; a buffer is filled again when its digest is taken."""
        buffers = self._both(min(BUFFER, -(-planned.header.file_size // PAGE) * PAGE))
        turn = filled = 0
        for block in _blocks(planned):
            left = memoryview(block).cast("B")
            while len(left):
                if not filled and (future := running[turn]) is not None:
                    future.result()
                room = min(len(left), len(buffers[turn]) - filled)
                buffers[turn][filled : filled + room] = left[:room]
                filled, left = filled + room, left[room:]
                if filled == len(buffers[turn]):
                    yield buffers[turn], filled
                    turn, filled = 1 - turn, 0
        if filled:
            yield buffers[turn], filled

    def _both(self, size: int) -> list[memoryview]:
        """Two page-aligned buffers of at least one page."""
        if not self._buffers or len(self._buffers[0]) < size:
            self._buffers = [memoryview(mmap.mmap(-1, max(size, PAGE))) for _ in range(2)]
        return [buffer[: max(size, PAGE)] for buffer in self._buffers]

    def _update(self, state: hashlib._Hash, view: memoryview) -> Future[None] | None:
        if self._chain is None:
            state.update(view)
            return None
        return self._chain.submit(state.update, view)


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
