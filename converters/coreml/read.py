"""A model of Core ML as a checkpoint: its files are the payload, the arrays of its weights are put beside it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import Group, Native, NativeFile, NativeFormat, Part, SideFile, Source
from candle_spec.converters._shared.names import free_name
from candle_spec.converters._shared.source_files import file_named
from candle_spec.converters.coreml import MANIFEST
from candle_spec.converters.coreml.learned import learned_arrays
from candle_spec.errors import CorruptFileError, LimitExceededError, UnsupportedFormatError
from candle_spec.paths import portable_name
from candle_spec.readers import protobuf
from candle_spec.weights.dtypes import item_size
from candle_spec.weights.sources import FileBytes, TensorSource, plain, total_size

_WEIGHTS: Final = "weights/weight.bin"
_SENTINEL: Final = 0xDEADBEEF
_BLOB: Final = 64
"""Bytes of a header, and what everything in the file of weights is aligned to."""


_DTYPES: Final = {1: "F16", 2: "F32", 3: "U8", 4: "I8", 5: "BF16", 6: "I16", 7: "U16", 14: "I32", 15: "U32"}


def read(source: Source) -> Native:
    """Read what describes the weights.

    Raises:
        CorruptFileError: The manifest or the weights are damaged.
        UnsupportedFormatError: The weights are of another version.
    """
    package = source.path.is_dir()
    title = "Core ML package" if package else "Core ML model"
    native = Native(NativeFormat("coreml", "package" if package else "model", title, "coreml"), source)
    if package:
        _check_manifest(source)
    for file in source.files:
        if file.size:
            path = "/".join(portable_name(part) for part in file.name.split("/"))
            media = "application/json" if file.name == MANIFEST else "application/octet-stream"
            role = "description" if file.name == MANIFEST else "model"
            native.payload.append(SideFile(f"payload/{path}", FileBytes(file.path, 0, file.size), media, role))
    for file in source.files:
        if file.name.endswith(_WEIGHTS):
            native.tensors += list(_arrays(file, len(native.tensors)))
    for file in source.files:
        if not package or file.name.endswith(".mlmodel"):
            with protobuf.open_message(file.path) as message:
                taken = {tensor.name for tensor in native.tensors}
                for tensor in learned_arrays(message):
                    native.tensors.append(replace(tensor, name=free_name(tensor.name, taken)))
                    taken.add(native.tensors[-1].name)
    native.parts = [Part("model", "kept", "the files, verbatim", size=sum(file.size for file in source.files))]
    if native.tensors:
        native.groups = [Group("derived", "derived")]
        size = total_size(native.tensors)
        reason = "of the file of weights in its order, of the model by its fields; the payload beside them is the model"
        native.parts.append(Part("arrays", "transformed", reason, len(native.tensors), size))
    return native


def _check_manifest(source: Source) -> None:
    manifest = file_named(source, MANIFEST)
    if manifest is None or manifest.size > limits.SETTINGS_BYTES:
        raise LimitExceededError("the manifest is too long", location=str(source.path))
    about = loads(manifest.path.read_bytes(), location=manifest.name)
    if not isinstance(about, dict) or not isinstance(about.get("itemInfoEntries"), dict):
        raise CorruptFileError("the manifest names no items", location=str(manifest.path))


def _arrays(file: NativeFile, first: int) -> Iterator[TensorSource]:
    """Yield the arrays of a file of weights.

    Raises:
        CorruptFileError: A header is none, or its array lies beyond the file.
        UnsupportedFormatError: The file is of another version.
    """
    location = str(file.path)
    with file.path.open("rb") as opened:
        count, version = struct.unpack("<II", opened.read(8).ljust(8, b"\0"))
        if version != 2:
            raise UnsupportedFormatError(f"version {version} of the file of weights is not known", location=location)
        if count > file.size // _BLOB:
            raise CorruptFileError(f"{count} arrays in {file.size} bytes", location=location)
        position = _BLOB
        for number in range(count):
            opened.seek(position)
            code, offset, size = _place(opened.read(24), position, file)
            dtype = _DTYPES.get(code, "U8")
            about = {} if code in _DTYPES else {"blob_dtype": code}
            shape, data = (size // item_size(dtype),), FileBytes(file.path, offset, size)
            yield plain("derived", f"blob_{first + number:03d}", dtype, shape, data, attributes=about)
            position = -(-(offset + size) // _BLOB) * _BLOB


def _place(header: bytes, position: int, file: NativeFile) -> tuple[int, int, int]:
    """Return the number of an array's dtype, its first byte and its size, from the header at ``position``."""
    location = f"{file.path}, byte {position}"
    sentinel, code, size, offset = struct.unpack("<IIQQ", header.ljust(24, b"\0"))
    if sentinel != _SENTINEL or offset < position + _BLOB or offset + size > file.size:
        raise CorruptFileError("a malformed header of an array", location=location)
    dtype = _DTYPES.get(code, "U8")
    if size % item_size(dtype):
        raise CorruptFileError(f"an array of {size} bytes of {dtype}", location=location)
    return code, offset, size
