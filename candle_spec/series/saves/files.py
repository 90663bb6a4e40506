"""The files of one save: each is shared with an earlier checkpoint that holds it already, or else written."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import BinaryIO

from candle_spec.checkpoint.code_files import START, kind_of_code
from candle_spec.checkpoint.contents import SideFile
from candle_spec.checkpoint.manifest_builder import FileRecord
from candle_spec.digests import digest_bytes
from candle_spec.series.live import arrays_key, file_key
from candle_spec.series.saves.shared_files import Sharing
from candle_spec.series.saves.staged import Staged
from candle_spec.series.store import Store
from candle_spec.weights.shards import PlannedFile


class SaveFiles:
    """Shares or writes the files of one checkpoint.

    Args:
        store: The store.
        staged: The private folder.
        sharing: What is held already.
        durable: Whether the save is made durable.

    Attributes:
        records: The files so far, for the manifest.
        digests: Digest of each array, by file and key.
        written: Bytes written.
        shared: Bytes shared.
    """

    def __init__(self, store: Store, staged: Staged, sharing: Sharing, *, durable: bool) -> None:
        self._store = store
        self._staged = staged
        self._sharing = sharing
        self._durable = durable
        self.records: list[FileRecord] = []
        self.digests: dict[tuple[str, str], str] = {}
        self.written = 0
        self.shared = 0

    def weights(self, file: PlannedFile, role: str, *, quiet: bool) -> None:
        """Share or write one weights file.

        Args:
            file: The file.
            role: Its role in the manifest.
            quiet: Whether nothing of it is expected to have changed: then it is digested before it is written.
        """
        writer = self._store.writable()
        digests = {key: writer.digest(part.part.data) for key, part in file.parts.items()}
        size = file.header.file_size
        if quiet:
            key = self._taken(file, digests)
            digest = self._shared(key, file)
            if not digest:
                known = self._sharing.known(key)
                same = known is not None and _starts_with(known.path, file.head)
                _, digest = writer.write(file, self._staged, known=known.sha256 if known and same else "")
                self.written += size
        else:
            target, digest = writer.write(file, self._staged)
            key = self._taken(file, digests)
            if self._sharing.known(key) is not None:
                digest = self._instead(key, file, target, digest)
            else:
                self.written += size
        self.records.append(FileRecord(file.name, size, digest, "application/vnd.safetensors", role))

    def _taken(self, file: PlannedFile, digests: dict[str, Future[str]]) -> str:
        """Wait for the digests of a file's arrays; return the key of its content."""
        taken = self._store.writable().finished(digests, file)
        self.digests |= {(file.name, key): digest for key, digest in taken.items()}
        parts = file.parts
        return arrays_key((key, parts[key].part.dtype, parts[key].part.shape, taken[key]) for key in parts)

    def _shared(self, key: str, file: PlannedFile) -> str:
        """Share a weights file if it is held already; return its digest, or ``""``."""
        target = self._staged.place(file.name)
        held = self._sharing.share(key, target, lambda path: _starts_with(path, file.head))
        if held is None:
            return ""
        self.shared += held.size
        self._make_durable(target)
        return held.sha256

    def _instead(self, key: str, file: PlannedFile, target: BinaryIO, digest: str) -> str:
        """Put the file that is held already in the place of the one just written, if it may be shared."""
        spare = PlannedFile(f"{file.name}.shared", file.head, file.header, file.parts)
        shared = self._shared(key, spare)
        if not shared:
            self.written += file.header.file_size
            return digest
        self._staged.drop(file.name, target)
        self._store.fs.rename(self._staged.path / spare.name, self._staged.path / file.name)
        return shared

    def _make_durable(self, path: Path) -> None:
        """A shared file may come from a save that was not made durable."""
        if self._durable and self._store.lax:
            with path.open("rb") as file:
                self._store.fs.sync_file(file)

    def side(self, side: SideFile, role: str) -> None:
        """Share or write a file beside the weights."""
        data = side.data if isinstance(side.data, bytes) else b"".join(bytes(block) for block in side.data.blocks())
        self.small(side.path, data, side.media_type, role)

    def small(self, name: str, data: bytes, media_type: str, role: str) -> None:
        """Share or write a file whose bytes are at hand."""
        digest = digest_bytes(data)
        target = self._staged.place(name)
        shared = self._sharing.share(file_key(digest, len(data)), target, lambda _: True)
        if shared:
            self.shared += len(data)
            self._make_durable(target)
        else:
            self._staged.write(name, data)
            self.written += len(data)
        self.records.append(FileRecord(name, len(data), digest, media_type, role))


def _starts_with(path: Path, head: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(head)) == head


def payload_role(side: SideFile) -> str:
    """Return the role of a file that is the model: one that could run when it is opened is code (CS-081)."""
    start = side.data[:START] if isinstance(side.data, bytes) else b""
    return "code" if kind_of_code(side.path, start) else "payload"
