"""The files of a publication: those of a checkpoint that are published, and the record's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.later_evaluations import later_files
from candle_spec.checkpoint.layout import MANIFEST, SIGNATURE
from candle_spec.checkpoint.publication import left_out, published_manifest
from candle_spec.digests import BLOCK


@dataclass(frozen=True)
class Item:
    """One file to send.

    Attributes:
        path: Its name in the repository.
        local: Where it is; ``None`` where ``data`` is its content.
        data: Content that stands in no file: a record, a manifest that marks what was left out.
    """

    path: str
    local: Path | None = None
    data: bytes = b""

    @cached_property
    def size(self) -> int:
        """Bytes."""
        return self.local.stat().st_size if self.local else len(self.data)

    def blocks(self) -> Iterator[bytes]:
        """Yield the content."""
        if self.local is None:
            yield self.data
            return
        with self.local.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                yield block

    @cached_property
    def _digests(self) -> tuple[str, str, str]:
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        blob = hashlib.sha1(f"blob {self.size}\0".encode(), usedforsecurity=False)
        for block in self.blocks():
            for state in (sha256, md5, blob):
                state.update(block)
        return sha256.hexdigest(), md5.hexdigest(), blob.hexdigest()

    @property
    def sha256(self) -> str:
        """SHA-256 of the content, as Hugging Face knows large files."""
        return self._digests[0]

    @property
    def md5(self) -> str:
        """MD5 of the content, as Zenodo knows files."""
        return self._digests[1]

    @property
    def git_blob(self) -> str:
        """Identity of the content in git (SHA-1 with its header), as Hugging Face knows small files."""
        return self._digests[2]


def bundle(
    checkpoint: Checkpoint,
    record: Mapping[str, bytes],
    *,
    with_original: bool = False,
    native: Mapping[str, Path] | None = None,
) -> list[Item]:
    """Return what is published of a checkpoint, the manifest last.

    Args:
        checkpoint: The checkpoint.
        record: The record's files by path.
        with_original: Whether ``original/`` goes along; else the manifest says that it was withheld.
        native: Restored native files by the name that they get.
    """
    kept_back = left_out(checkpoint.document, with_original=with_original)
    rows = [row["path"] for row in checkpoint.document["files"] if "withheld" not in row]
    items = [Item(path, data=data) for path, data in record.items()]
    items += [Item(path, checkpoint.file(path)) for path in rows if path not in kept_back]
    items += [Item(name, path) for name, path in (native or {}).items()]
    items += [Item(path, checkpoint.file(path)) for path in later_files(checkpoint.path, rows)]
    if kept_back or checkpoint.complete_document is not checkpoint.document:
        return [*items, Item(MANIFEST, data=published_manifest(checkpoint, kept_back))]
    if (checkpoint.path / SIGNATURE).is_file():
        items.append(Item(SIGNATURE, checkpoint.path / SIGNATURE))
    return [*items, Item(MANIFEST, checkpoint.path / MANIFEST)]
