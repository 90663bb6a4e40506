"""Write the files of a group: streamed, synced, and digested while they are written.

Bytes that stand in the native file as they are stored go from file to file inside the kernel; all others pass through
one bounded buffer. Digests are taken from what stands in the *written* file: of each array as soon as it is written,
in parallel threads, and of the whole file at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from candle_spec.atomic import Fs, Staging
from candle_spec.digests import Progress, digest_file, digest_range, no_progress
from candle_spec.errors import CorruptFileError
from candle_spec.weights.shards import GroupPlan, PlannedFile
from candle_spec.weights.sources import Bytes, verbatim


@dataclass(slots=True)
class Written:
    """What was written: a context that closes the files that are not synced yet.

    Attributes:
        sizes: Bytes of each file.
        file_digests: Digest of each file, still being computed.
        part_digests: Digest of each array, by file and key, still being computed.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    file_digests: dict[str, Future[str]] = field(default_factory=dict)
    part_digests: dict[tuple[str, str], Future[str]] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)
    _unsynced: list[BinaryIO] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def create(self, name: str, staging: Staging) -> BinaryIO:
        """Create a file that stays open until it is synced."""
        file = self._open.enter_context(staging.create(name))
        self._unsynced.append(file)
        return file

    def sync(self, fs: Fs) -> None:
        """Make all files durable: the disk works while other threads still compute digests."""
        for file in self._unsynced:
            fs.sync_file(file)
        self._unsynced.clear()
        self._open.close()


def write_groups(
    plans: Sequence[GroupPlan],
    staging: Staging,
    pool: ThreadPoolExecutor,
    written: Written,
    progress: Progress = no_progress,
) -> None:
    """Write the files of all groups into the staging folder; digests run on in ``pool``, syncing is left to the caller.

    Raises:
        CorruptFileError: A native file ended inside a tensor, or a reader gave another number of bytes than it said.
        OSError: The system refused to write.
    """
    for plan in plans:
        for file in plan.files:
            _write_file(file, staging, pool, written, progress)
        if plan.index_name:
            staging.write(plan.index_name, plan.index)
            written.sizes[plan.index_name] = len(plan.index)
            written.file_digests[plan.index_name] = pool.submit(digest_file, staging.path / plan.index_name)


def _write_file(
    planned: PlannedFile, staging: Staging, pool: ThreadPoolExecutor, written: Written, progress: Progress
) -> None:
    path = staging.path / planned.name
    with ExitStack() as stack:
        target = written.create(planned.name, staging)
        sources: dict[Path, BinaryIO] = {}
        staging.fs.write(target, planned.head)
        for key, entry in planned.header.entries.items():
            data = planned.parts[key].part.data
            _write_part(data, target, staging, sources, stack)
            written.part_digests[planned.name, key] = pool.submit(digest_range, path, entry.offset, entry.size)
            progress(entry.size)
        if target.tell() != planned.header.file_size:
            raise CorruptFileError(
                f"the tensors gave {target.tell()} bytes, not {planned.header.file_size}", location=planned.name
            )
        written.file_digests[planned.name] = pool.submit(digest_file, path)
    written.sizes[planned.name] = planned.header.file_size


def _write_part(
    data: Bytes, target: BinaryIO, staging: Staging, sources: dict[Path, BinaryIO], stack: ExitStack
) -> None:
    extents = verbatim(data)
    for extent in extents:
        if extent.path not in sources:
            sources[extent.path] = stack.enter_context(extent.path.open("rb", buffering=0))
        staging.fs.copy_range(sources[extent.path], extent.offset, extent.length, target)
    if extents:
        return
    for block in data.blocks():
        staging.fs.write(target, block)
