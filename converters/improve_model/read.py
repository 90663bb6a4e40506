"""A folder of IMPROVE as a checkpoint: the one model in it, its settings and scores, and what its tree adds.

The model is read by the converter of its own content. Files beside it are kept; data are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from candle_spec.checkpoint.training_fields import training_fields
from candle_spec.conversion.contract import Field, Native, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.folders.inner import Inner, override_fields
from candle_spec.converters._shared.folders.kept_files import keep_file
from candle_spec.converters._shared.folders.run_settings import hyperparameters, settings_file
from candle_spec.converters.improve_model import LOG, TEXTS
from candle_spec.converters.improve_model.artifacts import add_artifact
from candle_spec.converters.improve_model.models import models_of, the_only
from candle_spec.converters.improve_model.scores import SCORES, evaluation, seconds
from candle_spec.converters.improve_model.tree import Tree, tree_of

_LARGE: Final = 8 << 20
"""Predictions beyond this stay in the native bytes only."""


def read(source: Source) -> Native:
    """Read the model and everything around it.

    Raises:
        MissingPartError: No model lies there.
        InvalidInputError: Several models lie there, and the settings name none of them.
    """
    settings = settings_file(source.files)
    found = hyperparameters(settings) if settings is not None else {}
    tree = tree_of(source, found)
    inner = the_only(models_of(source), _named(found), str(source.path))
    native = inner.read(source)
    native.fields = [field for field in native.fields if field.pointer != "/name"]
    native.fields.insert(0, _name(source, found, tree))
    if settings is not None:
        override_fields(native, training_fields(found, settings.name))
        native.parts.append(Part("hyperparameters", "kept", f"read from {settings.name}"))
    _add_scores(native, source, tree, found)
    _add_texts(native, inner, source)
    if tree is not None:
        _add_tree(native, tree)
    return native


def _named(found: Mapping[str, Any]) -> list[str]:
    """Return how the settings name the model file, and what it is called without settings."""
    name, ending = str(found.get("model_file_name") or "model"), str(found.get("model_file_format") or "")
    ending = "" if ending == "None" else ending
    dotted = f".{ending}" if ending and not ending.startswith(".") else ending
    return [f"{name}{dotted}", name, "model_final.pt", "model"]


def _name(source: Source, found: Mapping[str, Any], tree: Tree | None) -> Field:
    name = found.get("model_name")
    if isinstance(name, str) and name:
        return infer_name(source, [(name, f"{LOG}: model_name")])
    if tree is not None:
        return infer_name(source, [(f"{tree.root.name} {tree.source} {tree.split}", "folders models/SRC/split_k")])
    return infer_name(source)


def _target(found: Mapping[str, Any]) -> dict[str, str]:
    """The response that the scores are about: ``auc`` here is a dose-response area, not the metric."""
    column = found.get("y_col_name")
    return {"target": column} if isinstance(column, str) and column else {}


def _add_scores(native: Native, source: Source, tree: Tree | None, found: Mapping[str, Any]) -> None:
    entries: list[dict[str, Any]] = []
    unknown: list[str] = []
    places: list[str] = []
    study = tree.source if tree else ""
    jobs = [(file, SCORES[file.name], study) for file in source.files if file.name in SCORES]
    jobs += [(file, "test", target) for target, file in tree.scores] if tree is not None else []
    for file, split, dataset in jobs:
        about = _target(found) | ({"dataset": dataset} if dataset else {})
        made, left = evaluation(file, split, **about)
        entries += made
        unknown += left
        places.append(file.name)
    if entries:
        inner = next((field for field in native.fields if field.pointer == "/evaluations"), None)
        if inner is not None:
            native.fields.remove(inner)
            entries, places = [*inner.value, *entries], [inner.detail, *places]
        native.fields.append(Field("/evaluations", entries, "file", ", ".join(places)[:1000]))
        reason = f"not taken as metrics: {', '.join(sorted(set(unknown))[:8])}" if unknown else ""
        native.parts.append(Part("scores", "kept", reason, len(entries)))
    for file in source.files:
        duration = seconds(file) if file.name == "runtime.json" else None
        if duration is not None:
            native.fields.append(Field("/training/duration_seconds", duration, "file", file.name))


def _add_texts(native: Native, inner: Inner, source: Source) -> None:
    """Put scores, predictions and settings beside the weights as they are."""
    known = {side.path for side in native.side_files} | {file.name for file in inner.source.files}
    for file in source.files:
        ending = file.name.rpartition(".")[2].lower()
        if ending not in TEXTS or not 0 < file.size <= _LARGE or file.name in known:
            continue
        role = "config" if file.name in (LOG, "runtime.json") or ending in ("ini", "yml", "yaml") else "document"
        if f"artifacts/{file.name}" not in known:
            keep_file(native, file, role)


def _add_tree(native: Native, tree: Tree) -> None:
    """Join what lies elsewhere in the tree; its files become native files of the checkpoint, which come back too."""
    outer = native.source
    prefix = outer.path.relative_to(tree.root).as_posix()
    moved = {file.name: f"{prefix}/{file.name}" for file in outer.files}
    files = [replace(file, name=moved[file.name]) for file in outer.files]
    files += [file for _, file in tree.scores] + list(tree.artifacts)
    native.pickles = [replace(pickle, file=moved.get(pickle.file, pickle.file)) for pickle in native.pickles]
    native.source = replace(outer, path=tree.root, files=tuple(sorted(files, key=lambda file: file.name)))
    native.fields.append(
        Field("/training/datasets", tree.datasets(), "path", f"folders models/{tree.source}/{tree.split}")
    )
    for _, file in tree.scores:
        keep_file(native, file, "document")
    for file in tree.artifacts:
        add_artifact(native, file)
