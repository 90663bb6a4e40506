"""Verify checkpoints of a series: every byte of every file against the digests of the sealed manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from candle_spec import parallel
from candle_spec.checkpoint.file_content import Range
from candle_spec.checkpoint.layout import RESERVED, tolerated, walk
from candle_spec.errors import CandleSpecError
from candle_spec.series.live import Held, Live, inode, read_live, reason

CHANGED: Final = "its sha256 differs from the manifest"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a checkpoint.

    Attributes:
        path: The checkpoint.
        file: The file, ``""`` for the checkpoint as a whole.
        message: What is wrong.
    """

    path: Path
    file: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.message}" if self.file else self.message


@dataclass(slots=True)
class Verifier:
    """Verifies checkpoints; a file that several share is read once."""

    pool: ThreadPoolExecutor | None
    _known: dict[tuple[tuple[int, int], str], str] = field(default_factory=dict)

    def faults(self, path: Path) -> list[Fault]:
        """Return all that is wrong with the checkpoint at ``path``."""
        try:
            live = read_live(path)
        except (CandleSpecError, OSError, KeyError, TypeError, AttributeError) as error:
            return [Fault(path, "", reason(error))]
        wrong = [Fault(path, name, message) for name, message in self._files(live.files)]
        listed = live.files.keys() | RESERVED
        extra = [found.path for found in walk(path) if found.path not in listed and not tolerated(path, found.path)]
        return wrong + [Fault(path, name, "it is not listed in the manifest") for name in extra]

    def _files(self, files: Mapping[str, Held]) -> Iterator[tuple[str, str]]:
        # The largest first: the threads end together then.
        begun = [(name, self._begin(held)) for name, held in sorted(files.items(), key=lambda item: -item[1].size)]
        for name, fault in begun:
            if message := fault():
                yield name, message

    def _begin(self, held: Held) -> Callable[[], str]:
        """Begin to read a file; what is returned waits for it and says what is wrong with it, or ``""``."""
        identity = inode(held.path)
        key = (identity, held.content.key) if identity is not None else None
        if key in self._known:
            return lambda: self._known[key]
        try:
            running = [self._submit(piece, held.path) for piece in held.content.ranges(held.path)]
        except (CandleSpecError, OSError) as error:
            message = _message(error)
            return lambda: message

        def fault() -> str:
            try:
                right = all(one() for one in running)
                message = "" if right else f"{CHANGED}: it was changed after it was written"
            except (CandleSpecError, OSError) as error:
                message = _message(error)
            if key is not None:
                self._known[key] = message
            return message

        return fault

    def _submit(self, piece: Range, path: Path) -> Callable[[], bool]:
        if self.pool is None:
            return lambda: piece.is_right(path)
        return self.pool.submit(piece.is_right, path).result


def _message(error: CandleSpecError | OSError) -> str:
    if isinstance(error, OSError) and not isinstance(error, CandleSpecError):
        return f"it cannot be read: {error.strerror or error}"
    return f"{CHANGED}: {error.message}" if isinstance(error, CandleSpecError) else str(error)


@contextmanager
def verifier(jobs: int | None = None) -> Iterator[Verifier]:
    """Give a verifier; with one thread, the caller's."""
    if parallel.jobs(jobs) == 1:
        yield Verifier(None)
        return
    with ThreadPoolExecutor(parallel.jobs(jobs), "candle-spec-verify") as pool:
        yield Verifier(pool)


def faults_of(path: Path, jobs: int | None = None) -> list[Fault]:
    """Return all that is wrong with one checkpoint."""
    with verifier(jobs) as checker:
        return checker.faults(path)


def verify(lives: Iterable[Live], jobs: int | None = None) -> list[Fault]:
    """Return all that is wrong with several checkpoints."""
    with verifier(jobs) as checker:
        return [fault for live in lives for fault in checker.faults(live.path)]
