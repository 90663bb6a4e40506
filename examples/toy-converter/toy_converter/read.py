r"""An example converter: the native format TOYNET1, a header of lines and the weights behind it.

    TOYNET1\n
    epoch 12\n
    layer1/kernel float32 3 4\n
    layer1/bias float32 4\n
    \n
    <the arrays, little-endian, one after the other>

Detection looks at the first bytes; reading looks at the header and says where each array stands. Nothing else is
needed: the commands, the certificate, the byte-exact restore and the batch follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from candle_spec.conversion.contract import (
    Card,
    Detection,
    Field,
    Group,
    Native,
    NativeFormat,
    Part,
    Source,
)
from candle_spec.errors import CorruptFileError, TruncatedFileError, UnsupportedFormatError
from candle_spec.weights.sources import FileBytes, TensorSource, plain

MAGIC = b"TOYNET1\n"
DTYPES = {"float32": ("F32", 4), "float64": ("F64", 8), "int64": ("I64", 8)}
LONGEST_HEADER = 1 << 20


class ToyConverter:
    """Reads TOYNET1 files."""

    name = "toy"
    title = "TOYNET1 files"
    suffixes: Sequence[str] = (".toy",)
    card = Card(
        family="ToyNet",
        kept="all arrays with their names; the epoch",
        not_kept="nothing",
        restore="byte for byte, without ToyNet",
    )

    def detect(self, source: Source) -> Detection | None:
        """Look at the first bytes, whatever the file is called."""
        if source.path.is_dir():
            return None
        with source.files[0].path.open("rb") as file:
            return Detection(90, "ToyNet weights") if file.read(len(MAGIC)) == MAGIC else None

    def read(self, source: Source) -> Native:
        """Read the header; no array is touched.

        Raises:
            CorruptFileError: The header is malformed.
            TruncatedFileError: The arrays do not fit into the file.
            UnsupportedFormatError: A dtype is unknown.
        """
        native_file = source.files[0]
        with native_file.path.open("rb") as file:
            head, blank, _ = file.read(LONGEST_HEADER).removeprefix(MAGIC).partition(b"\n\n")
        if not blank:
            raise TruncatedFileError("the header has no end", location=native_file.name)
        offset = len(MAGIC) + len(head) + 2
        native = Native(NativeFormat("toy", "1", "ToyNet weights", "toynet"), source, groups=[Group("model", "model")])
        for line in head.decode("utf-8", "replace").splitlines():
            words = line.split()
            if words[:1] == ["epoch"] and len(words) == 2 and words[1].isdecimal():
                native.fields.append(Field("/training_state/epoch", int(words[1]), "file", "header"))
                continue
            tensor = self._tensor(words, source, offset)
            if any(tensor.name == other.name for other in native.tensors):
                raise CorruptFileError(f"{tensor.name!r} stands there twice", location=native_file.name)
            offset += tensor.parts[""].data.size
            native.tensors.append(tensor)
        if offset > native_file.size:
            raise TruncatedFileError("the file ends before its arrays do", location=native_file.name)
        native.parts = [Part("model", "kept", count=len(native.tensors))]
        return native

    def _tensor(self, words: list[str], source: Source, offset: int) -> TensorSource:
        name, dtype, *numbers = words if len(words) > 1 else ("", "", "")
        if not name or not all(number.isdecimal() and len(number) < 12 for number in numbers):
            raise CorruptFileError(f"a malformed line: {' '.join(words)[:80]!r}", location=source.files[0].name)
        if dtype not in DTYPES:
            raise UnsupportedFormatError(f"the dtype {dtype!r} is not known", location=source.files[0].name)
        code, width = DTYPES[dtype]
        shape = tuple(int(number) for number in numbers)
        return plain("model", name, code, shape, FileBytes(source.files[0].path, offset, math.prod(shape) * width))


CONVERTER = ToyConverter()
