"""A reused, page-aligned copy of a training state: the training goes on while it is written.

The copy is laid out as the files will be: each file's header and tensors in place, each file at a page of its own, so
that the store can write it past the page cache without moving a byte again (:func:`file_image`).
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from candle_spec import parallel
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.weights.live import LiveBytes
from candle_spec.weights.shards import GroupPlan, PlannedFile
from candle_spec.weights.sources import Bytes, Extent, Part, TensorSource

if TYPE_CHECKING:
    import numpy.typing as npt

PAGE: Final = 4096
"""Alignment of every file's image: what writing past the page cache asks for."""

_CHUNK: Final = 16 << 20
"""Bytes that one thread copies at a time."""

_RESERVE: Final = 256 << 20
"""Memory that a snapshot leaves free for the training."""

Planner = Callable[[TrainingState], Sequence[GroupPlan]]
"""Says which files a state will be written to: the store's own plan."""


@dataclass(frozen=True, slots=True, eq=False)
class FileImage:
    """A file as it will stand on disk, in memory at a page boundary.

    Attributes:
        view: Its bytes and, after them, zeros up to the next page boundary.
        size: Its size.
    """

    view: memoryview
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class ImageBytes:
    """Bytes of a part inside the image of its file."""

    image: FileImage
    offset: int
    size: int

    @property
    def extents(self) -> tuple[Extent, ...]:
        return ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        if self.size:
            yield self.image.view[self.offset : self.offset + self.size]


def file_image(planned: PlannedFile) -> FileImage | None:
    """Return the image of a whole planned file if its parts already stand in one as the plan says, else ``None``."""
    image: FileImage | None = None
    for key, entry in planned.header.entries.items():
        data = planned.parts[key].part.data
        if not entry.size:
            continue
        if not isinstance(data, ImageBytes) or data.offset != entry.offset:
            return None
        if image is not None and data.image is not image:
            return None
        image = data.image
    fits = image is not None and image.size == planned.header.file_size
    return image if fits and image is not None and image.view[: len(planned.head)] == planned.head else None


@dataclass(frozen=True, slots=True)
class Frozen:
    """A state that no longer changes, or the live one where there was no room for a copy.

    Attributes:
        state: The state to save.
        why_live: Why nothing was copied; the state must then be saved before the training goes on. Empty if it was.
    """

    state: TrainingState
    why_live: str = ""


class Arena:
    """One snapshot at a time, in memory that is used again for the next one.

    Args:
        jobs: Threads that copy.
        available: Gives the bytes of memory that may still be used; replaced by tests.
    """

    def __init__(self, *, jobs: int | None = None, available: Callable[[], int] | None = None) -> None:
        self._jobs = parallel.jobs(jobs)
        self._available = available or available_memory
        self._map: mmap.mmap | None = None
        self._pool: ThreadPoolExecutor | None = None

    @property
    def size(self) -> int:
        """Bytes that the arena holds."""
        return len(self._map) if self._map is not None else 0

    def snapshot(self, state: TrainingState, plan: Planner) -> Frozen:
        """Copy a live state into the arena; what was there before is overwritten.

        Args:
            state: The live state.
            plan: The store's plan of its files.
        """
        files = [file for group in plan(state) for file in group.files]
        need = sum(_padded(file.header.file_size) for file in files)
        short = self._make_room(need)
        if short:
            return Frozen(state, short)
        moved: dict[tuple[str, str], dict[str, Part]] = {}
        copies: list[tuple[Bytes, npt.NDArray[Any]]] = []
        position = 0
        for file in files:
            image = self._image(file, position)
            position += len(image.view)
            copies += _copies(file, image, moved)
        self._run(copies)
        tensors = [_moved(tensor, moved) for tensor in state.contents.tensors]
        frozen = replace(state, contents=replace(state.contents, tensors=tensors))
        return Frozen(frozen)

    def close(self) -> None:
        """Give the memory back as soon as nobody uses it any more."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._map = None

    def _make_room(self, need: int) -> str:
        """Return why there is no room, or nothing."""
        if need <= self.size:
            return ""
        free = self._available() + self.size
        if need + _RESERVE > free:
            return f"a copy of the state takes {_mib(need)} MiB and {_mib(free)} MiB of memory are free"
        self._map = None  # the old one goes before the new one comes
        try:
            fresh = mmap.mmap(-1, max(_padded(need), PAGE))
        except (OSError, MemoryError, ValueError) as error:
            return f"the system gave no {_mib(need)} MiB of memory: {error}"
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):  # a kernel without huge pages: the first copy is a little slower, that is all
                fresh.madvise(mmap.MADV_HUGEPAGE)
        self._map = fresh
        return ""

    def _image(self, file: PlannedFile, position: int) -> FileImage:
        """Lay out one file from a position on: its header and the zeros behind it."""
        size = file.header.file_size
        whole = memoryview(self._map)[position : position + _padded(size)]  # type: ignore[arg-type]
        whole[: len(file.head)] = file.head
        whole[size:] = bytes(len(whole) - size)
        return FileImage(whole, size)

    def _run(self, copies: Sequence[tuple[Bytes, npt.NDArray[Any]]]) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._jobs, thread_name_prefix="candle-snapshot")
        for done in [self._pool.submit(_copy_all, lot) for lot in _lots(copies)]:
            done.result()


def _copies(
    file: PlannedFile, image: FileImage, moved: dict[tuple[str, str], dict[str, Part]]
) -> Iterator[tuple[Bytes, npt.NDArray[Any]]]:
    """Yield source and place of every part of a file, and note where it stands afterwards."""
    import numpy as np

    flat = np.frombuffer(image.view, np.uint8)
    for key, entry in file.header.entries.items():
        stored = file.parts[key]
        owner = moved.setdefault((stored.tensor.group, stored.tensor.name), {})
        owner[stored.part_name] = replace(stored.part, data=ImageBytes(image, entry.offset, entry.size))
        if entry.size:
            yield stored.part.data, flat[entry.offset : entry.offset + entry.size]


def _lots(copies: Iterable[tuple[Bytes, npt.NDArray[Any]]]) -> Iterator[list[tuple[Bytes, npt.NDArray[Any], int]]]:
    """Cut the work into lots of about one chunk: large tensors in pieces, small ones together."""
    lot: list[tuple[Bytes, npt.NDArray[Any], int]] = []
    filled = 0
    for data, target in copies:
        whole = not isinstance(data, LiveBytes) or not data.array.flags.c_contiguous
        step = len(target) if whole else _CHUNK
        for start in range(0, len(target), step):
            piece = target[start : start + step]
            lot.append((data, piece, start))
            filled += len(piece)
            if filled >= _CHUNK:
                yield lot
                lot, filled = [], 0
    if lot:
        yield lot


def _copy_all(lot: Sequence[tuple[Bytes, npt.NDArray[Any], int]]) -> None:
    for data, target, start in lot:
        if isinstance(data, LiveBytes):
            data.copy_to(target, start)
            continue
        position = 0
        for block in data.blocks():
            target.data[position : position + len(block)] = block
            position += len(block)


def _moved(tensor: TensorSource, moved: dict[tuple[str, str], dict[str, Part]]) -> TensorSource:
    parts = moved.get((tensor.group, tensor.name))
    # The parts keep their own order: it is the order in which they are described.
    return tensor if parts is None else replace(tensor, parts={name: parts[name] for name in tensor.parts})


def _padded(size: int) -> int:
    return -(-size // PAGE) * PAGE


def _mib(size: int) -> int:
    return size >> 20


def available_memory() -> int:
    """Return the bytes of memory that this process may still take: the system's, or less by the control group."""
    free = [_meminfo(), _cgroup()]
    return min((value for value in free if value is not None), default=1 << 62)


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # no Linux: the system itself will refuse what it has not
        return None
    row = next((line.split() for line in lines if line.startswith("MemAvailable:")), None)
    return int(row[1]) * 1024 if row else None


def _cgroup() -> int | None:
    """What the control group leaves (https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files)."""
    root = Path("/sys/fs/cgroup")
    try:
        limit = (root / "memory.max").read_text(encoding="ascii").strip()
        used = int((root / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no control group, or one of another kind: nothing limits us
        return None
    return None if limit == "max" else max(int(limit) - used, 0)
