"""What the structure of a PyTorch file means: which keys hold the model, the optimizer, the epoch, the settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec.canonical import tag_number
from candle_spec.conversion.contract import Field, Group, Part, SideFile
from candle_spec.conversion.meaning import kind_of
from candle_spec.converters._shared import values
from candle_spec.converters._shared.pickle.objects import as_pairs
from candle_spec.converters._shared.pickle.roots import Root, Search, groups_of
from candle_spec.converters._shared.torch.features import features_of
from candle_spec.converters._shared.torch.networks import TorchContent
from candle_spec.converters._shared.torch.walk import GRAPH_MODULE, module_state
from candle_spec.readers import numpy_objects
from candle_spec.readers.inert_pickle import Call, Global, Mapping, SetNode
from candle_spec.readers.torch_objects import TorchObjects

_LIGHTNING: Final = "pytorch-lightning_version"
_SCORE: Final = re.compile(r"(?:best_)?(?:(train|val|valid|validation|test)_)?([a-z0-9_]{1,50})")
_SPLITS: Final = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(slots=True)
class Structure:
    """What the root of a file is.

    Attributes:
        groups: Groups with their roots.
        group_of: Gives group and depth of its root for a path of native keys.
        fields: Values for the manifest.
        parts: Parts that are no tensors.
        names: Values that may name the model, and where they stand.
        evidence: What was looked at.
        title: To append to the format's title.
        is_module: Whether the root is a whole pickled module.
        side_files: Lists of features.
    """

    groups: list[Group]
    group_of: Callable[[tuple[str, ...]], tuple[str, int]]
    fields: list[Field] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    names: list[tuple[Any, str]] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    title: str = ""
    is_module: bool = False
    side_files: list[SideFile] = field(default_factory=list)


def structure_of(root: Any, objects: TorchObjects, *, script: bool = False) -> Structure:
    """Return what the root of a pickle is: a state dict, a module, or a dictionary of parts.

    Args:
        root: The record.
        objects: Reads tensors out of records.
        script: Whether it is the root of a TorchScript program.
    """
    if script or module_state(root) is not None:
        return _whole(root, is_module=True)
    content = TorchContent(root, objects)
    if as_pairs(root) is not None:
        if content.is_state_dict(root):
            return _whole(root, is_module=False)
        search = Search(content)
        parts = search.parts(root)
        return _Parts(parts, search, objects).structure() if parts else _whole(root, is_module=False)
    search = Search(content)
    found = search.opened(root)
    is_object = isinstance(root, Call) and objects.tensor(root) is None
    if found is None:
        return _whole(root, is_module=is_object)
    structure = _Parts(found, search, objects).structure()
    structure.is_module = is_object
    structure.evidence += _class_of(root) if is_object else []
    return structure


def _whole(root: Any, *, is_module: bool) -> Structure:
    structure = Structure([Group("model", "model")], lambda path: ("model", 0), is_module=is_module)
    if isinstance(root, Call) and is_module and root.path not in ("", GRAPH_MODULE):
        structure.fields.append(
            Field("/model/architecture", root.path.rpartition(".")[2], "file", f"pickled class {root.path}")
        )
        structure.evidence.append(f"the root is an object of {root.path}")
    return structure


def _class_of(root: Call) -> list[str]:
    return [f"the root is an object of {root.path}"] if root.path not in ("", GRAPH_MODULE) else []


class _Parts:
    """Dictionaries whose keys name parts of a training: model, optimizer, epoch, settings."""

    def __init__(self, roots: list[Root], search: Search, objects: TorchObjects) -> None:
        self._roots = roots
        self._levels = sorted(search.levels, key=lambda level: len(level[0]))
        self._objects = objects

    def structure(self) -> Structure:
        groups, group_of = groups_of(self._roots)
        structure = Structure(groups, group_of)
        held = {root.path for root in self._roots}
        structure.parts = [
            Part(kind, "kept")
            for kind in ("optimizer", "scheduler", "scaler", "rng", "sampler", "metric", "hyperparameters")
            if any(kind_of(path[-1]) == kind and path not in held for path, _ in self._members())
        ]
        structure.evidence += [
            f"the names of {group.id} begin at {group.root}"
            for group, root in zip(groups, self._roots, strict=True)
            if len(root.path) > 1 and root.kind in ("model", "ema")
        ]
        self._describe(structure)
        return structure

    def _members(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield path and value of every member of the dictionaries of parts, the outer ones first."""
        for path, members in self._levels:
            yield from (((*path, key), value) for key, value in members)

    def _describe(self, structure: Structure) -> None:
        for path, value in self._members():
            kind, key = kind_of(path[-1]), ".".join(path)
            if kind in ("epoch", "step") and type(value) is int and 0 <= value < 2**53:
                _add_first(structure, Field(f"/training_state/{kind}", value, "file", f"key {key}"[:500]))
            elif kind == "architecture" and isinstance(value, str) and value.isprintable() and 0 < len(value) <= 200:
                _add_first(structure, Field("/model/architecture", value, "file", f"key {key}"[:500]))
        for root in self._roots:
            if module_state(root.node) is not None and root.kind == "model":
                structure.evidence.append(f"{'.'.join(root.path)} is a whole module of {root.node.path}"[:500])
        self._settings(structure)
        self._scores(structure)
        fields, structure.side_files, parts = features_of(self._members())
        structure.fields += fields
        structure.parts += parts
        version = next((value for path, value in self._members() if path == (_LIGHTNING,)), None)
        if isinstance(version, str) and len(version) < 40:
            structure.title = f", checkpoint of Lightning {version}"
            structure.evidence.append(f"key {_LIGHTNING}: {version}")

    def _scores(self, structure: Structure) -> None:
        """Numbers under keys that name a known metric, as ``val_acc`` and ``best_rmse`` do."""
        found = {}
        for path, value in self._members():
            key, word = ".".join(path), path[-1].lower()
            named = _SCORE.fullmatch(word) if kind_of(word) == "metric" else None
            if named is not None:
                split, number = _SPLITS.get(named[1]), plain_json(value, self._objects)
                found[key] = values.evaluation(named[2], number, f"key {key}", split=split)
        entries = [entry for entry in found.values() if entry is not None]
        if entries:
            keys = ", ".join(key for key, entry in found.items() if entry is not None)
            structure.fields.append(Field("/evaluations", entries, "file", f"key {keys}"[:500]))

    def _settings(self, structure: Structure) -> None:
        """Hyperparameters: the settings found, by key where there are several."""
        held = {root.path for root in self._roots if root.kind in ("model", "ema")}
        found = {}
        for path, value in self._members():
            if kind_of(path[-1]) == "hyperparameters" and value is not None and path not in held:
                settings = plain_json(value, self._objects)
                if isinstance(settings, dict) and settings and values.is_small(settings):
                    found[".".join(path)] = settings
        if not found:
            return
        keys = ", ".join(found)
        merged = next(iter(found.values())) if len(found) == 1 else found
        structure.fields.append(Field("/training/hyperparameters", merged, "file", f"key {keys}"[:500]))
        for key, settings in found.items():
            structure.names += [
                (settings.get(word), f"{key}.{word}")
                for word in ("model_name", "run_name", "experiment_name", "exp_name")
            ]


def _add_first(structure: Structure, found: Field) -> None:
    """Add a field unless its place is taken: the outer dictionary is asked first."""
    if not any(known.pointer == found.pointer for known in structure.fields):
        structure.fields.append(found)


def plain_json(node: Any, objects: TorchObjects, depth: int = 0) -> Any:
    """Return settings as the JSON that a person would write; objects by their attributes, classes by their names."""
    if depth > 12:
        return "…"
    if isinstance(node, (bool, str)) or node is None:
        return node
    if isinstance(node, (int, float)):
        return tag_number(node)
    if isinstance(node, Global):
        return node.path
    if objects.tensor(node) is not None:
        return "<tensor>"
    pairs = as_pairs(node)
    if pairs is None and isinstance(node, Call):
        return _plain_call(node, objects, depth)
    if pairs is not None:
        return {str(key): plain_json(value, objects, depth + 1) for key, value in pairs if _key(key)}
    items = node.items if isinstance(node, SetNode) else node
    if isinstance(items, (list, tuple)):
        return [plain_json(item, objects, depth + 1) for item in items]
    return f"<{type(node).__name__}>"


def _key(key: Any) -> bool:
    return isinstance(key, (str, int, float, bool))


def _plain_call(node: Call, objects: TorchObjects, depth: int) -> Any:
    scalar = numpy_objects.scalar_of(node)
    if scalar is not None:
        import numpy as np

        value = np.frombuffer(scalar[1], scalar[0])[0].item()
        return tag_number(value) if isinstance(value, (int, float)) else str(value)
    if node.path == "torch.device" and isinstance(node.args, tuple) and 0 < len(node.args) <= 2:
        return ":".join(str(item) for item in node.args if isinstance(item, (str, int)))
    if isinstance(node.state, Mapping) or node.items.pairs:
        state = node.state.pairs if isinstance(node.state, Mapping) else []
        return plain_json(Mapping([*state, *node.items.pairs]), objects, depth)
    return f"<{node.path}>" if node.path else "<object>"
