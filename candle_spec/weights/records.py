"""Arrays of records (NumPy's structured dtypes): what each field is stored as, and the records made again.

A field's items are an array of a stored dtype where safetensors has theirs, little-endian; else their bytes as they
stood, with one axis more. What a field was says ``fields``: its dtype as NumPy writes it, with its byte order.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec.errors import CorruptFileError, UnsupportedFormatError
from candle_spec.weights.dtypes import DTYPES, from_numpy, to_numpy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SIMPLE: Final = re.compile(r"[|<>]?[?a-zA-NP-Z]\d{0,9}(\[[0-9a-zA-Z/]{1,20}\])?")
_ARRAY: Final = re.compile(r"\('[^']{1,40}', \([0-9, ]{1,200}\)\)")
_ITEM: Final = 1 << 24
_DEPTH: Final = 16


@dataclass(frozen=True, slots=True)
class Column:
    """One field.

    Attributes:
        name: Its name.
        base: NumPy's dtype of one of its items.
        offset: Its first byte in a record.
        inner: Shape of the items in one record.
        dtype: Stored dtype; ``U8`` with an axis of ``base.itemsize`` more, where safetensors lacks that of the items.
    """

    name: str
    base: np.dtype[Any]
    offset: int
    inner: tuple[int, ...]
    dtype: str

    @property
    def tail(self) -> tuple[int, ...]:
        """Axes of the stored part behind those of the array."""
        return self.inner if self.is_number else (*self.inner, int(self.base.itemsize))

    @property
    def is_number(self) -> bool:
        """Whether its items are of a stored dtype, rather than bytes."""
        return bool(self.dtype)

    @property
    def stored(self) -> str:
        """The dtype of the stored part."""
        return self.dtype or "U8"

    @property
    def size(self) -> int:
        """Bytes that it takes in one record."""
        return math.prod(self.inner) * int(self.base.itemsize)

    def items(self, records: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return its bytes of some records as they are stored: side by side, numbers little-endian."""
        import numpy as np

        column = records[self.name]
        if self.is_number:
            column = column.astype(self.base.newbyteorder("<"), copy=False)
        return np.frombuffer(np.ascontiguousarray(column).tobytes(), np.uint8)


def columns(dtype: np.dtype[Any]) -> list[Column]:
    """Return the fields of a structured dtype, in order."""
    found: list[Column] = []
    table: Mapping[str, Any] = dtype.fields or {}
    for name in dtype.names or ():
        inner = table[name][0]
        base, shape = inner.subdtype or (inner, ())
        found.append(Column(name, base, int(table[name][1]), tuple(map(int, shape)), _stored(base)))
    return found


def _stored(base: np.dtype[Any]) -> str:
    if base.names or base.hasobject or (base.kind not in "biufc" and not _is_extended(base)):
        return ""
    try:
        row = from_numpy(base)
    except UnsupportedFormatError:
        return ""
    return row.name if row.in_place else ""


def _is_extended(dtype: np.dtype[Any]) -> bool:
    return any(row.numpy == dtype.name for row in DTYPES.values())


def described(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return the parameters of the encoding ``structured``."""
    table: Mapping[str, Any] = dtype.fields or {}
    rows = []
    for column in columns(dtype):
        text = column.base.name if _is_extended(column.base) and column.base.kind in "V" else column.base.str
        row: dict[str, Any] = {"name": column.name, "dtype": text, "offset": column.offset}
        if column.inner:
            row["shape"] = list(column.inner)
        if len(table[column.name]) > 2 and isinstance(table[column.name][2], str):
            row["title"] = table[column.name][2]
        if column.base.names:
            row["fields"] = described(column.base)["fields"]
        rows.append(row)
    return {"fields": rows, "item_size": int(dtype.itemsize)}


def record_dtype(params: Mapping[str, Any]) -> np.dtype[Any]:
    """Return NumPy's dtype of records from the parameters.

    Raises:
        CorruptFileError: They describe none.
    """
    try:
        return _record(params.get("fields"), params.get("item_size"), 0)
    except (TypeError, ValueError, SyntaxError, KeyError, AttributeError, OverflowError) as error:
        raise CorruptFileError(f"the fields describe no records: {error}", code="CKP4028") from error


def _record(fields: Any, size: Any, depth: int) -> np.dtype[Any]:
    import numpy as np

    if not isinstance(fields, list) or not fields or type(size) is not int or not 0 < size <= _ITEM or depth > _DEPTH:
        raise ValueError("fields must be a list, item_size a number of bytes")
    table: dict[str, list[Any]] = {"names": [], "formats": [], "offsets": [], "titles": []}
    for row in fields:
        if not isinstance(row, dict) or not {"name", "dtype", "offset"} <= row.keys() <= _MEMBERS:
            raise ValueError("a field has name, dtype and offset, and may have shape, title and fields")
        kind = _field(row, depth)
        offset = row["offset"]
        if type(offset) is not int or not 0 <= offset <= size - kind.itemsize or not isinstance(row["name"], str):
            raise ValueError(f"the field {str(row['name'])[:50]!r} does not lie in a record of {size} bytes")
        table["names"].append(row["name"])
        table["formats"].append(kind)
        table["offsets"].append(offset)
        table["titles"].append(row.get("title"))
    made: np.dtype[Any] = np.dtype({**table, "itemsize": size})  # type: ignore[call-overload]
    return made


_MEMBERS: Final = {"name", "dtype", "offset", "shape", "title", "fields"}


def _field(row: Mapping[str, Any], depth: int) -> np.dtype[Any]:
    import numpy as np

    text, shape = row["dtype"], row.get("shape", [])
    if not isinstance(text, str) or not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("dtype must be text, shape a list of sizes")
    if _ARRAY.fullmatch(text):  # as NumPy writes an array in a record; its bytes as they stood
        text, inner = ast.literal_eval(text)
        width = np.dtype((_base(text), inner)).itemsize
        return np.dtype(f"|V{width}") if shape else np.dtype((_base(text), inner))
    base = _base(text)
    if "fields" in row:
        base = _record(row["fields"], base.itemsize, depth + 1)
    if math.prod(shape) * base.itemsize > _ITEM:
        raise ValueError("a field is impossibly large")
    return np.dtype((base, tuple(shape))) if shape else base


def _base(text: str) -> np.dtype[Any]:
    import numpy as np

    if any(row.numpy == text for row in DTYPES.values()) and text:
        return to_numpy(next(row.name for row in DTYPES.values() if row.numpy == text))
    if not _SIMPLE.fullmatch(text):
        raise ValueError(f"{text[:50]!r} is no dtype")
    return np.dtype(text)


def records(shape: tuple[int, ...], params: Mapping[str, Any], parts: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Return the records that parts and parameters of the encoding ``structured`` are.

    Raises:
        CorruptFileError: They do not fit each other.
    """
    import numpy as np

    dtype = record_dtype(params)
    items = np.zeros((*shape, dtype.itemsize), np.uint8)
    for column in columns(dtype):
        part = parts[column.name]
        if column.is_number and part.shape == (*shape, *column.inner):
            part = np.ascontiguousarray(part.astype(column.base, copy=False))
        packed = np.ascontiguousarray(part).reshape(-1).view(np.uint8).reshape(*shape, column.size)
        items[..., column.offset : column.offset + column.size] = packed
    return items.reshape(-1).view(dtype).reshape(shape)
