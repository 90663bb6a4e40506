"""A bioimage.io package as a checkpoint: the preferred weights, read by their own converter, and what is around them.

The description fills the manifest, test tensors become samples, stated checksums are compared; all else is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from candle_spec.conversion.contract import Field, Native, NativeFile, NativeFormat, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.documents import mapping, read_yaml
from candle_spec.converters._shared.folders.inner import Inner, contain, override_fields, the_inner
from candle_spec.converters._shared.folders.kept_files import keep_rest, note_left
from candle_spec.converters.bioimageio_package import inputs_outputs
from candle_spec.converters.bioimageio_package.detect import description_of, is_model
from candle_spec.converters.bioimageio_package.fields import model_fields, path_of, stated_source
from candle_spec.digests import digest_file
from candle_spec.errors import CorruptFileError, MissingPartError, UnsupportedFormatError

_ORDER: Final = (
    "pytorch_state_dict",
    "keras_v3",
    "keras_hdf5",
    "torchscript",
    "pytorch_script",
    "tensorflow_saved_model_bundle",
    "onnx",
)


def read(source: Source) -> Native:
    """Read the description and the structure of the preferred weights.

    Raises:
        CorruptFileError: The description is none.
        MissingPartError: No weights are in the package.
        UnsupportedFormatError: Its weights are of no format that is read.
    """
    file = description_of(source)
    about = read_yaml(file) if file is not None else None
    if file is None or not isinstance(about, dict) or not is_model(about):
        raise CorruptFileError("the description is not that of a model", location=str(source.path))
    key, found = _weights(source, about["weights"])
    native = found.read(source)
    version = str(about.get("format_version", ""))[:100]
    evidence = (f"{file.name} states format_version {version}", f"weights {key}")
    row = mapping(about["weights"][key])
    framework = str(row.get("pytorch_version") or row.get("tensorflow_version") or row.get("keras_version") or "")[:100]
    title = f"bioimage.io package of {native.format.title}"
    written = str(about.get("timestamp", ""))
    date = written[:19] if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", written, re.ASCII) else ""
    about_format = NativeFormat("bioimageio_package", key, title, "", framework, written=date, evidence=evidence)
    contain(native, source, about_format)
    _describe(native, source, about, file, key, found)
    return native


def _weights(source: Source, stated: Mapping[str, Any]) -> tuple[str, Inner]:
    """Return the preferred weights that are in the package."""
    missing = ""
    keys = [key for key in _ORDER if isinstance(stated.get(key), dict)]
    for key in keys:
        name = path_of(stated[key].get("source"))
        place = stated_source(source, name)
        if place is not None:
            return key, the_inner(place, source, name)
        missing = missing or f"{key}: {name}"
    names = ", ".join(str(key) for key in stated)[:300]
    if keys:
        hint = "fetch the whole package: bioimageio package <id> <file>"
        raise MissingPartError(f"the weights are not in the package ({missing})", location=str(source.path), hint=hint)
    raise UnsupportedFormatError(f"none of its weights ({names}) is read here", location=str(source.path))


def _describe(native: Native, source: Source, about: dict[str, Any], file: NativeFile, key: str, found: Inner) -> None:
    used = {each.path for each in found.source.files}
    again: list[NativeFile] = []
    for other, row in mapping(about.get("weights")).items():
        place = stated_source(source, mapping(row).get("source")) if other != key else None
        again += [each for each in (place.files if place else ()) if each.path not in used and each not in again]
    again = [each for each in source.files if each.path in {other.path for other in again}]
    note_left(native, "other weights", again, "the same model again; only in the native bytes")
    vectors = inputs_outputs.example_tensors(source, about)
    samples = {each.path for each in (*vectors.inputs, *vectors.outputs)}
    left = [each for each in source.files if each.path not in used | samples and each not in again]
    paths = keep_rest(native, left)
    names = [(about.get("name"), f"{file.name}: name")]
    fields: list[Field] = [infer_name(source, names), *model_fields(about, file.name, key, paths)]
    fields += inputs_outputs.tensor_fields(about, file.name)
    fields += inputs_outputs.keep_samples(native, vectors, about, file.name)
    override_fields(native, fields)
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
        stated = node.get("sha256")
        if not isinstance(stated, str) or not re.fullmatch(r"[0-9a-f]{64}", stated):
            continue
        place = stated_source(source, node.get("source"))
        if place is not None and len(place.files) == 1:
            yield partial(_fault, place.files[0], stated)


def _fault(file: NativeFile, stated: str) -> str:
    found = digest_file(file.path).removeprefix("sha256:")
    return "" if found == stated else f"the SHA-256 of {file.name!r} is {found}, the description states {stated}"
