"""How a TOYNET1 file is read: the header says where each array stands, and no array is touched."""

from __future__ import annotations

import math

from candle_spec.conversion.contract import Field, Group, Native, NativeFormat, Part, Source
from candle_spec.errors import CorruptFileError, TruncatedFileError, UnsupportedFormatError
from candle_spec.weights.sources import FileBytes, TensorSource, plain
from toy_converter.detect import MAGIC

_DTYPES = {"float32": ("F32", 4), "float64": ("F64", 8), "int64": ("I64", 8)}
_LONGEST_HEADER = 1 << 20


def read(source: Source) -> Native:
    """Read the header; no array is touched.

    Raises:
        CorruptFileError: The header is malformed.
        TruncatedFileError: The arrays do not fit into the file.
        UnsupportedFormatError: A dtype is unknown.
    """
    native_file = source.files[0]
    with native_file.path.open("rb") as file:
        head, blank, _ = file.read(_LONGEST_HEADER).removeprefix(MAGIC).partition(b"\n\n")
    if not blank:
        raise TruncatedFileError("the header has no end", location=native_file.name)
    offset = len(MAGIC) + len(head) + 2
    native = Native(NativeFormat("toy", "1", "ToyNet weights", "toynet"), source, groups=[Group("model", "model")])
    for line in head.decode("utf-8", "replace").splitlines():
        words = line.split()
        if words[:1] == ["epoch"] and len(words) == 2 and words[1].isdecimal():
            native.fields.append(Field("/training_state/epoch", int(words[1]), "file", "header"))
            continue
        tensor = _tensor(words, source, offset)
        if any(tensor.name == other.name for other in native.tensors):
            raise CorruptFileError(f"{tensor.name!r} stands there twice", location=native_file.name)
        offset += tensor.parts[""].data.size
        native.tensors.append(tensor)
    if offset > native_file.size:
        raise TruncatedFileError("the file ends before its arrays do", location=native_file.name)
    native.parts = [Part("model", "kept", count=len(native.tensors))]
    return native


def _tensor(words: list[str], source: Source, offset: int) -> TensorSource:
    name, dtype, *numbers = words if len(words) > 1 else ("", "", "")
    if not name or not all(number.isdecimal() and len(number) < 12 for number in numbers):
        raise CorruptFileError(f"a malformed line: {' '.join(words)[:80]!r}", location=source.files[0].name)
    if dtype not in _DTYPES:
        raise UnsupportedFormatError(f"the dtype {dtype!r} is not known", location=source.files[0].name)
    code, width = _DTYPES[dtype]
    shape = tuple(int(number) for number in numbers)
    return plain("model", name, code, shape, FileBytes(source.files[0].path, offset, math.prod(shape) * width))
