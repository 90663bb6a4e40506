"""What the structure of a PyTorch file means: which keys hold the model, the optimizer, the epoch, the settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec.canonical import tag_number
from candle_spec.conversion.contract import Field, Group, Part
from candle_spec.conversion.meaning import TENSOR_KINDS, group_ids, kind_of
from candle_spec.converters._shared import values
from candle_spec.converters._shared.pickle.objects import as_pairs, everything
from candle_spec.converters._shared.torch.walk import GRAPH_MODULE, module_state
from candle_spec.pointer import join
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
    """

    groups: list[Group]
    group_of: Callable[[tuple[str, ...]], tuple[str, int]]
    fields: list[Field] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    names: list[tuple[Any, str]] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    title: str = ""
    is_module: bool = False


def structure_of(root: Any, objects: TorchObjects, *, script: bool = False) -> Structure:
    """Return what the root of a pickle is: a state dict, a module, or a dictionary of parts.

    Args:
        root: The record.
        objects: Reads tensors out of records.
        script: Whether it is the root of a TorchScript program.
    """
    pairs = as_pairs(root)
    if script or module_state(root) is not None:
        return _whole(root, is_module=True)
    if pairs is None or _is_state_dict(pairs, objects):
        return _whole(root, is_module=isinstance(root, Call) and pairs is None and objects.tensor(root) is None)
    wrapped = _wrapped(pairs, objects)
    return _Parts(wrapped[1], objects, (wrapped[0],)).structure() if wrapped else _Parts(pairs, objects).structure()


def _wrapped(pairs: list[tuple[Any, Any]], objects: TorchObjects) -> tuple[str, list[tuple[Any, Any]]] | None:
    """Return key and content of a dictionary of parts that stands alone in another one (``{"app": {"model": …}}``)."""
    if len(pairs) != 1 or not isinstance(pairs[0][0], str) or kind_of(pairs[0][0]) != "other":
        return None
    inside = as_pairs(pairs[0][1])
    if inside is None or _is_state_dict(inside, objects):
        return None
    named = any(kind_of(str(key)) in TENSOR_KINDS and as_pairs(value) is not None for key, value in inside)
    return (pairs[0][0], inside) if named else None


def _whole(root: Any, *, is_module: bool) -> Structure:
    structure = Structure([Group("model", "model")], lambda path: ("model", 0), is_module=is_module)
    if isinstance(root, Call) and is_module and root.path not in ("", GRAPH_MODULE):
        structure.fields.append(
            Field("/model/architecture", root.path.rpartition(".")[2], "file", f"pickled class {root.path}")
        )
        structure.evidence.append(f"the root is an object of {root.path}")
    return structure


def _is_state_dict(pairs: list[tuple[Any, Any]], objects: TorchObjects) -> bool:
    """Whether a dictionary holds tensors itself, and no dictionaries of tensors."""
    direct = sum(1 for _, value in pairs if objects.tensor(value) is not None)
    return direct > 0 and not any(_holds_tensors(value, objects) for _, value in pairs if as_pairs(value) is not None)


def _holds_tensors(node: Any, objects: TorchObjects) -> bool:
    """Whether any tensor is in or below a record."""
    return any(
        objects.tensor(inner) is not None or numpy_objects.array_of(inner) is not None for inner in everything(node)
    )


class _Parts:
    """A dictionary whose keys name parts of a training: model, optimizer, epoch, settings."""

    def __init__(self, pairs: list[tuple[Any, Any]], objects: TorchObjects, prefix: tuple[str, ...] = ()) -> None:
        self._prefix = prefix
        self._pairs = [(str(key), value) for key, value in pairs]
        self._objects = objects
        self._kinds = {key: kind_of(key) for key, _ in self._pairs}

    def structure(self) -> Structure:
        holding = [key for key, value in self._pairs if _holds_tensors(value, self._objects)]
        kinds = [(key, self._tensor_kind(key)) for key in holding]
        if not any(kind == "model" for _, kind in kinds):
            kinds = [(key, "model" if kind == "other" and self._is_large(key) else kind) for key, kind in kinds]
        ids = group_ids(kinds)
        groups = [Group(ids[key], kind, join((*self._prefix, key))) for key, kind in kinds]
        depth = len(self._prefix)

        def group_of(path: tuple[str, ...]) -> tuple[str, int]:
            inside = path[:depth] == self._prefix and len(path) > depth and path[depth] in ids
            return (ids[path[depth]], depth + 1) if inside else ("other", 0)

        structure = Structure(groups, group_of)
        structure.parts = [
            Part(kind, "kept")
            for kind in ("optimizer", "scheduler", "scaler", "rng", "sampler", "metric", "hyperparameters")
            if any(self._kinds[key] == kind and key not in ids for key, _ in self._pairs)
        ]
        self._describe(structure)
        return structure

    def _tensor_kind(self, key: str) -> str:
        kind = self._kinds[key]
        if kind == "scaler":
            return "artifact"  # that of mixed precision keeps numbers alone; one with tensors scales the data
        return kind if kind in TENSOR_KINDS else "other"

    def _is_large(self, key: str) -> bool:
        """A dictionary of tensors or a module under an unknown key is taken for a model if nothing else is one."""
        value = next(value for name, value in self._pairs if name == key)
        pairs = as_pairs(value)
        return module_state(value) is not None or (pairs is not None and _is_state_dict(pairs, self._objects))

    def _describe(self, structure: Structure) -> None:
        for key, value in self._pairs:
            kind = self._kinds[key]
            if kind in ("epoch", "step") and type(value) is int and 0 <= value < 2**53:
                if not any(f.pointer == f"/training_state/{kind}" for f in structure.fields):
                    structure.fields.append(Field(f"/training_state/{kind}", value, "file", f"key {key}"))
            elif kind == "architecture" and isinstance(value, str) and value.isprintable() and 0 < len(value) <= 200:
                structure.fields.append(Field("/model/architecture", value, "file", f"key {key}"))
            if module_state(value) is not None and self._tensor_kind(key) == "model":
                structure.evidence.append(f"{key} is a whole module of {value.path}")
        self._settings(structure)
        self._scores(structure)
        version = next((value for key, value in self._pairs if key == _LIGHTNING), None)
        if isinstance(version, str) and len(version) < 40:
            structure.title = f", checkpoint of Lightning {version}"
            structure.evidence.append(f"key {_LIGHTNING}: {version}")

    def _scores(self, structure: Structure) -> None:
        """Numbers under keys that name a known metric, as ``val_acc`` and ``best_rmse`` do."""
        found = {}
        for key, value in self._pairs:
            named = _SCORE.fullmatch(key.lower()) if self._kinds[key] == "metric" else None
            if named is not None:
                split, number = _SPLITS.get(named[1]), plain_json(value, self._objects)
                found[key] = values.evaluation(named[2], number, f"key {key}", split=split)
        entries = [entry for entry in found.values() if entry is not None]
        if entries:
            keys = ", ".join(key for key, entry in found.items() if entry is not None)
            structure.fields.append(Field("/evaluations", entries, "file", f"key {keys}"[:500]))

    def _settings(self, structure: Structure) -> None:
        """Hyperparameters: the settings found, by key where there are several."""
        found = {}
        for key, value in self._pairs:
            if self._kinds[key] == "hyperparameters" and value is not None:
                settings = plain_json(value, self._objects)
                if isinstance(settings, dict) and settings and values.is_small(settings):
                    found[key] = settings
        if not found:
            return
        keys = ", ".join(found)
        merged = next(iter(found.values())) if len(found) == 1 else found
        structure.fields.append(Field("/training/hyperparameters", merged, "file", f"key {keys}"))
        for key, settings in found.items():
            structure.names += [
                (settings.get(word), f"{key}.{word}")
                for word in ("model_name", "run_name", "experiment_name", "exp_name")
            ]


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
