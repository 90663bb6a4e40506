"""Lay out the weights files of a finished checkpoint anew: plans for the writer, and the manifest that fits them.

Which array holds which tensor changes; no tensor, name, dtype, alias or digest does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.file_record import FileRecord, file_rows
from candle_spec.checkpoint.inventory import StoredArray, Tensor
from candle_spec.checkpoint.layout import pointer_target
from candle_spec.errors import CorruptFileError, InvalidInputError, LimitExceededError
from candle_spec.weights.safetensors import Header, read_header
from candle_spec.weights.shards import GroupPlan, plan_group, stored_parts
from candle_spec.weights.sources import Encoding, FileBytes, Part, TensorSource

Place = tuple[str, str]
"""A weights file and a key in it."""


@dataclass(slots=True)
class Relayout:
    """The new layout of a checkpoint's weights.

    Attributes:
        checkpoint: The checkpoint as it is.
        plans: The new files of each group.
        replaced: Paths of the old weights files and their indexes.
        moved: Where each array goes, by where it is.
        stated: The digest of each array that the manifest states, by where it goes.
    """

    checkpoint: Checkpoint
    plans: list[GroupPlan] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    moved: dict[Place, Place] = field(default_factory=dict)
    stated: dict[Place, str] = field(default_factory=dict)

    def manifest(self, records: Iterable[FileRecord]) -> dict[str, Any]:
        """Return the manifest for the new layout, without a seal.

        Args:
            records: The files that were written anew: weights, their indexes, and what names them.
        """
        old = self.checkpoint.manifest
        kept = [row for row in old["files"] if row["path"] not in self.replaced]
        groups = [self._group(group) for group in old["weights"]["groups"]]
        described = {**old["weights"], "groups": groups}
        if "tensors" in described:
            described["tensors"] = self.entries(described["tensors"])
        made = {**old, "files": file_rows(records, kept), "weights": described}
        made.pop("manifest_digest", None)
        return made

    def entries(self, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows of an inventory with the new place of each array."""
        return [self._entry(entry) for entry in entries]

    def _entry(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        if "encoding" in entry:
            parts = {name: self._stored(part, part["key"]) for name, part in entry["encoding"]["parts"].items()}
            return {**entry, "encoding": {**entry["encoding"], "parts": parts}}
        if "alias_of" in entry:
            return dict(entry)
        made = self._stored(entry, entry.get("key", entry["name"]))
        if made["key"] == entry["name"]:
            del made["key"]
        return made

    def _stored(self, about: Mapping[str, Any], key: str) -> dict[str, Any]:
        file, new_key = self.moved[about["file"], key]
        return {**about, "file": file, "key": new_key}

    def _group(self, group: Mapping[str, Any]) -> dict[str, Any]:
        plan = next(plan for plan in self.plans if plan.group == group["id"])
        made = {**group, "files": [file.name for file in plan.files]}
        made.pop("index", None)
        return {**made, "index": plan.index_name} if plan.index_name else made


def relayout(checkpoint: Checkpoint, shard_bytes: int) -> Relayout:
    """Lay out a checkpoint's weights in files of at most ``shard_bytes`` bytes, headers included.

    Raises:
        InvalidInputError: It holds no tensors, or its weights are not here.
        LimitExceededError: A single tensor is larger.
        CorruptFileError: A weights file and the inventory do not hold the same arrays.
    """
    groups = checkpoint.manifest["weights"].get("groups", [])
    if not groups:
        raise InvalidInputError(
            "the checkpoint holds no tensors: there are no files to cut", location=str(checkpoint.path)
        )
    made = Relayout(checkpoint)
    headers = {file: _header(checkpoint, file) for group in groups for file in group["files"]}
    _same_arrays(checkpoint, headers)
    for group in groups:
        rows = [tensor for tensor in checkpoint.tensors if tensor.group == group["id"]]
        metadata = headers[group["files"][0]].metadata if group["files"] else {}
        sources = [_source(checkpoint, tensor, headers) for tensor in rows]
        plan = plan_group(group["id"], sources, metadata, shard_bytes, with_header=True)
        _refuse_larger(plan, shard_bytes, checkpoint)
        made.plans.append(plan)
        made.replaced |= {*group["files"], *([group["index"]] if "index" in group else [])}
    by_name = {(tensor.group, tensor.name): tensor for tensor in checkpoint.tensors}
    for part in stored_parts(made.plans):
        old = by_name[part.tensor.group, part.tensor.name].arrays[part.part_name]
        made.moved[old.file, old.key] = part.file, part.key
        made.stated[part.file, part.key] = old.digest
    return made


def _header(checkpoint: Checkpoint, file: str) -> Header:
    if any(row["path"] == file and "withheld" in row for row in checkpoint.manifest["files"]):
        raise InvalidInputError("the weights file is withheld: it is not here", location=file)
    path = checkpoint.file(file)
    if pointer_target(path) is not None:
        raise InvalidInputError(
            "the weights file was not fetched: a pointer stands in its place", location=str(path), hint="git lfs pull"
        )
    return read_header(path)


def _same_arrays(checkpoint: Checkpoint, headers: Mapping[str, Header]) -> None:
    """Refuse files with arrays that no tensor names, and tensors that name arrays of no file: one would be lost."""
    named = {(array.file, array.key) for tensor in checkpoint.tensors for array in tensor.arrays.values()}
    stored = {(file, key) for file, header in headers.items() for key in header.entries}
    if named != stored:
        file, key = sorted(named ^ stored)[0]
        raise CorruptFileError(
            f"inventory and weights files hold other arrays, the first: {key!r} of {file}",
            location=str(checkpoint.path),
            hint="candle-spec validate names them all",
            code="CKP4020",
        )


def _source(checkpoint: Checkpoint, tensor: Tensor, headers: Mapping[str, Header]) -> TensorSource:
    return TensorSource(
        group=tensor.group,
        name=tensor.name,
        dtype=tensor.dtype,
        shape=tensor.shape,
        parts={name: _part(checkpoint, array, headers[array.file]) for name, array in tensor.arrays.items()},
        encoding=Encoding(tensor.encoding, tensor.params) if tensor.encoding else None,
        alias_of=tensor.alias_of,
    )


def _part(checkpoint: Checkpoint, array: StoredArray, header: Header) -> Part:
    entry = header.entries[array.key]
    return Part(entry.dtype, entry.shape, FileBytes(checkpoint.file(array.file), entry.offset, entry.size))


def _refuse_larger(plan: GroupPlan, shard_bytes: int, checkpoint: Checkpoint) -> None:
    for file in plan.files:
        if file.header.file_size > shard_bytes and file.parts:
            largest = max(file.parts.values(), key=lambda part: part.part.data.size)
            raise LimitExceededError(
                f"the tensor {largest.tensor.name!r} alone takes a file of {file.header.file_size} bytes, more than "
                f"{shard_bytes}: a tensor is never cut",
                location=f"{checkpoint.path} group {plan.group}",
                hint="allow larger files",
            )
