"""What TensorFlow's files say that the manifest has a place for: inputs, outputs, steps, optimizer, versions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from candle_spec.canonical import tag_number
from candle_spec.conversion.contract import Field
from candle_spec.converters._shared.tensorflow.names import step_name
from candle_spec.converters._shared.tensorflow.variables import scalar
from candle_spec.weights.sources import TensorSource

_MOST: Final = 1000
_LONGEST: Final = 200
_STEP: Final = re.compile(r"(^|/)_?iter(ation)?s?/\.ATTRIBUTES/VARIABLE_VALUE\Z")
_ROOT_STEP: Final = re.compile(r"(global_)?steps?/\.ATTRIBUTES/VARIABLE_VALUE\Z")
_SETTING: Final = re.compile(r"(?:^|/)_?([a-z][a-z0-9_]*)/\.ATTRIBUTES/VARIABLE_VALUE\Z")


def port(name: str, dtype: str, axes: tuple[int, ...] | None) -> dict[str, Any] | None:
    """Return an input or output as the manifest describes it, ``None`` if it has no name that fits there."""
    if not name or len(name) > _LONGEST or not name.isprintable():
        return None
    about: dict[str, Any] = {"id": name, "kind": "tensor"}
    if dtype:
        about["dtype"] = "STR" if dtype == "BYTES" else dtype
    if axes and all(axis <= (1 << 53) - 1 for axis in axes):
        names = ["batch" if axes[0] < 0 else "axis_0", *(f"axis_{number}" for number in range(1, len(axes)))]
        about["axes"] = [{"name": n, "size": None if size < 0 else size} for n, size in zip(names, axes, strict=True)]
    return about


def port_fields(
    inputs: Iterable[tuple[str, str, Any]], outputs: Iterable[tuple[str, str, Any]], place: str
) -> Iterator[Field]:
    """Yield ``/inputs`` and ``/outputs`` from names, dtypes and axes."""
    for pointer, rows in (("/inputs", inputs), ("/outputs", outputs)):
        found = {about["id"]: about for row in rows if (about := port(*row)) is not None}
        if 0 < len(found) <= _MOST:
            yield Field(pointer, list(found.values()), "file", place)


def version_fields(version: str, file: str) -> Iterator[Field]:
    """Yield the version of TensorFlow that wrote the file, as a package of the environment."""
    if re.fullmatch(r"[0-9A-Za-z.+_-]{1,100}", version):
        yield Field("/environment/packages", {"tensorflow": version}, "file", file)


def training_state_fields(tensors: Sequence[TensorSource], file: str, *, object_based: bool) -> Iterator[Field]:
    """Yield the number of steps, and the optimizer's name and settings, from the variables that hold them."""
    by_name = {tensor.name: tensor for tensor in tensors}
    steps = [name for name in by_name if _ROOT_STEP.match(name) or (not object_based and step_name(name))]
    steps += [name for name in by_name if _STEP.search(name)]
    for name in steps:
        value = scalar(by_name[name])
        if isinstance(value, int) and 0 <= value < 1 << 53:
            yield Field("/training_state/step", value, "file", f"{file}: {name}"[:_LONGEST])
            break
    settings: dict[str, Any] = {}
    names: set[str] = set()
    for tensor in tensors:
        match = _SETTING.search(tensor.name) if tensor.group == "optimizer" and tensor.shape == () else None
        value = scalar(tensor) if match else None
        if match and _STEP.search(tensor.name):
            names.add(tensor.label.partition("/")[0] if "/" in tensor.label else "")
        elif match and isinstance(value, float):
            settings[match[1]] = tag_number(value)
    name = next(iter(names), "") if len(names) == 1 else ""
    # Keras numbers the optimizers of one process: adam, adam_1, …
    name = re.sub(r"_[0-9]+\Z", "", name)
    if re.fullmatch(r"[A-Za-z][ -~]{0,99}", name):
        about = {"name": name, "config": settings} if settings else {"name": name}
        yield Field("/training/optimizer", about, "file", file)


def own_names(path: Path) -> list[tuple[str, str]]:
    """Return names of a model that a prefix gives: ``model.ckpt-1000`` says nothing."""
    stem = re.sub(r"([._-]?(ckpt|checkpoint|cp|model|weights|variables|variable))*[._-]?\d*\Z", "", path.name)
    return [(stem, path.name)] if stem else []
