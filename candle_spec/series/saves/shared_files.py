"""The files of one save: each is shared with an earlier checkpoint that holds it already, or else written."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from candle_spec.checkpoint.file_content import FileContent
from candle_spec.checkpoint.file_record import head_of
from candle_spec.checkpoint.folder_writer import Passing
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
        if self._is_quiet(file):
            if not self._share_weights(self._taken(file, digests), file):
                writer.write(file, self._folder)
                self.written += file.header.file_size
            return
        target = writer.write(file, self._folder)  # while its arrays are digested
        key = self._taken(file, digests)
        if not (self._holdings.holds(key) and self._instead(key, file, target)):
            self.written += file.header.file_size

    def _taken(self, file: PlannedFile, digests: dict[str, Future[str]]) -> str:
        """Wait for the digests of a file's arrays; return the key of its content."""
        taken = self._store.writable().finished(digests, file)
        self._array_digests |= {(file.name, key): digest for key, digest in taken.items()}
        return FileContent(file.header.file_size, "", head_of(file.head), taken).key

    def _share_weights(self, key: str, file: PlannedFile) -> bool:
        """Share a weights file if it is held already."""
        target = self._folder.place(file.name)
        held = self._holdings.share(key, target, lambda path: _starts_with(path, file.head))
        if held is None:
            return False
        self.shared += held.size
        self._make_durable(target)
        return True

    def _instead(self, key: str, file: PlannedFile, target: BinaryIO) -> bool:
        """Put the file that is held already in the place of the one just written, if it may be shared."""
        spare = replace(file, name=f"{file.name}.shared")
        if not self._share_weights(key, spare):
            return False
        self._folder.drop(file.name, target)
        self._store.fs.rename(self.path / spare.name, self.path / file.name)
        return True

    def _make_durable(self, path: Path) -> None:
        """A shared file may come from a save that was not made durable."""
        if self._folder.durable and self._store.lax:
            with path.open("rb") as file:
                self._store.fs.sync_file(file)

    def file(self, name: str, data: Passing) -> None:
        """Share or write a file that fits into memory."""
        whole = b"".join(data)
        target = self._folder.place(name)
        if self._holdings.share(FileContent(data.size, data.digest).key, target, lambda _: True):
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
        return Written(self._array_digests)


def _starts_with(path: Path, head: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(head)) == head
