"""The arrays of one Orbax item, read by TensorStore: opened without reading, then read piece by piece.

TensorStore's file driver takes no key that leads out of its folder (it refuses ``..``), and what it unpacks is cut at
the size of a chunk. A chunk that is missing is an error unless the tree says that chunks of fill values were left out.
An array that stands unpacked in one chunk of plain zarr is taken from its file as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import NativeFile, Source
from candle_spec.converters._shared.documents import mapping
from candle_spec.converters._shared.encodings import parts_of, width_of
from candle_spec.converters.orbax.tree import Item
from candle_spec.digests import BLOCK
from candle_spec.errors import (
    CorruptFileError,
    LimitExceededError,
    MissingPartError,
    UnsupportedFormatError,
)
from candle_spec.optional import require
from candle_spec.weights.dtypes import from_numpy_name
from candle_spec.weights.sources import Bytes, FileBytes, MadeBytes, TensorSource

if TYPE_CHECKING:
    import numpy.typing as npt

_WRONG: Final = (ValueError, TypeError, OSError, RuntimeError, IndexError, KeyError, OverflowError, NotImplementedError)
"""What TensorStore raises for damaged content."""


class Stores:
    """Opens the arrays of one item."""

    def __init__(self, source: Source, item: Item, context: Any) -> None:
        self._source = source
        self._folder = f"{item.folder}/" if item.folder else ""
        self._files = {file.name: file for file in source.files if file.name.startswith(self._folder)}
        self._total = sum(file.size for file in source.files)
        database = item.about.get("use_ocdbt")
        # Releases before 0.4 did not say.
        self._ocdbt = f"{self._folder}manifest.ocdbt" in self._files if database is None else database is True
        self._zarr3 = item.about.get("use_zarr3") is True
        self._whole = item.about.get("store_array_data_equal_to_fill_value") is True
        self._context = context

    @property
    def name(self) -> str:
        """The layout in the field's words."""
        return ("ocdbt-" if self._ocdbt else "") + ("zarr3" if self._zarr3 else "zarr")

    def open(self, key: str) -> Array:
        """Open one array; none of its chunks is read.

        Raises:
            MissingPartError: It is not there.
            CorruptFileError: It is damaged.
            LimitExceededError: It, or one of its chunks, is too large.
        """
        location = f"{self._source.path}: {self._folder}{key}"
        marker = f"{self._folder}{'manifest.ocdbt' if self._ocdbt else self._header(key)}"
        if marker not in self._files:
            raise MissingPartError(f"{marker!r} is not there", location=location, hint="fetch the whole folder")
        tensorstore = require("tensorstore", extra="jax", purpose="read Orbax checkpoints")
        try:
            store = tensorstore.open(self._spec(key), open=True, read=True, context=self._context).result()
            shape, dtype = tuple(int(n) for n in store.shape), str(store.dtype.name)
            chunk = tuple(int(n) for n in store.chunk_layout.read_chunk.shape or (1,) * len(shape))
        except _WRONG as error:
            raise CorruptFileError(f"the array cannot be opened: {_first_line(error)}", location=location) from error
        array = Array(store, shape, chunk, _dtype(dtype, location), location, self._raw(key))
        most = max(limits.ORBAX_CHUNK, 4 * self._total)
        unpacked = math.prod(chunk) * array.width
        if unpacked > most or array.size > min(limits.TENSOR_BYTES, self._total * limits.ORBAX_RATIO):
            raise LimitExceededError(f"an array of {array.size} bytes in chunks of {unpacked}", location=location)
        return array

    def _header(self, key: str) -> str:
        return f"{key}/" * bool(key) + ("zarr.json" if self._zarr3 else ".zarray")

    def _spec(self, key: str) -> dict[str, Any]:
        base = f"{(self._source.path / self._folder).as_posix()}/"
        path = f"{key}/" if key else ""
        store: dict[str, Any] = {"driver": "file", "path": base + path}
        if self._ocdbt:
            store = {"driver": "ocdbt", "base": {"driver": "file", "path": base}, "path": path}
        driver = "zarr3" if self._zarr3 else "zarr"
        return {"driver": driver, "kvstore": store, "fill_missing_data_reads": not self._whole}

    def _raw(self, key: str) -> NativeFile | None:
        """Return the file that is the array's bytes: its one chunk, not compressed."""
        header = self._files.get(f"{self._folder}{self._header(key)}")
        if self._ocdbt or self._zarr3 or header is None:
            return None
        about = mapping(loads(header.path.read_bytes(), location=header.name))
        shape, dtype = about.get("shape"), about.get("dtype")
        packed = about.get("compressor") is not None or about.get("filters")
        if packed or about.get("order") != "C" or about.get("chunks") != shape or not isinstance(shape, list):
            return None
        if not isinstance(dtype, str) or dtype.startswith(">"):
            return None
        chunk = ".".join("0" for _ in shape) or "0"
        return self._files.get(f"{self._folder}{key}/{chunk}" if key else f"{self._folder}{chunk}")


def context_of() -> Any:
    """Return what all arrays of a folder share: little memory and few threads."""
    tensorstore = require("tensorstore", extra="jax", purpose="read Orbax checkpoints")
    bounds = {
        "cache_pool": {"total_bytes_limit": limits.ORBAX_CACHE},
        "data_copy_concurrency": {"limit": 2},
        "file_io_concurrency": {"limit": 2},
    }
    return tensorstore.Context(bounds)


def _dtype(name: str, location: str) -> str:
    try:
        return from_numpy_name(name).name
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(f"the dtype {name!r} is not known", location=location) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


@dataclass(frozen=True, slots=True)
class Array:
    """An array in its store.

    Attributes:
        store: TensorStore's.
        shape: The shape.
        chunk: Shape of what is unpacked at once.
        dtype: Logical dtype.
        location: For messages.
        raw: The file that holds the items as they are, if there is one.
    """

    store: Any
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    dtype: str
    location: str
    raw: NativeFile | None = None

    @property
    def width(self) -> int:
        """Bytes of an item: those of less than a byte take one."""
        return width_of(self.dtype)

    @property
    def size(self) -> int:
        """Bytes of all items."""
        return math.prod(self.shape) * self.width

    def value(self) -> Any:
        """The one item of an array without axes."""
        return self._read(self.store).item()

    def tensor(self, group: str, name: str, about: dict[str, Any]) -> TensorSource:
        """Return the tensor, encoded where safetensors lacks its dtype."""
        data: Bytes = MadeBytes(self.size, self.blocks)
        if self.raw is not None and self.raw.size == self.size:
            data = FileBytes(self.raw.path, 0, self.size)
        parts, encoding = parts_of(self.dtype, self.shape, data)
        return TensorSource(group, name, self.dtype, self.shape, parts, encoding, attributes=about)

    def blocks(self) -> Iterator[memoryview]:
        """Yield the items row-major, in pieces of whole chunks as far as memory allows."""
        import numpy as np

        if self.size:
            for piece in self._pieces(self.store, self.shape, self.chunk):
                yield np.ascontiguousarray(self._read(piece)).reshape(-1).view(np.uint8).data

    def _pieces(self, store: Any, shape: tuple[int, ...], chunk: tuple[int, ...]) -> Iterator[Any]:
        size = math.prod(shape) * self.width
        if size <= BLOCK or not shape:
            yield store
            return
        row = size // shape[0]
        depth = max(1, min(chunk[0], shape[0]))
        bound = max(limits.ORBAX_SLAB, math.prod(chunk) * self.width)
        if row > bound:
            for index in range(shape[0]):
                yield from self._pieces(store[index], shape[1:], chunk[1:])
            return
        # Rows of whole chunks; where those are too many, a chunk is unpacked several times.
        step = max(1, BLOCK // (row * depth)) * depth if row * depth <= bound else bound // row
        for start in range(0, shape[0], step):
            yield store[start : min(start + step, shape[0])]

    def _read(self, part: Any) -> npt.NDArray[Any]:
        try:
            array: npt.NDArray[Any] = part.read(order="C").result()
        except _WRONG as error:
            message = f"a chunk of the array cannot be read: {_first_line(error)}"
            kind = MissingPartError if "NOT_FOUND" in message else CorruptFileError
            raise kind(message, location=self.location, hint="fetch the folder again") from error
        return array
