"""Read stored arrays: memory-mapped, as NumPy arrays or torch tensors, without a copy.

The map is private (copy-on-write): an array may be changed in memory, the file is never. It is closed when the last
array of it is gone.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from candle_spec.errors import InvalidInputError, UnsupportedFormatError
from candle_spec.weights.dtypes import STORED, to_numpy
from candle_spec.weights.packing import unpacked
from candle_spec.weights.safetensors import Entry, Header, read_header

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TORCH: Final = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "F4": "float4_e2m1fn_x2",
}
"""Names of torch's dtypes: https://docs.pytorch.org/docs/stable/tensor_attributes.html#torch-dtype"""


class SafetensorsFile:
    """One open safetensors file; the header is fully checked when it is opened.

    Raises:
        CorruptFileError: The file breaks a rule of the format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header = read_header(path)
        self._map: mmap.mmap | None = None

    def keys(self) -> list[str]:
        """Names of the arrays, in file order."""
        return list(self.header.entries)

    def entry(self, key: str) -> Entry:
        """Where one array stands.

        Raises:
            InvalidInputError: There is none of that name.
        """
        try:
            return self.header.entries[key]
        except KeyError as error:
            raise InvalidInputError(f"there is no array {key!r}", location=str(self.path)) from error

    def buffer(self, key: str) -> memoryview:
        """The bytes of one array."""
        entry = self.entry(key)
        if not entry.size:
            return memoryview(b"")
        if self._map is None:
            with self.path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return memoryview(self._map)[entry.offset : entry.offset + entry.size]

    def numpy(self, key: str) -> npt.NDArray[np.generic]:
        """One array for NumPy (with ml_dtypes for bfloat16 and float8), on the map itself.

        Elements of less than a byte (F4, F6) come as a copy, one in each byte, as ml_dtypes has them.
        """
        import numpy as np

        entry = self.entry(key)
        dtype = to_numpy(entry.dtype)
        if not entry.size:
            return np.empty(entry.shape, dtype)
        if not STORED[entry.dtype].in_place:
            return unpacked(entry.dtype, entry.shape, np.frombuffer(self.buffer(key), np.uint8))
        # frombuffer does not know the dtypes of ml_dtypes by their buffer format; a view of bytes does.
        return np.frombuffer(self.buffer(key), np.uint8).view(dtype).reshape(entry.shape)

    def torch(self, key: str) -> Any:
        """One array for torch, on the map itself; two F4 elements along the last axis are one of torch's.

        Raises:
            UnsupportedFormatError: torch has no such dtype, or no tensor of such a shape.
        """
        from candle_spec.optional import require

        torch = require("torch", extra="torch", purpose="give tensors of torch")
        entry = self.entry(key)
        shape, dtype = _torch_shape(entry), getattr(torch, TORCH[entry.dtype])
        if not entry.size:
            return torch.empty(shape, dtype=dtype)
        flat = torch.frombuffer(self.buffer(key), dtype=torch.uint8)
        if entry.offset % max(1, dtype.itemsize):
            # Files of other writers may not be aligned; torch cannot view such bytes in place.
            flat = flat.clone()
        return flat.view(dtype).reshape(shape)


def _torch_shape(entry: Entry) -> tuple[int, ...]:
    """Return the shape of torch's tensor."""
    if entry.dtype in TORCH and entry.dtype != "F4":
        return entry.shape
    if entry.dtype == "F4" and entry.shape and entry.shape[-1] % 2 == 0:
        return (*entry.shape[:-1], entry.shape[-1] // 2)
    raise UnsupportedFormatError(
        f"torch has no tensor for {entry.dtype} {list(entry.shape)}", hint='ask for framework="numpy"'
    )
