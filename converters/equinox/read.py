"""Leaves of Equinox as a checkpoint: the headers of all are read; their names come from the user, or are numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from candle_spec import limits
from candle_spec.canonical import canonical, loads
from candle_spec.conversion.contract import Field, Group, Native, NativeFile, NativeFormat, Part, Source
from candle_spec.converters._shared.numpy.tensors import Items, tensor_of
from candle_spec.converters.equinox.detect import first_leaf, leaf_headers
from candle_spec.errors import InvalidInputError, LimitExceededError
from candle_spec.readers.npy_header import NpyHeader
from candle_spec.readers.settings import as_json
from candle_spec.weights.sources import FileBytes, TensorSource, plain


def read(source: Source) -> Native:
    """Read the headers of all leaves.

    Raises:
        CorruptFileError: A header is damaged.
        TruncatedFileError: The file ends inside a leaf.
        InvalidInputError: The list of names does not fit.
    """
    file = source.files[0]
    first, line = first_leaf(file)
    headers = list(leaf_headers(file, first))
    names = _names(source, len(headers))
    native = Native(
        NativeFormat("equinox", "eqx", "Equinox leaves", "jax", evidence=(f"{len(headers)} .npy arrays in a row",)),
        source,
        groups=[Group("model", "model")],
        weights_metadata={"format": "flax"},
    )
    rows = zip(names, headers, strict=True)
    native.tensors = [_leaf(file, name, position, header) for name, (position, header) in rows]
    settings = as_json(line) if isinstance(line, dict) else {}
    if settings and _fits(settings):
        native.fields.append(Field("/training/hyperparameters", settings, "file", "first line"))
    native.parts = list(_parts(native, sum(header.size for _, header in headers)))
    if line and not native.fields:
        native.parts.append(Part("first line", "residue", "JSON that the manifest does not hold as hyperparameters"))
    native.parts.append(Part("topology", "absent", "the tree is in the program that wrote the file"))
    return native


def _parts(native: Native, size: int) -> Iterator[Part]:
    named = native.source.topology is not None
    reason = "" if named else "the file holds no names: --topology with a JSON list gives them"
    yield Part("model", "kept", reason, len(native.tensors), size)
    nameless = sum(tensor.dtype == "BYTES" for tensor in native.tensors)
    if nameless:
        reason = "items of one byte without a name (float8, int4): which of them, the program knows"
        yield Part("dtypes", "absent", reason, nameless)


def _fits(settings: dict[str, Any]) -> bool:
    """Whether the manifest holds an object as it is: names of usual length, text that is Unicode."""
    try:
        size = len(canonical(settings))
    except InvalidInputError:
        return False
    return size <= limits.SETTINGS_BYTES and len(settings) <= 10_000 and all(0 < len(key) <= 500 for key in settings)


def _leaf(file: NativeFile, name: str, position: int, header: NpyHeader) -> TensorSource:
    offset = position + header.offset
    data = FileBytes(file.path, offset, header.size)
    nameless = header.dtype.kind == "V" and header.dtype.names is None
    if nameless and header.dtype.itemsize == 2 and not header.fortran:
        return plain("model", name, "BF16", header.shape, data)
    return tensor_of(Items(header, f"{file.path}: {name}", file.path, offset, data.blocks), "model", name)


def _names(source: Source, count: int) -> list[str]:
    """Return the names of the leaves: those that the user listed, else their numbers."""
    if source.topology is None:
        width = max(3, len(str(max(0, count - 1))))
        return [f"leaf_{number:0{width}d}" for number in range(count)]
    path: Path = source.topology.path
    if source.topology.size > limits.JSON_BYTES:
        raise LimitExceededError("the list of names is too long", location=str(path))
    names = loads(path.read_bytes(), location=str(path))
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise InvalidInputError("the names are no JSON list of texts", location=str(path))
    if len(names) != count or len(set(names)) != count:
        message = f"{len(names)} names, {len(set(names))} of them different, for {count} leaves"
        raise InvalidInputError(message, location=str(path))
    return names
