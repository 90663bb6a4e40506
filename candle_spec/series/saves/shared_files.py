"""The files of one save: each is shared with an earlier checkpoint that holds it already, or else written."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from candle_spec.checkpoint.folder_writer import Passing
from candle_spec.series.live import arrays_key, file_key
from candle_spec.series.saves.holdings import Holdings
from candle_spec.series.saves.private_folder import READ_ONLY, PrivateFolder
from candle_spec.series.store import Store
from candle_spec.weights.shards import PlannedFile
from candle_spec.weights.writer import Written


class SharedFiles:
    """Shares or writes the files of one checkpoint: the ``Files`` of :mod:`candle_spec.checkpoint.folder_writer`.

    Args:
        store: The store.
        folder: The private folder.
        holdings: What is held already.
        is_quiet: Whether nothing of a file is expected to have changed: then it is digested before it is written.

    Attributes:
        written: Bytes written.
        shared: Bytes shared.
    """

    def __init__(
        self, store: Store, folder: PrivateFolder, holdings: Holdings, is_quiet: Callable[[PlannedFile], bool]
    ) -> None:
        self._store = store
        self._folder = folder
        self._holdings = holdings
        self._is_quiet = is_quiet
        self._digests: dict[str, str] = {}
        self._array_digests: dict[tuple[str, str], str] = {}
        self.written = 0
        self.shared = 0

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    def weights(self, file: PlannedFile) -> None:
        """Share or write one weights file."""
        writer = self._store.writable()
        digests = {key: writer.digest(part.part.data) for key, part in file.parts.items()}
        bring = self._bring_quiet if self._is_quiet(file) else self._bring_changing
        self._digests[file.name] = bring(file, digests)

    def _bring_quiet(self, file: PlannedFile, digests: dict[str, Future[str]]) -> str:
        """Look whether a file is held before it is written; return its digest."""
        key = self._taken(file, digests)
        digest = self._share_weights(key, file)
        if digest:
            return digest
        known = self._holdings.known(key)
        same = known is not None and _starts_with(known.path, file.head)
        _, digest = self._store.writable().write(file, self._folder, known=known.sha256 if known and same else "")
        self.written += file.header.file_size
        return digest

    def _bring_changing(self, file: PlannedFile, digests: dict[str, Future[str]]) -> str:
        """Write a file while its arrays are digested; return its digest."""
        target, digest = self._store.writable().write(file, self._folder)
        key = self._taken(file, digests)
        if self._holdings.known(key) is not None:
            return self._instead(key, file, target, digest)
        self.written += file.header.file_size
        return digest

    def _taken(self, file: PlannedFile, digests: dict[str, Future[str]]) -> str:
        """Wait for the digests of a file's arrays; return the key of its content."""
        taken = self._store.writable().finished(digests, file)
        self._array_digests |= {(file.name, key): digest for key, digest in taken.items()}
        parts = file.parts
        return arrays_key((key, parts[key].part.dtype, parts[key].part.shape, taken[key]) for key in parts)

    def _share_weights(self, key: str, file: PlannedFile) -> str:
        """Share a weights file if it is held already; return its digest, or ``""``."""
        target = self._folder.place(file.name)
        held = self._holdings.share(key, target, lambda path: _starts_with(path, file.head))
        if held is None:
            return ""
        self.shared += held.size
        self._make_durable(target)
        return held.sha256

    def _instead(self, key: str, file: PlannedFile, target: BinaryIO, digest: str) -> str:
        """Put the file that is held already in the place of the one just written, if it may be shared."""
        spare = replace(file, name=f"{file.name}.shared")
        shared = self._share_weights(key, spare)
        if not shared:
            self.written += file.header.file_size
            return digest
        self._folder.drop(file.name, target)
        self._store.fs.rename(self.path / spare.name, self.path / file.name)
        return shared

    def _make_durable(self, path: Path) -> None:
        """A shared file may come from a save that was not made durable."""
        if self._folder.durable and self._store.lax:
            with path.open("rb") as file:
                self._store.fs.sync_file(file)

    def file(self, name: str, data: Passing) -> None:
        """Share or write a file that fits into memory."""
        whole = b"".join(data)
        target = self._folder.place(name)
        if self._holdings.share(file_key(data.digest, data.size), target, lambda _: True):
            self.shared += data.size
            self._make_durable(target)
        else:
            self._folder.write(name, whole)
            self.written += data.size

    def own(self, name: str, data: Passing) -> None:
        """Write a file that no other checkpoint has, and make it durable."""
        with self._store.fs.open_new(self._folder.place(name), mode=READ_ONLY) as file:
            for block in data:
                self._store.fs.write(file, block)
            self._store.fs.sync_file(file)
        self.written += data.size

    def settle(self) -> Written:
        """Return the digests: all were waited for already."""
        return Written(self._digests, self._array_digests)


def _starts_with(path: Path, head: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(head)) == head
