"""bioimage.io packages: a folder of ``bioimageio.yaml`` (``rdf.yaml``) with weights in one format or several.

Specification: https://bioimage-io.github.io/spec-bioimage-io/ (models of 0.3, 0.4 and 0.5). A package is usually a zip
file; ``archive`` opens it. Of the weights the first of this order is read: PyTorch state dict, Keras, TorchScript,
TensorFlow, ONNX; the others stay in the native bytes. Stated SHA-256 sums are compared. Authors, license, citation,
axes of inputs and outputs, processing and evaluation fill the manifest; test tensors become samples and, where there is
one of each, a vector for verification. Code of an architecture is kept and not run; files that are only named by URL
are not fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from candle_spec.conversion.contract import Card, Detection, Field, Native, NativeFile, NativeFormat, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters import _bioimageio_tensors as tensors
from candle_spec.converters import _container as container
from candle_spec.converters import _described_model as described
from candle_spec.converters._bioimageio_fields import model_fields, source_of
from candle_spec.converters._container import Recognised
from candle_spec.digests import digest_file
from candle_spec.errors import CorruptFileError, MissingPartError, UnsupportedFormatError

_DESCRIPTIONS: Final = ("bioimageio.yaml", "rdf.yaml", "model.yaml")
_ORDER: Final = (
    "pytorch_state_dict",
    "keras_v3",
    "keras_hdf5",
    "torchscript",
    "pytorch_script",
    "tensorflow_saved_model_bundle",
    "onnx",
)


class BioimageioPackage:
    """The converter of bioimage.io packages."""

    name = "bioimageio_package"
    title = "bioimage.io model packages (bioimageio.yaml, rdf.yaml)"
    suffixes: Sequence[str] = ()
    card = Card(
        family="bioimage.io",
        kept="weights of one format; authors, license, citation, inputs, outputs; test tensors, code as files",
        not_kept="weights in further formats (only in the native bytes); files that are only named by URL",
        restore="byte for byte, the whole package",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the folder by its description."""
        file = _description(source)
        if not source.path.is_dir() or file is None:
            return None
        about = container.mapping(described.quiet(file, container.read_yaml))
        return Detection(97, "bioimage.io package") if _is_model(about) else None

    def read(self, source: Source) -> Native:
        """Read the description and the structure of the preferred weights.

        Raises:
            CorruptFileError: The description is none.
            MissingPartError: No weights are in the package.
            UnsupportedFormatError: Its weights are of no format that is read.
        """
        file = _description(source)
        about = container.read_yaml(file) if file is not None else None
        if file is None or not isinstance(about, dict) or not _is_model(about):
            raise CorruptFileError("the description is not that of a model", location=str(source.path))
        key, found = _weights(source, about["weights"])
        native = found.read(source)
        version = str(about.get("format_version", ""))[:100]
        evidence = (f"{file.name} states format_version {version}", f"weights {key}")
        row = container.mapping(about["weights"][key])
        framework = str(row.get("pytorch_version") or row.get("tensorflow_version") or row.get("keras_version") or "")[
            :100
        ]
        title = f"bioimage.io package of {native.format.title}"
        written = str(about.get("timestamp", ""))
        date = written[:19] if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", written, re.ASCII) else ""
        container.contain(native, source, NativeFormat("bioimageio_package", key, title, "", framework, date, evidence))
        _describe(native, source, about, file, key, found)
        return native


def _description(source: Source) -> NativeFile | None:
    return next((file for name in _DESCRIPTIONS if (file := container.file_named(source, name))), None)


def _is_model(about: Mapping[str, Any]) -> bool:
    return (
        about.get("type", "model") == "model" and "format_version" in about and isinstance(about.get("weights"), dict)
    )


def _weights(source: Source, stated: Mapping[str, Any]) -> tuple[str, Recognised]:
    """Return the preferred weights that are in the package."""
    missing = ""
    keys = [key for key in _ORDER if isinstance(stated.get(key), dict)]
    for key in keys:
        name = source_of(stated[key].get("source"))
        place = container.at(source, name) if name and "://" not in name else None
        if place is not None:
            return key, container.the_inner(place, source, name)
        missing = missing or f"{key}: {name}"
    names = ", ".join(str(key) for key in stated)[:300]
    if keys:
        hint = "fetch the whole package: bioimageio package <id> <file>"
        raise MissingPartError(f"the weights are not in the package ({missing})", location=str(source.path), hint=hint)
    raise UnsupportedFormatError(f"none of its weights ({names}) is read here", location=str(source.path))


def _describe(
    native: Native, source: Source, about: dict[str, Any], file: NativeFile, key: str, found: Recognised
) -> None:
    used = {each.path for each in found.source.files}
    again: list[NativeFile] = []
    for other, row in container.mapping(about.get("weights")).items():
        names = source_of(container.mapping(row).get("source")) if other != key else ""
        place = container.at(source, names) if names and "://" not in names else None
        again += [each for each in (place.files if place else ()) if each.path not in used and each not in again]
    again = [each for each in source.files if each.path in {other.path for other in again}]
    container.leave(native, "other weights", again, "the same model again; only in the native bytes")
    vectors = tensors.example_tensors(source, about)
    samples = {each.path for each in (*vectors.inputs, *vectors.outputs)}
    left = [each for each in source.files if each.path not in used | samples and each not in again]
    paths = container.keep_rest(native, left)
    names_ = [(about.get("name"), f"{file.name}: name")]
    fields: list[Field] = [infer_name(source, names_), *model_fields(about, file.name, key, paths)]
    fields += tensors.tensor_fields(about, file.name)
    fields += tensors.keep_samples(native, vectors, about, file.name)
    container.describe(native, fields)
    native.checks += list(_sums(source, about))


def _sums(source: Source, about: Any) -> Iterator[Callable[[], str]]:
    """Yield a comparison for each file beside which a SHA-256 is stated."""
    open_nodes: list[Any] = [about]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, list):
            open_nodes += node
        if not isinstance(node, dict):
            continue
        open_nodes += list(node.values())
        stated, name = node.get("sha256"), source_of(node.get("source"))
        if not isinstance(stated, str) or not re.fullmatch(r"[0-9a-f]{64}", stated) or not name or "://" in name:
            continue
        place = container.at(source, name)
        if place is not None and len(place.files) == 1:
            yield partial(_fault, place.files[0], stated)


def _fault(file: NativeFile, stated: str) -> str:
    found = digest_file(file.path).removeprefix("sha256:")
    return "" if found == stated else f"the SHA-256 of {file.name!r} is {found}, the description states {stated}"


CONVERTER = BioimageioPackage()
