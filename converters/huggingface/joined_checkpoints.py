"""Several native files, each read by its own converter, joined to one checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from candle_spec.conversion.contract import Group, Native
from candle_spec.converters._shared.folders.inner import take_over
from candle_spec.names import from_json, to_json
from candle_spec.pointer import join
from candle_spec.weights import state_tree
from candle_spec.weights.sources import Bytes, Extent, TensorSource


@dataclass(slots=True)
class TwinBytes:
    """Bytes that may stand a second time, in another native file: compared when it matters, then stored once.

    Attributes:
        data: The bytes that are stored.
        twin: Bytes of the same length that are perhaps the same.
    """

    data: Bytes
    twin: Bytes
    _equal: bool | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def extents(self) -> tuple[Extent, ...]:
        if self._equal is None:
            self._equal = _digest(self.data) == _digest(self.twin)
        return (*self.data.extents, *(self.twin.extents if self._equal else ()))

    def blocks(self) -> Iterator[bytes | memoryview]:
        return self.data.blocks()


def _digest(data: Bytes) -> bytes:
    state = hashlib.sha256()
    for block in data.blocks():
        state.update(block)
    return state.digest()


def with_twins(tensors: list[TensorSource], others: list[TensorSource]) -> tuple[list[TensorSource], int]:
    """Let tensors of another file stand for the same bytes, by name, dtype and shape; return how many may be twins."""
    known = {tensor.name: tensor for tensor in others if tensor.alias_of is None and tensor.encoding is None}
    found: list[TensorSource] = []
    count = 0
    for tensor in tensors:
        other = known.get(tensor.name)
        if other is None or tensor.encoding or tensor.alias_of or _form(other) != _form(tensor):
            found.append(tensor)
            continue
        part = tensor.parts[""]
        found.append(replace(tensor, parts={"": replace(part, data=TwinBytes(part.data, other.parts[""].data))}))
        count += 1
    return found, count


def _form(tensor: TensorSource) -> tuple[str, tuple[int, ...]]:
    return tensor.dtype, tensor.shape


class Joined:
    """Adds native checkpoints to one, each with its state under a key of its own."""

    def __init__(self, native: Native) -> None:
        self._native = native
        self._states: list[tuple[str, Any]] = []

    def add(self, other: Native, key: str, group_of: Callable[[Group], str]) -> list[TensorSource]:
        """Add a checkpoint; return its tensors as they are named now.

        Args:
            other: The checkpoint.
            key: Its key in the state tree.
            group_of: Gives the new id of each of its groups.
        """
        native = self._native
        ids = {group.id: group_of(group) for group in other.groups}
        several = {new for new in ids.values() if list(ids.values()).count(new) > 1}
        known = {group.id: number for number, group in enumerate(native.groups)}
        for group in other.groups:
            new = ids[group.id]
            if new in known:  # names of several roots: they share the whole alone
                native.groups[known[new]] = replace(native.groups[known[new]], root="")
                continue
            known[new] = len(native.groups)
            root = join((key,)) + group.root if other.state is not None else ""
            native.groups.append(Group(new, new.partition(".")[0], root))

        def moved(group: str, name: str) -> tuple[str, str]:
            new = ids.get(group, group)
            return new, f"{group}/{name}" if new in several else name

        tensors = [_renamed(tensor, moved) for tensor in other.tensors]
        native.tensors += tensors
        if other.state is not None:
            self._states.append((key, _moved_tree(other.state, moved, len(self._states))))
        self._native.side_files += other.side_files
        self._native.payload += other.payload
        take_over(self._native, other)
        return tensors

    def add_state(self, key: str, tree: Any) -> None:
        """Add a state tree that refers to no tensors and to no other place in itself."""
        self._states.append((key, tree))

    def finish(self) -> None:
        """Put the states together."""
        if self._states:
            self._native.state = state_tree.mapping(self._states)


def _renamed(tensor: TensorSource, moved: Callable[[str, str], tuple[str, str]]) -> TensorSource:
    group, name = moved(tensor.group, tensor.name)
    target = moved(*tensor.alias_of) if tensor.alias_of is not None else None
    return replace(tensor, group=group, name=name, alias_of=target)


def _moved_tree(tree: Any, moved: Callable[[str, str], tuple[str, str]], place: int) -> Any:
    """Return a tree as a value of a mapping: its references to tensors and to places in itself follow."""
    before = f"/$dict/{place}/1"
    done: list[Any] = []
    open_nodes: list[tuple[Any, Callable[[Any], None]]] = [(tree, done.append)]  # no recursion: trees may be deep
    while open_nodes:
        node, put = open_nodes.pop()
        if isinstance(node, list):
            made: list[Any] = [None] * len(node)
            put(made)
            open_nodes += [(item, _Setter(made, index)) for index, item in enumerate(node)]
        elif isinstance(node, dict):
            copied = _reference(node, moved, before)
            put(copied)
            inner = {
                key: value for key, value in copied.items() if isinstance(value, (dict, list)) and key != "$tensor"
            }
            open_nodes += [(value, _Setter(copied, key)) for key, value in inner.items()]
        else:
            put(node)
    return done[0]


def _reference(node: Mapping[str, Any], moved: Callable[[str, str], tuple[str, str]], before: str) -> dict[str, Any]:
    copied = dict(node)
    if "$tensor" in copied:
        of, named = copied["$tensor"]
        group, name = moved(of, from_json(named))
        copied["$tensor"] = [group, to_json(name)]
    if isinstance(copied.get("$ref"), str):
        copied["$ref"] = before + copied["$ref"]
    return copied


@dataclass(frozen=True, slots=True)
class _Setter:
    holder: Any
    key: Any

    def __call__(self, value: Any) -> None:
        self.holder[self.key] = value
