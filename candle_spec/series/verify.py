"""Verify checkpoints of a series: every byte of every file against the digests of the sealed manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from candle_spec import parallel
from candle_spec.checkpoint.layout import RESERVED, tolerated, walk
from candle_spec.digests import digest_file
from candle_spec.errors import CandleSpecError
from candle_spec.series.live import Held, Live, inode, read_live, reason


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
    _known: dict[tuple[int, int] | None, str] = field(default_factory=dict)

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
        wanted = {name: (held, inode(held.path)) for name, held in files.items()}
        # The largest first: the threads end together then.
        ordered = sorted(wanted.items(), key=lambda item: -item[1][0].size)
        running = {
            name: self.pool.submit(digest_file, held.path)
            for name, (held, identity) in ordered
            if self.pool is not None and identity not in self._known
        }
        for name, (held, identity) in wanted.items():
            try:
                known = running[name].result() if name in running else self._known.get(identity)
                digest = known or digest_file(held.path)
            except OSError as error:
                yield name, f"it cannot be read: {error.strerror or error}"
                continue
            if identity is not None:
                self._known[identity] = digest
            if digest != held.sha256:
                yield name, "its sha256 differs from the manifest: it was changed after it was written"


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
