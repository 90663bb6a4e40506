"""Which tensor goes into which file: one for a group, or shards with an index, named as Hugging Face names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from candle_spec.canonical import pretty
from candle_spec.names import is_unicode
from candle_spec.weights import safetensors
from candle_spec.weights.sources import Part, TensorSource

SHARD_BYTES: Final = 5_000_000_000
"""Largest file unless one tensor alone is larger; the usual size in the field."""

_LONGEST_KEY: Final = 1000
"""Code points of a name above which a key is made up: readers of others bound what they take."""

PART_MARK: Final = "::"
"""Between a tensor's name and the name of a part in the key of an encoded tensor."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One array of a group: under which key of which file, for which tensor and part."""

    tensor: TensorSource
    part_name: str
    part: Part
    key: str
    file: str


@dataclass(slots=True)
class PlannedFile:
    """One safetensors file to write: its first bytes, its header, and its arrays by key."""

    name: str
    head: bytes
    header: safetensors.Header
    parts: Mapping[str, StoredPart]


@dataclass(slots=True)
class GroupPlan:
    """The files of one group and, for shards, the name and bytes of their index."""

    group: str
    files: list[PlannedFile] = field(default_factory=list)
    index_name: str = ""
    index: bytes = b""


def stored_parts(plans: Iterable[GroupPlan]) -> Iterator[StoredPart]:
    """Yield every array of some groups."""
    return (part for plan in plans for file in plan.files for part in file.parts.values())


def one_lot(tensor: TensorSource) -> int:
    """Put every tensor into the same lot."""
    return 0


def plan_group(
    group: str,
    tensors: Sequence[TensorSource],
    metadata: Mapping[str, str],
    shard_bytes: int = SHARD_BYTES,
    lot: Callable[[TensorSource], int] = one_lot,
    *,
    with_header: bool = False,
) -> GroupPlan:
    """Lay out the files of one group.

    Args:
        group: The group's id; the files are named after it.
        tensors: Its tensors; aliases are not stored.
        metadata: Strings for the header of every file.
        shard_bytes: Largest sum of tensor bytes in one file, unless one array alone is larger.
        lot: Number of the lot of a tensor: no file holds tensors of two lots.
        with_header: Let ``shard_bytes`` bound the file as a whole, its header included.
    """
    keyed = list(_keys(tensors))
    head_bytes = _head_bytes(metadata) if with_header else None
    lots = sorted({lot(tensor) for tensor, _, _, _ in keyed}) or [0]
    own = ([row for row in keyed if lot(row[0]) == wanted] for wanted in lots)
    bins = [rows for keyed_rows in own for rows in _bins(keyed_rows, shard_bytes, head_bytes)]
    plan = GroupPlan(group)
    for number, rows in enumerate(bins, start=1):
        name = f"{group}.safetensors" if len(bins) == 1 else f"{group}-{number:05d}-of-{len(bins):05d}.safetensors"
        arrays = [(key, part.dtype, part.shape) for _, _, part, key in rows]
        head, header = safetensors.layout(arrays, metadata)
        parts = {key: StoredPart(tensor, part_name, part, key, name) for tensor, part_name, part, key in rows}
        plan.files.append(PlannedFile(name, head, header, parts))
    if len(bins) > 1:
        plan.index_name = f"{group}.safetensors.index.json"
        plan.index = _index(plan.files)
    return plan


def _keys(tensors: Iterable[TensorSource]) -> Iterable[tuple[TensorSource, str, Part, str]]:
    """Give every stored part a key: the tensor's name, kept verbatim unless it is taken, reserved or no usable key."""
    stored = [tensor for tensor in tensors if tensor.alias_of is None]
    verbatim = {tensor.name for tensor in stored if tensor.encoding is None and _is_key(tensor.name)}
    taken = verbatim | {safetensors.METADATA}
    for index, tensor in enumerate(stored):
        for part_name, part in tensor.parts.items():
            if tensor.encoding is None and tensor.name in verbatim:
                yield tensor, part_name, part, tensor.name
                continue
            base = tensor.name if len(tensor.name) <= _LONGEST_KEY and is_unicode(tensor.name) else f"tensor-{index}"
            wanted = f"{base}{PART_MARK}{part_name}" if part_name else base
            key, number = wanted, 2
            while key in taken:
                key, number = f"{wanted}#{number}", number + 1
            taken.add(key)
            yield tensor, part_name, part, key


def _is_key(name: str) -> bool:
    return name != safetensors.METADATA and len(name) <= _LONGEST_KEY and is_unicode(name)


def _bins(
    rows: Sequence[tuple[TensorSource, str, Part, str]], shard_bytes: int, head_bytes: int | None
) -> list[list[tuple[TensorSource, str, Part, str]]]:
    """Fill files in the native order, so that neighbours stay together; always at least one file.

    Args:
        rows: The arrays.
        shard_bytes: Largest sum in one file.
        head_bytes: What a header takes without arrays; ``None`` where headers are not counted.
    """
    bins: list[list[tuple[TensorSource, str, Part, str]]] = [[]]
    filled = head_bytes or 0
    for row in rows:
        size = row[2].data.size + (0 if head_bytes is None else _entry_bytes(row[3], row[2]))
        if bins[-1] and filled + size > shard_bytes:
            bins.append([])
            filled = head_bytes or 0
        bins[-1].append(row)
        filled += size
    return bins


def _head_bytes(metadata: Mapping[str, str]) -> int:
    """The most bytes of a header without arrays: its length, its metadata, its padding."""
    return 8 + len(pretty({safetensors.METADATA: dict(metadata)})) + 8


def _entry_bytes(key: str, part: Part) -> int:
    """The most bytes that a header takes for one array; an offset has at most 16 digits (``limits.TENSOR_BYTES``)."""
    return len(pretty({key: {"dtype": part.dtype, "shape": list(part.shape), "data_offsets": [10**16, 10**16]}}))


def _index(files: Sequence[PlannedFile]) -> bytes:
    weight_map = {key: file.name for file in files for key in file.parts}
    total = sum(entry.size for file in files for entry in file.header.entries.values())
    return pretty({"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))})
