"""Stream files into a staging folder: weights files are digested while they are written, and synced together.

Bytes that stand in the native file as they are stored go from file to file inside the kernel; all others pass through
one bounded buffer. Digests are taken from what stands in the *written* file: of each array as soon as it is written,
in parallel threads; of the whole file, at its end, only where that is asked for: header and arrays tell every byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from candle_spec.atomic import Staging
from candle_spec.digests import Progress, digest_file, digest_range, no_progress
from candle_spec.errors import CorruptFileError
from candle_spec.weights.shards import PlannedFile
from candle_spec.weights.sources import Bytes, verbatim


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
        self._arrays: dict[tuple[str, str], Future[str]] = {}

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
            sources: dict[Path, BinaryIO] = {}
            self._staging.fs.write(target, file.head)
            for key, entry in file.header.entries.items():
                self._write_part(file.parts[key].part.data, target, sources, stack)
                self._arrays[file.name, key] = self._pool.submit(digest_range, path, entry.offset, entry.size)
                self._progress(entry.size)
            if target.tell() != file.header.file_size:
                message = f"the tensors gave {target.tell()} bytes, not {file.header.file_size}"
                raise CorruptFileError(message, location=file.name)
        if self._file_digests:
            self._files[file.name] = self._pool.submit(digest_file, path)

    def _write_part(self, data: Bytes, target: BinaryIO, sources: dict[Path, BinaryIO], stack: ExitStack) -> None:
        extents = verbatim(data)
        for extent in extents:
            if extent.path not in sources:
                sources[extent.path] = stack.enter_context(extent.path.open("rb", buffering=0))
            self._staging.fs.copy_range(sources[extent.path], extent.offset, extent.length, target)
        if extents:
            return
        for block in data.blocks():
            self._staging.fs.write(target, block)

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
            {place: future.result() for place, future in self._arrays.items()},
            {name: future.result() for name, future in self._files.items()},
        )
