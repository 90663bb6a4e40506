"""Digests of files and of arrays, computed side by side: hashing is what verification takes its time for.

The digest of a file and those of the arrays in it go over the same bytes. They are started together when level L3
asks for the first of them, so that two threads are busy from then on; level L4 finds the arrays' digests ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from candle_spec.digests import Progress, digest_file, no_progress
from candle_spec.weights import array_digests

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from candle_spec.weights.safetensors import Header

Known = Mapping[str | tuple[str, str], str]


class Digests:
    """Digests of one checkpoint, each computed once.

    Args:
        root: The checkpoint.
        jobs: Threads.
        known: Digests that the caller computed a moment ago, by path, and by path and key.
        progress: Called with bytes digested.
    """

    def __init__(self, root: Path, jobs: int, known: Known, progress: Progress = no_progress) -> None:
        self._root = root
        self._known = known
        self._jobs = jobs
        self._progress = progress
        self._running: dict[str, Future[str]] = {}
        self._arrays: dict[tuple[str, str], Future[dict[str, str]]] = {}

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        """The threads, made when the first digest is asked for."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(max_workers=self._jobs, thread_name_prefix="candle-spec")

    def start_file(self, path: str) -> None:
        """Begin the digest of a file."""
        if path not in self._running and path not in self._known:
            self._running[path] = self._pool.submit(digest_file, self._root / path, self._progress)

    def start_arrays(self, path: str, header: Header) -> None:
        """Begin the digests of all arrays of a weights file."""
        wanted = (entry for key, entry in header.entries.items() if (path, key) not in self._known)
        for lot in array_digests.lots(entry for entry in wanted if (path, entry.key) not in self._arrays):
            job = array_digests.start(self._pool, self._root / path, lot, self._progress)
            self._arrays |= {(path, entry.key): job for entry in lot}

    def file(self, path: str) -> str:
        """Return the digest of a file."""
        self.start_file(path)
        return self._known.get(path) or self._running[path].result()

    def array(self, path: str, header: Header, key: str) -> str:
        """Return the digest of an array."""
        if (path, key) in self._known:
            return self._known[path, key]
        if (path, key) not in self._arrays:
            self.start_arrays(path, header)
        return self._arrays[path, key].result()[key]

    def close(self) -> None:
        """Stop what is still running."""
        if self._running or self._arrays:
            self._pool.shutdown(wait=True, cancel_futures=True)
