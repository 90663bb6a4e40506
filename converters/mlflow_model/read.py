"""An MLflow model as a checkpoint: the model of one of its flavors, read by its own converter, and what is around it.

The first flavor of a framework is taken whose file lies there. What only a Python function could load is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Field, Native, NativeFile, NativeFormat, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.documents import mapping, read_yaml
from candle_spec.converters._shared.folders.inner import Inner, contain, override_fields, recognise
from candle_spec.converters._shared.folders.kept_files import keep_file, keep_rest, note_left, read_optional
from candle_spec.converters._shared.source_files import file_named, source_at, source_of, subfolder
from candle_spec.converters.mlflow_model import MLMODEL
from candle_spec.converters.mlflow_model.environment import environment
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
    file = file_named(source, MLMODEL)
    about = read_yaml(file) if file is not None else None
    if not isinstance(about, dict) or not isinstance(about.get("flavors"), dict):
        raise CorruptFileError("MLmodel describes no flavors", location=str(source.path))
    flavor, found = _find(source, about["flavors"])
    native = found.read(source)
    contain(native, source, _format(about, flavor, native))
    _describe(native, source, about, found)
    return native


def _find(source: Source, flavors: Mapping[str, Any]) -> tuple[str, Inner]:
    """Return the flavor whose model is read, and that model."""
    missing = unknown = ""
    for name in (name for name in _FLAVORS if isinstance(flavors.get(name), dict)):
        for key in _FLAVORS[name]:
            stated = flavors[name].get(key)
            place = source_at(source, stated) if isinstance(stated, str) and stated else None
            if place is None:
                missing = missing or (f"{name}: {stated}" if stated else "")
                continue
            found = _model_in(place)
            if found is not None:
                return name, found
            unknown = f"{name}: {stated} is of no kind known here"
    if missing and not unknown:
        raise MissingPartError(f"MLmodel names {missing}, which is not there", location=str(source.path))
    names = ", ".join(str(name) for name in flavors)[:300]
    raise UnsupportedFormatError(
        f"none of its flavors ({names}) holds a model that is read here" + (f"; {unknown}" if unknown else ""),
        location=str(source.path),
        hint="log the model with the flavor of its framework, for example mlflow.pytorch.log_model",
    )


def _model_in(place: Source) -> Inner | None:
    """Return the model at a place: the folder as a whole, else the one file in it that is called model."""
    whole = recognise(place)
    if whole is not None and (len(place.files) == 1 or whole.detection.confidence >= 90):
        return whole
    inner = {file.name.partition("/")[0] for file in place.files if "/" in file.name}
    for folder in sorted(inner if place.path.is_dir() else ()):
        found = recognise(subfolder(place, folder))
        if found is not None and found.detection.confidence >= 90:
            return found
    for file in sorted(place.files, key=lambda each: (not each.name.startswith("model."), each.name)):
        found = recognise(source_of(file))
        if found is not None and found.detection.confidence >= _SURE:
            return found
    return whole


def _format(about: Mapping[str, Any], flavor: str, native: Native) -> NativeFormat:
    version = str(about.get("mlflow_version") or "")[:100]
    row = mapping(mapping(about.get("flavors")).get(flavor))
    stated = next((str(row[key])[:100] for key in _version_keys(flavor) if isinstance(row.get(key), str)), "")
    evidence = (
        f"MLmodel states mlflow_version {version or 'none'}",
        f"flavor {flavor}" + (f" {stated}" if stated else ""),
    )
    written = re.match(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", str(about.get("utc_time_created", "")), re.ASCII)
    date = written[0].replace(" ", "T") if written else ""
    title = f"MLflow model of {native.format.title}"
    return NativeFormat("mlflow_model", flavor, title, "", stated, written=date, evidence=evidence)


def _version_keys(flavor: str) -> Iterator[str]:
    yield from (f"{flavor}_version", {"lightgbm": "lgb_version", "xgboost": "xgb_version"}.get(flavor, "version"))


def _describe(native: Native, source: Source, about: dict[str, Any], found: Inner) -> None:
    used = {file.path for file in found.source.files}
    rest = [file for file in source.files if file.path not in used]
    examples = [file for file in rest if file.name in _EXAMPLES]
    again = [file for file in rest if _is_model(file)]
    note_left(native, "other weights", again, "of another flavor, or a pickle; only in the native bytes")
    keep_rest(native, [file for file in rest if file not in again and file not in examples])
    for file in examples:
        keep_file(native, file, "sample-input", "samples")
    names = [(about.get("artifact_path"), f"{MLMODEL}: artifact_path")]
    meta = read_optional(native, file_named(source, "registered_model_meta"), read_yaml)
    fields: list[Field] = [
        infer_name(source, names),
        *registered_fields(mapping(meta), "registered_model_meta"),
    ]
    pinned = environment(native, source)
    columns = table_file(about)
    if columns is not None:
        native.side_files.append(columns)
    fields += model_fields(about, MLMODEL, pinned, columns)
    override_fields(native, fields)


def _is_model(file: NativeFile) -> bool:
    endings = (".pkl", ".pickle", ".joblib", ".skops", ".pth", ".pt", ".pt2", ".h5", ".keras", ".onnx", ".pb", ".bin")
    return file.name.endswith(endings)
