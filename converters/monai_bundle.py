"""MONAI bundles: a folder of ``configs/metadata.json``, ``models/model.pt`` and what describes them.

Layout: https://docs.monai.io/en/stable/mb_specification.html. The model is ``models/model.pt``, else ``model.ts``;
where both are there, the TorchScript file stays in the native bytes. ``metadata.json`` fills the manifest: name,
version, authors, data, networks' inputs and outputs, scores, versions; configurations, documents and licenses are kept.
Nothing that a configuration names is imported, and no schema is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from candle_spec.conversion.contract import Card, Detection, Field, Native, NativeFile, NativeFormat, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters import _container as container
from candle_spec.converters import _described_model as described
from candle_spec.converters._monai_fields import metadata_fields
from candle_spec.errors import CorruptFileError, MissingPartError

_METADATA: Final = ("configs/metadata.json", "configs/metadata.yaml", "configs/metadata.yml")
_MODELS: Final = ("models/model.pt", "models/model.ts", "models/model.safetensors", "models/model.onnx")
_OWN: Final = frozenset({"monai_version", "network_data_format", "pytorch_version"})


class MonaiBundle:
    """The converter of MONAI bundles."""

    name = "monai_bundle"
    title = "MONAI bundles (configs/metadata.json, models/model.pt)"
    suffixes: Sequence[str] = ()
    card = Card(
        family="MONAI",
        kept="weights; metadata: name, authors, inputs, outputs, classes, scores, versions; configurations, documents",
        not_kept="model.ts beside model.pt (only in the native bytes); code that configurations name",
        restore="byte for byte, the whole folder",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the folder by its metadata."""
        file = _metadata_file(source)
        if not source.path.is_dir() or file is None:
            return None
        about = container.mapping(described.quiet(file, container.read_yaml))
        if not about.keys() & _OWN:
            return None
        return Detection(97, "MONAI bundle")

    def read(self, source: Source) -> Native:
        """Read metadata and the structure of the model.

        Raises:
            CorruptFileError: The metadata is none.
            MissingPartError: The model is not there.
        """
        file = _metadata_file(source)
        about = container.read_yaml(file) if file is not None else None
        if file is None or not isinstance(about, dict):
            raise CorruptFileError("metadata.json holds no object", location=str(source.path))
        model = _model(source)
        native = container.the_inner(container.single(model), source, model.name).read(source)
        version = str(about.get("monai_version", ""))[:100]
        evidence = (f"{file.name} states monai_version {version}",) if version else (file.name,)
        container.contain(
            native, source, NativeFormat("monai_bundle", native.format.id, "MONAI bundle", "", "", "", evidence)
        )
        self._describe(native, source, about, file, model)
        return native

    def _describe(
        self, native: Native, source: Source, about: dict[str, Any], file: NativeFile, model: NativeFile
    ) -> None:
        again = [other for name in _MODELS if (other := container.file_named(source, name)) and other is not model]
        container.leave(native, "other weights", again, "the same model again; only in the native bytes")
        used = {model.name, *(other.name for other in again)}
        left = [other for other in source.files if other.name not in used]
        large = [other for other in left if _is_weights(other)]
        container.leave(native, "other models", large, "further models of the bundle; only in the native bytes")
        container.keep_rest(native, [other for other in left if other not in large])
        names = [(about.get("name"), f"{file.name}: name")]
        fields: list[Field] = [infer_name(source, names), *metadata_fields(about, file.name)]
        container.describe(native, fields)


def _metadata_file(source: Source) -> NativeFile | None:
    return next((file for name in _METADATA if (file := container.file_named(source, name))), None)


def _model(source: Source) -> NativeFile:
    for name in _MODELS:
        file = container.file_named(source, name)
        if file is not None and file.size:
            return file
    others = [file for file in source.files if file.name.startswith("models/") and _is_weights(file)]
    if len(others) == 1:
        return others[0]
    hint = "fetch models/model.pt: large files of a bundle are listed in large_files.yml"
    raise MissingPartError("the bundle holds no models/model.pt", location=str(source.path), hint=hint)


def _is_weights(file: NativeFile) -> bool:
    return file.name.endswith((".pt", ".pth", ".ts", ".onnx", ".safetensors", ".trt", ".engine", ".bin"))


CONVERTER = MonaiBundle()
