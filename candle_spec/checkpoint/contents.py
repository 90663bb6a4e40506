"""What a new checkpoint is made of, whoever makes it: a conversion, or a training that saves its state.

:class:`Contents` says everything but the bytes of the tensors, which stream from their sources when they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from candle_spec.weights.shards import GroupPlan, one_lot, plan_group
from candle_spec.weights.sources import Bytes, TensorSource

LONGEST_LINE: Final = 2000
"""Characters of a line of text in a manifest."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tensors that belong together.

    Attributes:
        id: ``kind`` or ``kind.key`` (``model``, ``optimizer.0``, ``model.encoder``).
        kind: ``model``, ``optimizer``, ``scheduler``, ``ema``, ``metric``, ``rng``, ``derived``, ``other``, ….
        root: JSON Pointer of its root in the native structure (``""`` for the whole).
    """

    id: str
    kind: str
    root: str = ""


@dataclass(frozen=True, slots=True)
class SideFile:
    """A file to put beside the weights: topology, artifact or payload.

    Attributes:
        path: Its path in the checkpoint, portable.
        data: Its bytes: in memory if few, else streamed. What stands in a native file is stored once: the byte-exact
            restore takes it from here.
        media_type: Its media type.
        role: Its role in ``files``; of a payload, what it is to the model (``"booster"``).
    """

    path: str
    data: bytes | Bytes
    media_type: str
    role: str

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.data) if isinstance(self.data, bytes) else self.data.size


@dataclass(frozen=True, slots=True)
class Field:
    """One value for the manifest and where it came from.

    Attributes:
        pointer: JSON Pointer in the manifest.
        value: The value, JSON.
        source: ``"file"``, ``"config"``, ``"path"``, ``"environment"``, ``"user"`` or ``"inferred"``.
        detail: Which file and place.
    """

    pointer: str
    value: Any
    source: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class InertPickle:
    """A pickle in a native file, which nothing here ran: the names it would have imported and called."""

    file: str
    member: str
    imports: tuple[str, ...]
    unknown_imports: tuple[str, ...]
    """Those outside the known-harmless table: foreign code that unpickling would run."""


@dataclass(frozen=True, slots=True)
class EmbeddedCode:
    """Program code that a checkpoint holds or needs, which nothing here ran.

    Attributes:
        kind: What it is: a word of the schema's open list (``lambda-layer``, ``torchscript``, ``python-source``, …).
        description: What is known of it, in words.
        path: The file of the checkpoint that holds or names it; ``""`` where that is in the native bytes alone.
    """

    kind: str
    description: str = ""
    path: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the entry of the manifest's ``security.embedded_code``."""
        about = {"path": self.path, "kind": self.kind, "description": self.description[:LONGEST_LINE]}
        return {name: value for name, value in about.items() if value}


def code_in_words(entry: Mapping[str, str]) -> str:
    """Return an entry of ``security.embedded_code`` as one text."""
    what = entry.get("description") or entry["kind"]
    return f"{entry['path']}: {what}" if "path" in entry else what


@dataclass(frozen=True, slots=True)
class StatePart:
    """One part of a training state in the manifest's ``training_state.parts``.

    Attributes:
        status: ``present``, ``partial``, ``absent`` or ``not-used``.
        reason: Why, where it is not present.
    """

    status: Literal["present", "partial", "absent", "not-used"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Framework:
    """Who made the weights: lower-case name (or ``unknown``), version, and what was looked at to know."""

    name: str = "unknown"
    version: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(slots=True)
class Contents:
    """A new checkpoint, before it is written.

    Attributes:
        framework: Who made the weights.
        groups: Groups of tensors with their roots.
        tensors: One source for every name, in the native order.
        state: The state tree as typed JSON (:mod:`candle_spec.weights.state_tree`), or ``None``.
        state_parts: Parts of the training state by name (``optimizer``, ``rng``, …); a part whose tensors are a group
            of its kind is named there by itself.
        side_files: Files beside the weights: topology, artifacts.
        payload: Files that are themselves the model.
        fields: Values for the manifest, each with its source.
        pickles: Inert pickles among the files.
        embedded_code: Program code in it.
        weights_metadata: Strings for the header of every weights file.
    """

    framework: Framework
    groups: Sequence[Group] = ()
    tensors: Sequence[TensorSource] = ()
    state: Any = None
    state_parts: Mapping[str, StatePart] = field(default_factory=dict)
    side_files: Sequence[SideFile] = ()
    payload: Sequence[SideFile] = ()
    fields: Sequence[Field] = ()
    pickles: Sequence[InertPickle] = ()
    embedded_code: Sequence[EmbeddedCode] = ()
    weights_metadata: Mapping[str, str] = field(default_factory=dict)

    def plan(self, shard_bytes: int, lot: Callable[[TensorSource], int] = one_lot) -> list[GroupPlan]:
        """Lay out the weights files of all groups; see :func:`candle_spec.weights.shards.plan_group`."""
        by_group: dict[str, list[TensorSource]] = {group.id: [] for group in self.groups}
        for tensor in self.tensors:
            by_group[tensor.group].append(tensor)
        return [plan_group(group, rows, self.weights_metadata, shard_bytes, lot) for group, rows in by_group.items()]
