"""What the root of a pickle is: an estimator, a dictionary of arrays, a dictionary of parts, or something else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from candle_spec.conversion.contract import Field, Group, Part
from candle_spec.conversion.meaning import kind_of
from candle_spec.converters._shared.pickle.objects import as_pairs, children, everything
from candle_spec.converters._shared.pickle.roots import Root, Search, groups_of
from candle_spec.converters._shared.values import is_small
from candle_spec.converters.python_pickle.array_reader import ArrayReader
from candle_spec.converters.python_pickle.boosters import handle_of
from candle_spec.converters.python_pickle.estimators import is_estimator, prepares
from candle_spec.converters.python_pickle.networks import PickleContent
from candle_spec.converters.python_pickle.objects import attribute, class_of, plain, state_of, text_of, whole_of
from candle_spec.readers.inert_pickle import Call
from candle_spec.readers.torch_objects import FROM_BYTES

_FRAMEWORKS: Final = {
    "sklearn": "scikit-learn",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "torch": "pytorch",
    "jax": "jax",
    "scipy": "numpy",
    "pandas": "numpy",
    "numpy": "numpy",
}


_PARTS: Final = 50
"""Parts of a dictionary that are models each; where there are more, the dictionary is a table."""


@dataclass(slots=True)
class Structure:
    """What a root is.

    Attributes:
        groups: Groups with their roots.
        group_of: Gives group and depth of its root for a path of native keys.
        model: The estimator that is the model, or ``None``.
        fields: Values for the manifest.
        parts: Parts that are no tensors.
        names: Values that may name the model, and where they stand.
        framework: Lower-case name of what wrote it.
        title: What it is, for people.
        boosters: Number of boosters in it.
        versions: Versions of scikit-learn that it states.
    """

    groups: list[Group]
    group_of: Callable[[tuple[str, ...]], tuple[str, int]]
    model: Any = None
    fields: list[Field] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    names: list[tuple[Any, str]] = field(default_factory=list)
    framework: str = "unknown"
    title: str = ""
    boosters: int = 0
    versions: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Contents:
    """What is anywhere in a pickle.

    Attributes:
        holding: Whether there is an array, a tensor of torch or a booster.
        boosters: Number of boosters.
        versions: Versions of scikit-learn.
        packages: Top-level packages of the classes, in order of first appearance.
    """

    holding: bool = False
    boosters: int = 0
    versions: list[str] = field(default_factory=list)
    packages: dict[str, None] = field(default_factory=dict)


def contents_of(root: Any, arrays: ArrayReader) -> Contents:
    """Look at every record once."""
    found = Contents()
    for node in everything(root):
        if arrays.array(node) is not None:
            found.holding = True
            found.packages.setdefault("numpy")
        if not isinstance(node, Call):
            continue
        name = class_of(node)
        found.packages.setdefault(name.partition(".")[0])
        if name == FROM_BYTES:
            found.holding = True
        if handle_of(node) is not None:
            found.holding = True
            found.boosters += 1
        version = text_of(attribute(node, "_sklearn_version")) if state_of(node) is not None else ""
        if version:
            found.versions.append(version)
    return found


def structure_of(root: Any, arrays: ArrayReader) -> Structure:
    """Return what a root is."""
    contents = contents_of(root, arrays)
    pairs = as_pairs(root)
    search = Search(PickleContent(root, arrays))
    roots: list[Root] | None = None
    if pairs is None:
        roots = search.opened(root)
    elif all(isinstance(key, str) for key, _ in pairs) and not _is_flat(pairs, arrays):
        roots = search.parts(root)
    if not roots:
        structure = Structure([Group("model", "model")], lambda path: ("model", 0))
        structure.model = root if is_estimator(root) or handle_of(root) is not None else None
        structure.title = _title(root)
    else:
        structure = _parts(roots, search, arrays)
    structure.boosters, structure.versions = contents.boosters, contents.versions
    structure.framework = _framework(structure.model if structure.model is not None else root, contents)
    return structure


def _title(root: Any) -> str:
    pairs = as_pairs(root)
    if pairs is not None:
        return f"dictionary of {len(pairs)} arrays" if pairs else "empty dictionary"
    if isinstance(root, (list, tuple)):
        return f"{type(root).__name__} of {len(root)} objects"
    return class_of(root).rpartition(".")[2][:200] or type(root).__name__


def _framework(node: Any, contents: Contents) -> str:
    """The package of the root's class, else the most telling of those inside."""
    own = _FRAMEWORKS.get(class_of(node).partition(".")[0])
    if own is not None and own != "numpy":
        return own
    inside = [_FRAMEWORKS[name] for name in _FRAMEWORKS if name in contents.packages]
    return inside[0] if inside else "unknown"


def _is_flat(pairs: list[tuple[Any, Any]], arrays: ArrayReader) -> bool:
    """Whether a dictionary holds arrays itself, and none below."""
    below = [value for _, value in pairs if not _is_array(value, arrays)]
    return len(below) < len(pairs) and not any(_holds(value, arrays) for value in below)


def _is_array(node: Any, arrays: ArrayReader) -> bool:
    """Whether an object is one array of NumPy, SciPy or torch."""
    return class_of(node).startswith(("torch.", "scipy.sparse.")) or arrays.array(node) is not None


def _holds(node: Any, arrays: ArrayReader) -> bool:
    if not children(node):
        return False
    return any(
        arrays.array(inner) is not None or class_of(inner) == FROM_BYTES or handle_of(inner) is not None
        for inner in everything(node)
    )


def _parts(roots: list[Root], search: Search, arrays: ArrayReader) -> Structure:
    """Return the structure of a dictionary whose keys name parts: model, scaler, threshold, settings."""
    members = [((*path, key), value) for path, level in search.levels for key, value in level]
    if not any(root.kind == "model" for root in roots):
        roots = [replace(root, kind="model") if root.kind == "other" else root for root in roots]
    if len(roots) > _PARTS and all(root.kind == "model" for root in roots):
        # A table of arrays by name (of genes, of sequences) is one model, not one for each name.
        table = Structure([Group("model", "model")], lambda path: ("model", 0))
        table.title = f"dictionary of {len(members)} parts"
        return table
    groups, group_of = groups_of(roots)
    structure = Structure(groups, group_of)
    models = [root.node for root in roots if is_estimator(root.node) or handle_of(root.node) is not None]
    main = [value for value in models if not prepares(value)]
    structure.model = main[0] if len(main) == 1 else models[0] if len(models) == 1 else None
    structure.title = f"dictionary of {', '.join(path[0] for path, _ in members if len(path) == 1)}"[:200]
    _describe(structure, members, arrays)
    return structure


def _describe(structure: Structure, members: list[tuple[tuple[str, ...], Any]], arrays: ArrayReader) -> None:
    """Add what the members of the dictionaries say of the training, the outer ones first."""
    settings: dict[str, Any] = {}
    for path, value in sorted(members, key=lambda member: len(member[0])):
        kind, key = kind_of(path[-1]), ".".join(path)
        number = whole_of(value)
        if kind in ("epoch", "step") and number is not None and not isinstance(value, bool):
            if not any(found.pointer == f"/training_state/{kind}" for found in structure.fields):
                structure.fields.append(Field(f"/training_state/{kind}", number, "file", f"key {key}"[:200]))
        elif kind == "architecture" and isinstance(value, str):
            structure.names.append((value, f"key {key}"[:200]))
        elif kind == "hyperparameters" and value is not None and not _holds(value, arrays):
            found = plain(value)
            if isinstance(found, dict) and found and is_small(found):
                settings[key] = found
    if settings:
        merged = next(iter(settings.values())) if len(settings) == 1 else settings
        structure.fields.append(Field("/training/hyperparameters", merged, "file", f"key {', '.join(settings)}"[:500]))
        structure.parts.append(Part("hyperparameters", "kept", count=len(merged)))
