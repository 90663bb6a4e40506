"""Arrays of records (NumPy's structured dtypes): what each field is stored as, and the records made again.

A field's items are an array of a stored dtype where safetensors has theirs, little-endian; else their bytes as they
stood, with one axis more. What a field was says ``fields``: its dtype as NumPy writes it, with its byte order, or the
name of the format where NumPy has no text of its own; of a wide float, ``float`` says which one it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, UnsupportedFormatError
from candle_spec.weights.dtypes import DTYPES, WIDE, from_numpy, is_extended, to_numpy, wide_float, wide_name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_TEXT: Final = re.compile(
    r"\|(?:b1|[iu]1|[SV][0-9]{1,8})"
    r"|[<>](?:[iu][248]|[fc](?:2|4|8|12|16|24|32)|U[0-9]{1,8}|[mM]8(?:\[[0-9a-zA-Z/]{1,20}\])?)"
)
_WIDE: Final = re.compile(r"[<>](f12|f16|c24|c32)")
_OLD: Final = re.compile(r"\('([<|][^']{1,20})', \(([0-9]{1,8},|[0-9]{1,8}(?:, [0-9]{1,8})+)\)\)")
"""How 1.0.0-dev.1 wrote an array in a record, whose bytes it kept as they stood."""

_MEMBERS: Final = {"name", "dtype", "offset", "shape", "title", "fields", "float"}
_ITEM: Final = 1 << 24
_DEPTH: Final = 16
_SMALL: Final = 256 * limits.MIB
_PADDED: Final = 64
"""Bytes of records for each stored one, where they are large: the rest is padding."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field.

    Attributes:
        name: Its name.
        base: NumPy's dtype of one of its items.
        offset: Its first byte in a record.
        inner: Shape of the items in one record.
        dtype: Stored dtype; ``U8`` with an axis of ``base.itemsize`` more, where safetensors lacks that of the items.
        whole: Whether the stored bytes of all items of a record have one axis.
    """

    name: str
    base: np.dtype[Any]
    offset: int
    inner: tuple[int, ...]
    dtype: str
    whole: bool = False

    @property
    def tail(self) -> tuple[int, ...]:
        """Axes of the stored part behind those of the array."""
        if self.whole:
            return (self.size,)
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
        elif self.base.names and self.base.itemsize:  # of records NumPy copies the fields, not what lies between them
            column = column.view(np.dtype((np.void, self.base.itemsize)))
        return np.frombuffer(np.ascontiguousarray(column).tobytes(), np.uint8)


def columns(dtype: np.dtype[Any], whole: Container[str] = ()) -> list[Column]:
    """Return the fields of a structured dtype, in order; of those named by ``whole``, bytes are stored."""
    found: list[Column] = []
    table: Mapping[str, Any] = dtype.fields or {}
    for name in dtype.names or ():
        inner = table[name][0]
        base, shape = inner.subdtype or (inner, ())
        stored = "" if name in whole else _stored(base)
        found.append(Column(name, base, int(table[name][1]), tuple(map(int, shape)), stored, name in whole))
    return found


def _stored(base: np.dtype[Any]) -> str:
    if base.names or base.hasobject or (base.kind not in "biufc" and not is_extended(base)):
        return ""
    try:
        row = from_numpy(base)
    except UnsupportedFormatError:
        return ""
    return row.name if row.in_place else ""


def described(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return the parameters of the encoding ``structured``."""
    table: Mapping[str, Any] = dtype.fields or {}
    rows = []
    for column in columns(dtype):
        text = from_numpy(column.base).name if is_extended(column.base) else str(column.base.str)
        row: dict[str, Any] = {"name": column.name, "dtype": text, "offset": column.offset}
        if column.inner:
            row["shape"] = list(column.inner)
        if _WIDE.fullmatch(text) and (wide := wide_name(column.base)):
            row["float"] = wide
        if len(table[column.name]) > 2 and isinstance(table[column.name][2], str):
            row["title"] = table[column.name][2]
        if column.base.names:
            row["fields"] = described(column.base)["fields"]
        rows.append(row)
    return {"fields": rows, "item_size": int(dtype.itemsize)}


def record_columns(params: Mapping[str, Any]) -> list[Column]:
    """Return the fields that the parameters of an encoded tensor describe.

    Raises:
        CorruptFileError: They describe no records.
    """
    dtype = record_dtype(params)
    return columns(dtype, {row["name"] for row in params["fields"] if _OLD.fullmatch(row["dtype"])})


def record_dtype(params: Mapping[str, Any]) -> np.dtype[Any]:
    """Return NumPy's dtype of records from the parameters; a float that this machine lacks is bytes.

    Raises:
        CorruptFileError: They describe none.
    """
    try:
        return _record(params.get("fields"), params.get("item_size"), 0)
    except (TypeError, ValueError, SyntaxError, KeyError, AttributeError, OverflowError) as error:
        raise CorruptFileError(f"the fields describe no records: {error}", code="CKP4028") from error


def _record(fields: Any, size: Any, depth: int) -> np.dtype[Any]:
    import numpy as np

    if not isinstance(fields, list) or not fields or type(size) is not int or not 0 <= size <= _ITEM or depth > _DEPTH:
        raise ValueError("fields must be a list, item_size a number of bytes")
    table: dict[str, list[Any]] = {"names": [], "formats": [], "offsets": [], "titles": []}
    for row in fields:
        if not isinstance(row, dict) or not {"name", "dtype", "offset"} <= row.keys() <= _MEMBERS:
            raise ValueError("a field has name, dtype and offset, and may have shape, title, fields and float")
        name, title, offset = row["name"], row.get("title"), row["offset"]
        if not isinstance(name, str) or not name or not isinstance(title, str | None):
            raise ValueError("name and title of a field are texts")
        kind = _field(row, depth)
        if type(offset) is not int or not 0 <= offset <= size - kind.itemsize:
            raise ValueError(f"the field {name[:50]!r} does not lie in a record of {size} bytes")
        table["names"].append(name)
        table["formats"].append(kind)
        table["offsets"].append(offset)
        table["titles"].append(title)
    made: np.dtype[Any] = np.dtype({**table, "itemsize": size})  # type: ignore[call-overload]
    return made


def _field(row: Mapping[str, Any], depth: int) -> np.dtype[Any]:
    import numpy as np

    text, shape = row["dtype"], row.get("shape", [])
    if not isinstance(text, str) or not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("dtype must be text, shape a list of sizes")
    if (old := _OLD.fullmatch(text)) and row.keys() == {"name", "dtype", "offset"}:
        text, shape = old[1], [int(n) for n in old[2].rstrip(",").split(", ")]
    base = _base(text, row.get("float"))
    if "fields" in row:
        if not text.startswith("|V"):
            raise ValueError(f"{text!r} has no fields")
        base = _record(row["fields"], base.itemsize, depth + 1)
    if len(shape) > limits.TENSOR_RANK or math.prod(shape) * base.itemsize > _ITEM:
        raise ValueError("a field is impossibly large")
    return np.dtype((base, tuple(shape))) if shape else base


def _base(text: str, wide: Any) -> np.dtype[Any]:
    import numpy as np

    row = DTYPES.get(text)
    if wide is None and row is not None and row.bits and row.numpy and is_extended(to_numpy(text)):
        return to_numpy(text)
    if not _TEXT.fullmatch(text):
        raise ValueError(f"{text[:50]!r} is no dtype")
    if not _WIDE.fullmatch(text):
        if wide is not None:
            raise ValueError(f"{text!r} is no wide float")
        return np.dtype(text)
    size = int(text[2:])
    one = size // 2 if text[1] == "c" else size
    if wide is not None and (not isinstance(wide, str) or one not in WIDE.get(wide, (0, ()))[1]):
        raise ValueError(f"a float of {one} bytes is no {wide!r}")
    return np.dtype(text if wide and wide_float(wide, one) else f"|V{size}")


def records(shape: tuple[int, ...], params: Mapping[str, Any], parts: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Return the records that parts and parameters of the encoding ``structured`` are.

    Raises:
        CorruptFileError: They do not fit each other.
        LimitExceededError: They are almost all padding.
    """
    import numpy as np

    dtype = record_dtype(params)
    size = math.prod(shape) * dtype.itemsize
    if size > max(_SMALL, _PADDED * sum(part.nbytes for part in parts.values())):
        raise LimitExceededError(f"records of {size} bytes, of which hardly any are stored")
    if not size:
        return np.zeros(shape, dtype)
    items = np.zeros((*shape, dtype.itemsize), np.uint8)
    for column in record_columns(params):
        part, kind = parts[column.name], column.base if column.is_number else np.dtype(np.uint8)
        if part.shape != (*shape, *column.tail) or part.dtype != kind.newbyteorder("<"):
            raise ValueError(f"the part {column.name[:50]!r} is {part.dtype} {list(part.shape)}")
        packed = np.ascontiguousarray(part.astype(kind, copy=False)).reshape(-1).view(np.uint8)
        items[..., column.offset : column.offset + column.size] = packed.reshape(*shape, column.size)
    return items.reshape(-1).view(dtype).reshape(shape)
