"""A MONAI bundle as a checkpoint: its model, read by the converter of its own content, and its metadata as fields."""

from __future__ import annotations

from typing import Any, Final

from candle_spec.conversion.contract import Field, Native, NativeFile, NativeFormat, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.documents import read_yaml
from candle_spec.converters._shared.folders.inner import contain, override_fields, the_inner
from candle_spec.converters._shared.folders.kept_files import keep_rest, note_left
from candle_spec.converters._shared.source_files import file_named, source_of
from candle_spec.converters.monai_bundle.detect import metadata_file
from candle_spec.converters.monai_bundle.fields import metadata_fields
from candle_spec.errors import CorruptFileError, MissingPartError

_MODELS: Final = ("models/model.pt", "models/model.ts", "models/model.safetensors", "models/model.onnx")


def read(source: Source) -> Native:
    """Read metadata and the structure of the model.

    Raises:
        CorruptFileError: The metadata is none.
        MissingPartError: The model is not there.
    """
    file = metadata_file(source)
    about = read_yaml(file) if file is not None else None
    if file is None or not isinstance(about, dict):
        raise CorruptFileError("metadata.json holds no object", location=str(source.path))
    model = _model(source)
    native = the_inner(source_of(model), source, model.name).read(source)
    version = str(about.get("monai_version", ""))[:100]
    evidence = (f"{file.name} states monai_version {version}",) if version else (file.name,)
    contain(native, source, NativeFormat("monai_bundle", native.format.id, "MONAI bundle", "", evidence=evidence))
    _describe(native, source, about, file, model)
    return native


def _describe(native: Native, source: Source, about: dict[str, Any], file: NativeFile, model: NativeFile) -> None:
    again = [other for name in _MODELS if (other := file_named(source, name)) and other is not model]
    note_left(native, "other weights", again, "the same model again; only in the native bytes")
    used = {model.name, *(other.name for other in again)}
    left = [other for other in source.files if other.name not in used]
    large = [other for other in left if _is_weights(other)]
    note_left(native, "other models", large, "further models of the bundle; only in the native bytes")
    keep_rest(native, [other for other in left if other not in large])
    names = [(about.get("name"), f"{file.name}: name")]
    fields: list[Field] = [infer_name(source, names), *metadata_fields(about, file.name)]
    override_fields(native, fields)


def _model(source: Source) -> NativeFile:
    for name in _MODELS:
        file = file_named(source, name)
        if file is not None and file.size:
            return file
    others = [file for file in source.files if file.name.startswith("models/") and _is_weights(file)]
    if len(others) == 1:
        return others[0]
    hint = "fetch models/model.pt: large files of a bundle are listed in large_files.yml"
    raise MissingPartError("the bundle holds no models/model.pt", location=str(source.path), hint=hint)


def _is_weights(file: NativeFile) -> bool:
    return file.name.endswith((".pt", ".pth", ".ts", ".onnx", ".safetensors", ".trt", ".engine", ".bin"))
