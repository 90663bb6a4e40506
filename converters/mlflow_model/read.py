"""The reading half of :mod:`candle_spec.converters.mlflow_model`, loaded once its format is recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Field, Native, NativeFile, NativeFormat, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared import look
from candle_spec.converters._shared.folders import container
from candle_spec.converters._shared.folders import described_model as described
from candle_spec.converters._shared.folders.container import Recognised
from candle_spec.converters.mlflow_model.detect import MLMODEL
from candle_spec.converters.mlflow_model.fields import model_fields, registered_fields, table_file
from candle_spec.errors import CorruptFileError, MissingPartError, UnsupportedFormatError

_FLAVORS: Final[Mapping[str, tuple[str, ...]]] = {
    "pytorch": ("model_data",),
    "transformers": ("model_binary", "model", "path"),
    "sentence_transformers": ("data",),
    "keras": ("data",),
    "tensorflow": ("data", "saved_model_dir"),
    "xgboost": ("data", "model_path"),
    "lightgbm": ("data", "model_path"),
    "catboost": ("data",),
    "sklearn": ("pickled_model",),
    "onnx": ("data",),
    "statsmodels": ("data",),
    "spark": ("model_data",),
}
"""Flavors of frameworks with the keys of their files, the most telling first."""


_EXAMPLES: Final = ("input_example.json", "serving_input_example.json")
_SURE: Final = 40


def read(source: Source) -> Native:
    """Read the description and the model of its framework.

    Raises:
        CorruptFileError: ``MLmodel`` is none.
        MissingPartError: The model is not there.
        UnsupportedFormatError: No flavor is one of a framework.
    """
    file = look.file_named(source, MLMODEL)
    about = look.read_yaml(file) if file is not None else None
    if not isinstance(about, dict) or not isinstance(about.get("flavors"), dict):
        raise CorruptFileError("MLmodel describes no flavors", location=str(source.path))
    flavor, found = _find(source, about["flavors"])
    native = found.read(source)
    container.contain(native, source, _format(about, flavor, native))
    _describe(native, source, about, found)
    return native


def _find(source: Source, flavors: Mapping[str, Any]) -> tuple[str, Recognised]:
    """Return the flavor whose model is read, and that model."""
    known = [name for name in _FLAVORS if isinstance(flavors.get(name), dict)]
    missing = ""
    for name in known:
        for key in _FLAVORS[name]:
            stated = flavors[name].get(key)
            place = look.at(source, stated) if isinstance(stated, str) and stated else None
            if place is None:
                missing = missing or f"{name}: {stated}" if stated else missing
                continue
            found = _model_in(place)
            if found is not None:
                return name, found
            missing = f"{name}: {stated} is of no kind known here"
    names = ", ".join(str(name) for name in flavors)[:300]
    if known and missing and "no kind" not in missing:
        raise MissingPartError(f"MLmodel names {missing}, which is not there", location=str(source.path))
    raise UnsupportedFormatError(
        f"none of its flavors ({names}) holds a model that is read here" + (f"; {missing}" if missing else ""),
        location=str(source.path),
        hint="log the model with the flavor of its framework, for example mlflow.pytorch.log_model",
    )


def _model_in(place: Source) -> Recognised | None:
    """Return the model at a place: the folder as a whole, else the one file in it that is called model."""
    whole = container.recognise(place)
    if whole is not None and (len(place.files) == 1 or whole.detection.confidence >= 90):
        return whole
    inner = {file.name.partition("/")[0] for file in place.files if "/" in file.name}
    for folder in sorted(inner if place.path.is_dir() else ()):
        found = container.recognise(look.below(place, folder))
        if found is not None and found.detection.confidence >= 90:
            return found
    for file in sorted(place.files, key=lambda each: (not each.name.startswith("model."), each.name)):
        found = container.recognise(look.single(file))
        if found is not None and found.detection.confidence >= _SURE:
            return found
    return whole


def _format(about: Mapping[str, Any], flavor: str, native: Native) -> NativeFormat:
    version = str(about.get("mlflow_version") or "")[:100]
    row = look.mapping(look.mapping(about.get("flavors")).get(flavor))
    stated = next((str(row[key])[:100] for key in _version_keys(flavor) if isinstance(row.get(key), str)), "")
    evidence = (
        f"MLmodel states mlflow_version {version or 'none'}",
        f"flavor {flavor}" + (f" {stated}" if stated else ""),
    )
    written = re.match(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", str(about.get("utc_time_created", "")), re.ASCII)
    date = written[0].replace(" ", "T") if written else ""
    return NativeFormat("mlflow_model", flavor, f"MLflow model of {native.format.title}", "", stated, date, evidence)


def _version_keys(flavor: str) -> Iterator[str]:
    yield from (f"{flavor}_version", {"lightgbm": "lgb_version", "xgboost": "xgb_version"}.get(flavor, "version"))


def _describe(native: Native, source: Source, about: dict[str, Any], found: Recognised) -> None:
    used = {file.path for file in found.source.files}
    rest = [file for file in source.files if file.path not in used]
    examples = [file for file in rest if file.name in _EXAMPLES]
    again = [file for file in rest if _is_model(file)]
    container.leave(native, "other weights", again, "of another flavor, or a pickle; only in the native bytes")
    container.keep_rest(native, [file for file in rest if file not in again and file not in examples])
    for file in examples:
        container.keep(native, file, "sample-input", "samples")
    names = [(about.get("artifact_path"), f"{MLMODEL}: artifact_path")]
    meta = container.optional(native, look.file_named(source, "registered_model_meta"), look.read_yaml)
    fields: list[Field] = [
        infer_name(source, names),
        *registered_fields(look.mapping(meta), "registered_model_meta"),
    ]
    environment = described.environment(native, source)
    columns = table_file(about)
    if columns is not None:
        native.side_files.append(columns)
    fields += model_fields(about, MLMODEL, environment, columns)
    container.describe(native, fields)


def _is_model(file: NativeFile) -> bool:
    endings = (".pkl", ".pickle", ".joblib", ".skops", ".pth", ".pt", ".pt2", ".h5", ".keras", ".onnx", ".pb", ".bin")
    return file.name.endswith(endings)
