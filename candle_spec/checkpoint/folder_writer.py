"""The one way in which a checkpoint's folder is written, whoever makes it: a conversion, a re-sharding, a save.

Every file that comes into the folder leaves its record here, which says its role, size and digest; the manifest, which
lists them, comes last. How bytes come into the folder is not said here but by :class:`Files`: streamed into a staging
folder (:class:`candle_spec.weights.writer.StreamedFiles`), or shared with a checkpoint that holds them already
(:class:`candle_spec.series.saves.shared_files.SharedFiles`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.code_files import START
from candle_spec.checkpoint.contents import Contents, SideFile
from candle_spec.checkpoint.file_record import (
    JSON,
    SAFETENSORS,
    FileRecord,
    file_rows,
    group_role,
    head_of,
    payload_role,
)
from candle_spec.checkpoint.large_values import moved_out
from candle_spec.checkpoint.layout import INVENTORY, MANIFEST, STATE
from candle_spec.checkpoint.manifest_builder import Inputs, build, is_apart, tensor_entries
from candle_spec.weights.shards import GroupPlan, PlannedFile
from candle_spec.weights.writer import Written

Blocks = Iterable[bytes | memoryview]
"""Bytes in pieces; a piece is valid until the next one is asked for."""


class Passing:
    """Bytes on their way into a file, once: what they are is known when all of them have passed.

    Args:
        blocks: The bytes.

    Attributes:
        size: How many have passed.
        start: The first of them, as many as tell code from data.
    """

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._state = hashlib.sha256()
        self.size = 0
        self.start = b""

    def __iter__(self) -> Iterator[bytes | memoryview]:
        for block in self._blocks:
            self._state.update(block)
            self.size += len(block)
            if len(self.start) < START:
                self.start += bytes(block[: START - len(self.start)])
            yield block

    @property
    def digest(self) -> str:
        """The digest of what has passed."""
        return "sha256:" + self._state.hexdigest()


class Files(Protocol):
    """How files come into the private folder of a new checkpoint."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    def weights(self, file: PlannedFile) -> None:
        """Bring a weights file in; its digests may still be on their way."""
        ...

    def file(self, name: str, data: Passing) -> None:
        """Bring any other file in; it may be one that another checkpoint holds already."""
        ...

    def own(self, name: str, data: Passing) -> None:
        """Write a file that is this checkpoint's alone, piece by piece; it is durable when this returns."""
        ...

    def settle(self) -> Written:
        """Wait for the weights files brought in so far and return their digests."""
        ...


class FolderWriter:
    """Writes the folder of one checkpoint.

    Args:
        files: How files come into it.

    Attributes:
        records: A record of each file so far.
        part_digests: Digest of each array, by file and key, as far as :meth:`settle` has waited for them.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._begun: list[tuple[PlannedFile, str, str]] = []
        self._copied: dict[str, str] = {}
        self.records: list[FileRecord] = []
        self.part_digests: dict[tuple[str, str], str] = {}

    @property
    def path(self) -> Path:
        """The folder, which is private as yet."""
        return self._files.path

    @property
    def known_digests(self) -> dict[str | tuple[str, str], str]:
        """Digests of files by path, and of arrays by file and key: nobody needs to take them again."""
        known: dict[str | tuple[str, str], str] = {each.path: each.digest for each in self.records if each.digest}
        return known | self._copied | self.part_digests

    # Files

    def weights(self, plans: Sequence[GroupPlan], like: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Begin the weights files of all groups, with their indexes; :meth:`settle` waits for them.

        Args:
            plans: The files.
            like: Rows by group: its files get the role and the media type that such a row of an earlier manifest has.
        """
        for plan in plans:
            row = (like or {}).get(plan.group, {})
            media_type, role = row.get("media_type", SAFETENSORS), row.get("role", group_role(plan.group))
            for file in plan.files:
                self._files.weights(file)
                self._begun.append((file, media_type, role))
            if plan.index_name:
                self.file(plan.index_name, [plan.index], JSON, "index")

    def settle(self) -> None:
        """Wait for the weights files that were begun, and record them."""
        written = self._files.settle()
        self.part_digests |= written.arrays
        self.records += [
            FileRecord(
                file.name, file.header.file_size, written.files.get(file.name, ""), media_type, role, head_of(file.head)
            )
            for file, media_type, role in self._begun
        ]
        self._begun.clear()

    def contents(self, contents: Contents) -> None:
        """Bring in everything that stands beside the weights: side files, payload, state tree."""
        for side in contents.side_files:
            self.side(side)
        for side in contents.payload:
            data = self._bring(side.path, _blocks(side))
            self._record(side.path, data, side.media_type, payload_role(side.path, data.start))
        for path, document in state_documents(contents).items():
            self.file(path, [document], JSON, "state-tree")

    def side(self, side: SideFile) -> None:
        """Bring in a file beside the weights."""
        self.file(side.path, _blocks(side), side.media_type, side.role)

    def file(self, path: str, blocks: Blocks, media_type: str, role: str) -> None:
        """Bring in a file."""
        self._record(path, self._bring(path, blocks), media_type, role)

    def own(self, path: str, blocks: Blocks, media_type: str, role: str) -> None:
        """Write a file that is this checkpoint's alone, however large; it is durable when this returns."""
        data = Passing(blocks)
        self._files.own(path, data)
        self._record(path, data, media_type, role)

    def document(self, path: str, schema: str, members: Mapping[str, Any], role: str) -> None:
        """Write a JSON document of the format."""
        self.file(path, [manifest_file.document(schema, members)], JSON, role)

    def copy(self, path: str, blocks: Blocks) -> str:
        """Bring in a file of an earlier checkpoint, whose row stays as it is; return its digest."""
        self._copied[path] = self._bring(path, blocks).digest
        return self._copied[path]

    def _bring(self, path: str, blocks: Blocks) -> Passing:
        data = Passing(blocks)
        self._files.file(path, data)
        return data

    def _record(self, path: str, data: Passing, media_type: str, role: str) -> None:
        self.records.append(FileRecord(path, data.size, data.digest, media_type, role))

    # The manifest

    def manifest(
        self, contents: Contents, plans: Sequence[GroupPlan], conversion: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the manifest of what was written, and its inventory, which is written if it is a file of its own.

        Args:
            contents: What the checkpoint holds.
            plans: Its weights files.
            conversion: The certificate; empty where nothing was converted.
        """
        inputs = Inputs(contents, plans, self.part_digests, self.records, dict(conversion))
        entries = tensor_entries(inputs)
        if is_apart(entries):
            self.document(INVENTORY, "tensors", {"tensors": entries}, "tensor-inventory")
        return build(inputs, entries), entries

    def finish(self, manifest: dict[str, Any], *, sealed: bool) -> dict[str, Any]:
        """Write the manifest, after everything that it lists, and return it; what is too large for it is a file.

        Args:
            manifest: The manifest.
            sealed: Whether it gets a seal.
        """
        manifest, documents = moved_out(manifest, [row["path"] for row in manifest["files"]])
        for path, data in documents.items():
            self.file(path, [data], JSON, "document")
        if documents:
            manifest["files"] = file_rows((one for one in self.records if one.path in documents), manifest["files"])
        if sealed:
            manifest["manifest_digest"] = manifest_file.manifest_digest(manifest)
        self._bring(MANIFEST, [manifest_file.dump(manifest)])
        return manifest


def _blocks(side: SideFile) -> Blocks:
    return [side.data] if isinstance(side.data, bytes) else side.data.blocks()


def state_documents(contents: Contents) -> dict[str, bytes]:
    """Return the documents of the training state, by path: the state tree, where there is one."""
    if contents.state is None:
        return {}
    return {STATE: manifest_file.document("state-tree", {"tree": contents.state})}
