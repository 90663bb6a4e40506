"""Stream files into a staging folder: weights files are digested while they are written, and synced together.

Bytes that stand in the native file as they are stored go from file to file inside the kernel; all others pass through
one bounded buffer. Digests are taken from what stands in the *written* file: of each array soon after it is written,
in parallel threads; of the whole file, at its end, only where that is asked for: header and arrays tell every byte.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Self

from candle_spec.atomic import Fs, Staging
from candle_spec.digests import Progress, digest_file, no_progress
from candle_spec.errors import CorruptFileError
from candle_spec.weights import array_digests
from candle_spec.weights.safetensors import Entry
from candle_spec.weights.shards import PlannedFile
from candle_spec.weights.sources import Bytes, verbatim

_SMALL: Final = 1 << 16
"""Bytes of an array below which it is written together with its neighbours: a call of the system has its own cost."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        arrays: Digest of each array, by file and key.
        files: Digests of weights files as a whole; ``""`` or nothing where none was asked for.
    """

    arrays: Mapping[tuple[str, str], str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


class StreamedFiles:
    """Streams files into a staging folder: a context that closes those that are not synced yet.

    Args:
        staging: The folder.
        pool: Threads that take digests.
        progress: Called with bytes of arrays written.
        file_digests: Whether to take the digest of each weights file as a whole, too.
    """

    def __init__(
        self,
        staging: Staging,
        pool: ThreadPoolExecutor,
        progress: Progress = no_progress,
        *,
        file_digests: bool = False,
    ) -> None:
        self._staging = staging
        self._file_digests = file_digests
        self._pool = pool
        self._progress = progress
        self._open = ExitStack()
        self._unsynced: list[BinaryIO] = []
        self._files: dict[str, Future[str]] = {}
        self._arrays: list[tuple[str, Future[dict[str, str]]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def path(self) -> Path:
        """The folder."""
        return self._staging.path

    def weights(self, file: PlannedFile) -> None:
        """Write a weights file; it is synced by :meth:`settle`, and its digests run on in the threads.

        Raises:
            CorruptFileError: A native file ended inside a tensor, or a reader gave another number of bytes than it
                said.
            OSError: The system refused to write.
        """
        path = self._staging.path / file.name
        with ExitStack() as stack:
            target = self._open.enter_context(self._staging.create(file.name))
            self._unsynced.append(target)
            arrays = _Arrays(self._staging.fs, target, stack)
            arrays.write(file.head)
            for lot in array_digests.lots(self._written(file, arrays)):
                arrays.flush()
                self._arrays.append((file.name, array_digests.start(self._pool, path, lot)))
            arrays.flush()
            if target.tell() != file.header.file_size:
                message = f"the tensors gave {target.tell()} bytes, not {file.header.file_size}"
                raise CorruptFileError(message, location=file.name)
        if self._file_digests:
            self._files[file.name] = self._pool.submit(digest_file, path)

    def _written(self, file: PlannedFile, arrays: _Arrays) -> Iterator[Entry]:
        for key, entry in file.header.entries.items():
            arrays.add(file.parts[key].part.data)
            self._progress(entry.size)
            yield entry

    def file(self, name: str, data: Iterable[bytes | memoryview]) -> None:
        """Write and sync any other file."""
        with self._staging.create(name) as target:
            for block in data:
                self._staging.fs.write(target, block)
            self._staging.fs.sync_file(target)

    own = file

    def settle(self) -> Written:
        """Make all weights files durable, while threads still take digests, and return these."""
        for file in self._unsynced:
            self._staging.fs.sync_file(file)
        self._unsynced.clear()
        self._open.close()
        return Written(
            {(name, key): digest for name, lot in self._arrays for key, digest in lot.result().items()},
            {name: future.result() for name, future in self._files.items()},
        )


class _Arrays:
    """The arrays of one file on their way into it: large ones go from file to file, small ones together.

    Args:
        fs: The file system.
        target: The new file.
        stack: Closes the native files.
    """

    def __init__(self, fs: Fs, target: BinaryIO, stack: ExitStack) -> None:
        self._fs, self._target, self._stack = fs, target, stack
        self._sources: dict[Path, BinaryIO] = {}
        self._waiting: list[bytes] = []

    def add(self, data: Bytes) -> None:
        """Write an array after those before it, or let it wait for :meth:`flush`.

        Raises:
            OSError: The native file ended inside it, or the system refused to write.
        """
        extents = verbatim(data)
        for extent in extents:
            source = self._source(extent.path)
            if extent.length < _SMALL:
                self._waiting.append(_read(source, extent.offset, extent.length))
            else:
                self.flush()
                self._fs.copy_range(source, extent.offset, extent.length, self._target)
        if not extents:
            for block in data.blocks():
                self.write(block)

    def write(self, block: bytes | memoryview) -> None:
        """Write a block after those before it; a small one may wait for :meth:`flush`."""
        if len(block) < _SMALL:
            self._waiting.append(bytes(block))
        else:
            self.flush()
            self._fs.write(self._target, block)

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._fs.write(self._target, b"".join(self._waiting))
            self._waiting.clear()

    def _source(self, path: Path) -> BinaryIO:
        if path not in self._sources:
            self._sources[path] = self._stack.enter_context(path.open("rb", buffering=_SMALL))
        return self._sources[path]


def _read(source: BinaryIO, offset: int, length: int) -> bytes:
    source.seek(offset)
    data = source.read(length)
    if len(data) < length:
        raise OSError(errno.EIO, "the source file ended early")
    return data
