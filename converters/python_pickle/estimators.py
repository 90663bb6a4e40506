"""What an estimator of scikit-learn (or one with its manners) says: class, parameters, versions, features, classes.

Attributes whose names end with an underscore are what fitting made; public ones without are parameters
(https://scikit-learn.org/stable/developers/develop.html). ``_sklearn_version`` is written by ``BaseEstimator``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from candle_spec.conversion.contract import Field, Part, SideFile
from candle_spec.converters._shared.feature_lists import feature_list
from candle_spec.converters._shared.pickle.arrays import ArrayNode
from candle_spec.converters._shared.values import is_small
from candle_spec.converters.python_pickle.array_reader import ArrayReader
from candle_spec.converters.python_pickle.objects import (
    attribute,
    class_of,
    parameters_of,
    plain,
    state_of,
    text_of,
    whole_of,
)
from candle_spec.converters.python_pickle.tensors import tensor_of
from candle_spec.converters.python_pickle.walk import pair_names
from candle_spec.readers.inert_pickle import Span

_PREPARING: Final = (
    "sklearn.preprocessing.",
    "sklearn.impute.",
    "sklearn.feature_extraction.",
    "sklearn.feature_selection.",
    "sklearn.decomposition.",
    "sklearn.compose.",
)
_MANNERS: Final = ("sklearn.", "lightgbm.sklearn.", "xgboost.sklearn.", "imblearn.", "skorch.", "catboost.")
_VERSION: Final = re.compile(r"[0-9]+(\.[0-9A-Za-z]+)+")
_WIDTHS: Final = (
    ("coef_", -1),
    ("statistics_", 0),
    ("mean_", 0),
    ("scale_", 0),
    ("var_", 0),
    ("min_", 0),
    ("theta_", -1),
)
_CLASSES: Final = 10_000
_TASKS: Final = (
    (re.compile(r"Classifier|Logistic|SVC\Z|NB\Z|Perceptron|Discriminant"), "classification"),
    (re.compile(r"Regress|SVR\Z|Ridge|Lasso|ElasticNet|Lars"), "regression"),
    (re.compile(r"KMeans|DBSCAN|Clustering|MeanShift|Birch|Mixture"), "clustering"),
)


@dataclass(slots=True)
class About:
    """What an estimator says of itself.

    Attributes:
        version: Version of scikit-learn that wrote it, ``""`` for unknown.
        fields: Values for the manifest.
        parts: Lines of the certificate.
        side_files: The list of the features.
        evidence: What was looked at to know, one sentence each.
        title: For the title of the format.
    """

    version: str = ""
    fields: list[Field] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    side_files: list[SideFile] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    title: str = ""


def is_estimator(node: Any) -> bool:
    """Whether an object is an estimator, or one with its manners."""
    name = class_of(node)
    if name.startswith(_MANNERS):
        return state_of(node) is not None
    return attribute(node, "_sklearn_version") is not None


def prepares(node: Any) -> bool:
    """Whether an estimator prepares data: a scaler, an encoder, an imputer, a vectorizer."""
    return class_of(node).startswith(_PREPARING)


def about(model: Any, arrays: ArrayReader, versions: Iterable[str]) -> About:
    """Return what an estimator says of itself.

    Args:
        model: The estimator.
        arrays: Reads its arrays.
        versions: Every version of scikit-learn that the file states, in order.
    """
    found = About()
    steps = steps_of(model)
    names = [class_of(step).rpartition(".")[2] for step in steps]
    own = class_of(model).rpartition(".")[2]
    found.title = f"{own}({', '.join(names)})"[:200] if len(steps) > 1 else own
    found.evidence.append(f"the object is of the class {class_of(model)}"[:500])
    if found.title.isprintable() and found.title:
        found.fields.append(Field("/model/architecture", found.title, "file", f"class {class_of(model)}"[:500]))
    _add_task(found, steps[-1])
    _add_parameters(found, model)
    _add_versions(found, model, list(versions))
    _add_input(found, steps, arrays)
    _add_output(found, steps[-1], arrays)
    return found


def steps_of(model: Any) -> list[Any]:
    """Return the steps of a pipeline in order, or the estimator itself."""
    steps = attribute(model, "steps")
    if class_of(model).endswith("Pipeline") and isinstance(steps, list) and pair_names(steps):
        inner = [item[1] for item in steps if isinstance(item, tuple) and len(item) > 1]
        return [
            found for step in inner for found in (steps_of(step) if class_of(step).endswith("Pipeline") else [step])
        ]
    return [model]


def _add_task(found: About, last: Any) -> None:
    name = class_of(last).rpartition(".")[2]
    if prepares(last):
        task: str | None = "preprocessing"
    else:
        task = next((task for pattern, task in _TASKS if pattern.search(name)), None)
    if task is not None:
        found.fields.append(Field("/model/task", task, "inferred", f"class {name}"[:200]))


def _add_parameters(found: About, model: Any) -> None:
    parameters = parameters_of(model)
    if not parameters:
        return
    if is_small(parameters):
        found.fields.append(Field("/training/hyperparameters", parameters, "file", class_of(model)[:200]))
        found.parts.append(Part("hyperparameters", "kept", "parameters of the estimator", count=len(parameters)))
    else:
        found.parts.append(Part("hyperparameters", "kept", "in the state tree only: they are long", len(parameters)))


def _add_versions(found: About, model: Any, versions: list[str]) -> None:
    """Say which scikit-learn wrote it, and that other versions may not load it."""
    known = [version for version in dict.fromkeys(versions) if _VERSION.fullmatch(version) and len(version) < 60]
    outside = not class_of(model).startswith("sklearn.")
    if not known:
        if not outside:
            reason = "not stated: scikit-learn before 0.18 wrote none; try old versions until one loads it"
            found.parts.append(Part("version needed", "absent", reason))
        return
    version = found.version = known[0]
    found.evidence.append(f"_sklearn_version {', '.join(known)}"[:500])
    reason = (
        f"estimators of scikit-learn load surely with the version that wrote them alone: pip install "
        f"scikit-learn=={version}; the arrays and the parameters need none"
    )
    found.parts.append(Part("version needed", "kept", reason))


def _add_input(found: About, steps: list[Any], arrays: ArrayReader) -> None:
    """Say what goes in: the number of features, their names, what is done to them first."""
    first = steps[0]
    width = _width(first, arrays)
    names = _texts(attribute(first, "feature_names_in_"), arrays)
    if width is None and not names:
        return
    size = width if width is not None else len(names)
    entry: dict[str, Any] = {"id": "data", "kind": "table"}
    entry["axes"] = [{"name": "sample", "size": None}, {"name": "feature", "size": size}]
    path = _feature_list(found, names) if names and len(names) == size else None
    if path is not None:
        entry["feature_list"] = path
    before = [_step(step) for step in steps[:-1]]
    if before:
        entry["preprocessing"] = before
    found.fields.append(Field("/inputs", [entry], "file", "n_features_in_, feature_names_in_, steps"))


def _step(step: Any) -> dict[str, Any]:
    parameters = parameters_of(step)
    made: dict[str, Any] = {"name": class_of(step).rpartition(".")[2][:200] or "step"}
    return made | ({"params": parameters} if parameters and is_small(parameters) else {})


def _width(node: Any, arrays: ArrayReader) -> int | None:
    """Return the number of features; before 0.24 it shows in the shapes of arrays."""
    stated = whole_of(attribute(node, "n_features_in_", "n_features_", "_n_features"))
    if stated is not None:
        return stated
    for name, axis in _WIDTHS:
        array = arrays.array(attribute(node, name))
        if array is not None and array.shape:
            return array.shape[axis]
    return None


def _texts(node: Any, arrays: ArrayReader) -> list[str]:
    values = values_of(arrays.array(node))
    return values if values and all(isinstance(value, str) for value in values) else []


def _feature_list(found: About, names: list[str]) -> dict[str, Any] | None:
    """Keep the names of the features as a file of their own."""
    made = feature_list(names, "artifacts/features.txt")
    if made is None:
        return None
    found.side_files.append(made[0])
    found.parts.append(made[2])
    return made[1]


def _add_output(found: About, last: Any, arrays: ArrayReader) -> None:
    """Say what comes out: the classes of a classifier, in the order of its columns."""
    classes = values_of(arrays.array(attribute(last, "classes_", "_classes")))
    if not classes or prepares(last):
        return
    labels = [{"value": index, "name": str(value)} for index, value in enumerate(classes)]
    if not all(
        label["name"] and str(label["name"]).isprintable() and len(str(label["name"])) < 500 for label in labels
    ):
        return
    axes = [{"name": "sample", "size": None}, {"name": "class", "size": len(labels)}]
    output = {"id": "prediction", "kind": "tensor", "axes": axes, "labels": labels}
    found.fields.append(Field("/outputs", [output], "file", "classes_"))


def values_of(array: ArrayNode | None) -> list[Any]:
    """Return the items of a short array with one axis, numbers and texts of Python; nothing for another."""
    if array is None or len(array.shape) != 1 or array.count > _CLASSES:
        return []
    if isinstance(array.data, list):
        return [text_of(item) if isinstance(item, Span) else _plain_item(item) for item in array.data]
    if array.dtype.kind not in "biufSU":
        return []
    tensor = tensor_of("", "", array)
    if tensor is None or tensor.encoding is not None:
        return _strings(array)
    import numpy as np

    raw = b"".join(bytes(block) for block in tensor.parts[""].data.blocks())
    values: list[Any] = np.frombuffer(raw, array.dtype.newbyteorder("<")).tolist()
    return values


def _plain_item(item: Any) -> Any:
    return item if isinstance(item, (str, int, float, bool)) else plain(item)


def _strings(array: ArrayNode) -> list[Any]:
    tensor = tensor_of("", "", array)
    if tensor is None or tensor.encoding is None or tensor.encoding.name != "strings":
        return []
    import numpy as np

    blob, raw = (b"".join(bytes(b) for b in tensor.parts[name].data.blocks()) for name in ("bytes", "offsets"))
    offsets = np.frombuffer(raw, "<i8").tolist()
    items = [blob[a:b] for a, b in pairwise(offsets)]
    return [item.decode("utf-8", "backslashreplace") for item in items]
