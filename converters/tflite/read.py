"""A model of TensorFlow Lite as a checkpoint: the file is the payload, its constants are put beside it as arrays."""

from __future__ import annotations

import math
import mmap
from typing import Any, Final

from candle_spec.conversion.contract import Field, Group, Native, NativeFormat, Part, SideFile, Source
from candle_spec.converters._shared.names import free_name
from candle_spec.converters.tflite import IDENTIFIER
from candle_spec.errors import CorruptFileError, UnsupportedFormatError
from candle_spec.paths import portable_name
from candle_spec.readers.flatbuffer import Buffer, Table
from candle_spec.weights.dtypes import item_size
from candle_spec.weights.sources import FileBytes, TensorSource, plain, total_size

_VERSION: Final = 3
_DTYPES: Final = {
    0: "F32",
    1: "F16",
    2: "I32",
    3: "U8",
    4: "I64",
    6: "BOOL",
    7: "I16",
    8: "C64",
    9: "I8",
    10: "F64",
    12: "U64",
    15: "U32",
    16: "U16",
    18: "BF16",
}


def read(source: Source) -> Native:
    """Read the tables.

    Raises:
        CorruptFileError: An offset leads out of the file.
        UnsupportedFormatError: The schema is of another version.
    """
    file = source.files[0]
    with file.path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        root = Buffer(data, str(file.path)).root()
        version = root.scalar(0, "I")
        if version != _VERSION:
            raise UnsupportedFormatError(f"version {version} of TensorFlow Lite is not known", location=str(file.path))
        return _native(source, root)


def _native(source: Source, root: Table) -> Native:
    file = source.files[0]
    evidence = tuple(filter(None, [f"FlatBuffer {IDENTIFIER.decode()}", root.text(3)[:200]]))
    native = Native(NativeFormat("tflite", "3", "TensorFlow Lite model", "tflite", evidence=evidence), source)
    name = portable_name(file.name.rpartition("/")[2])
    native.payload = [
        SideFile(f"payload/{name}", FileBytes(file.path, 0, file.size), "application/octet-stream", "model")
    ]
    buffers = root.tables(4)
    left = 0
    for number, graph in enumerate(root.tables(2)):
        tensors = graph.tables(0)
        for tensor in tensors:
            made = _tensor(source, native, tensor, buffers, number)
            left += made is None
            native.tensors += [made] if made else []
        if number == 0:
            native.fields += _ends(graph, tensors)
    if native.tensors:
        native.groups = [Group("derived", "derived")]
        size = total_size(native.tensors)
        reason = "the model's constants; the payload beside them is the model"
        native.parts.append(Part("constants", "transformed", reason, len(native.tensors), size))
    native.parts.insert(0, Part("model", "kept", "the file, verbatim", size=file.size))
    return native


def _tensor(source: Source, native: Native, tensor: Table, buffers: list[Table], graph: int) -> TensorSource | None:
    """Return a constant tensor; ``None`` for one that is computed, or whose dtype stays in the payload."""
    index, dtype = tensor.scalar(2, "I"), _DTYPES.get(tensor.scalar(1, "b"))
    if not 0 < index < len(buffers) or dtype is None:
        return None
    start, size = _data(buffers[index], source)
    shape = tuple(tensor.numbers(0, "i"))
    if not size:
        return None
    if any(n < 0 for n in shape) or math.prod(shape) * item_size(dtype) != size:
        if tensor.table(6) is not None:  # sparse: the buffer holds some of the values
            return None
        message = f"a tensor of shape {list(shape)} and {dtype} has {size} bytes"
        raise CorruptFileError(message, location=str(source.path))
    base = tensor.text(3) or f"tensor_{index}"
    name = free_name(base if graph == 0 else f"{graph}/{base}", {each.name for each in native.tensors})
    data = FileBytes(source.files[0].path, start, size)
    return plain("derived", name, dtype, shape, data, attributes=_quantisation(tensor))


def _data(buffer: Table, source: Source) -> tuple[int, int]:
    """Return where a buffer's bytes are: in it, or for large models behind the tables."""
    found = buffer.vector(0, 1)
    if found is not None and found[1]:
        return found
    offset, size = buffer.scalar(1, "Q"), buffer.scalar(2, "Q")
    if offset > 1 and offset + size > source.files[0].size:
        raise CorruptFileError("the bytes of a tensor lie beyond the file", location=str(source.path))
    return (offset, size) if offset > 1 else (0, 0)


def _quantisation(tensor: Table) -> dict[str, Any]:
    about = tensor.table(4)
    scales = about.numbers(2, "f") if about is not None else []
    if about is None or not scales or not all(math.isfinite(scale) for scale in scales):
        return {}
    found: dict[str, Any] = {"scales": scales[:4096], "zero_points": about.numbers(3, "q")[:4096]}
    return found | ({"axis": about.scalar(6, "i")} if len(scales) > 1 else {})


def _ends(graph: Table, tensors: list[Table]) -> list[Field]:
    """Return inputs and outputs of the first graph."""
    fields = []
    for pointer, number in (("/inputs", 1), ("/outputs", 2)):
        found = [tensors[index] for index in graph.numbers(number, "i") if 0 <= index < len(tensors)]
        rows = [row for tensor in found if (row := _end(tensor)) is not None]
        if rows and len({row["id"] for row in rows}) == len(rows):
            fields.append(Field(pointer, rows, "file", "subgraph 0"))
    return fields


def _end(tensor: Table) -> dict[str, Any] | None:
    name, dtype = tensor.text(3), _DTYPES.get(tensor.scalar(1, "b"))
    shape = tensor.numbers(7, "i") or tensor.numbers(0, "i")
    if not name or len(name) > 200 or not name.isprintable() or dtype is None or len(shape) > 64:
        return None
    axes = [{"name": f"axis{number}", "size": size if size >= 0 else None} for number, size in enumerate(shape)]
    return {"id": name, "kind": "tensor", "dtype": dtype, "axes": axes}
