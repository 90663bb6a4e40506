"""joblib: pickles with the bytes of arrays between their opcodes, as they are or packed as a whole.

After the opcodes that build a ``NumpyArrayWrapper`` stand the items of its array: from joblib 1.2 on behind one byte
with the length of a padding and the padding; of an array of objects a whole pickle stands there instead. Source:
https://github.com/joblib/joblib/blob/main/joblib/numpy_pickle.py. Packed files are one stream of zlib, gzip, bzip2, xz
or lzma. Refused: lz4, and the files of joblib before 0.10, whose arrays stand in files of their own.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.converters._shared.pickle.arrays import dtype_of, make_array, shape_of
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    TruncatedFileError,
    UnsupportedFormatError,
    WriteFailedError,
)
from candle_spec.readers import inert_pickle
from candle_spec.readers.compressed import UnpackedStream
from candle_spec.readers.inert_pickle import Call, Global, Loaded, Mapping
from candle_spec.weights.sources import FileBytes

_WRAPPER: Final = "numpy_pickle.NumpyArrayWrapper"
_OLD_WRAPPERS: Final = ("numpy_pickle.NDArrayWrapper", "numpy_pickle.ZNDArrayWrapper")
_ALIGNMENT: Final = "numpy_array_alignment_bytes"
_LOOK: Final = 1 << 16
_BLOCK: Final = 1 << 20


def packed_start(path: Path, kind: str) -> bytes:
    """Return the first unpacked bytes of a file; nothing where it is damaged there."""
    data = b""
    try:
        with UnpackedStream(path, kind) as stream:
            while len(data) < _LOOK and (more := stream.read(_LOOK - len(data))):
                data += more
    except CandleSpecError:
        return data
    return data


def unpack(path: Path, kind: str, target: Path) -> None:
    """Unpack a file, within bounds.

    Raises:
        CorruptFileError: It is damaged.
        LimitExceededError: It unpacks to more than real files do.
        UnsupportedFormatError: It is packed by what is not unpacked here.
        WriteFailedError: There is no room.
    """
    refuse_packing(kind, str(path))
    bound = max(limits.ARCHIVE_SMALL, min(limits.ARCHIVE_BYTES, path.stat().st_size * limits.ARCHIVE_RATIO))
    total = 0
    try:
        with UnpackedStream(path, kind) as stream, target.open("xb") as file:
            while block := stream.read(_BLOCK):
                total += len(block)
                if total > bound:
                    raise LimitExceededError(f"it unpacks to more than {bound} bytes: a bomb", location=str(path))
                file.write(block)
    except OSError as error:
        if isinstance(error, CandleSpecError):
            raise
        message = f"it cannot be unpacked: {error.strerror or error}"
        raise WriteFailedError(
            message, location=str(path), hint="make room, or let TMPDIR name another folder"
        ) from error


def refuse_packing(kind: str, location: str) -> None:
    """Refuse what is not unpacked here.

    Raises:
        UnsupportedFormatError: Always, for such a kind.
    """
    if kind == "lz4":
        hint = "unpack it with the program lz4 (lz4 -d FILE OUT), or save it again with joblib.dump(…, compress=3)"
        raise UnsupportedFormatError("the file is packed by lz4, which is not unpacked", location=location, hint=hint)
    if kind == "ZF":
        raise _of_old_joblib(location)


def _of_old_joblib(location: str) -> UnsupportedFormatError:
    message = "the file was written by joblib before 0.10, which kept arrays in files of their own"
    return UnsupportedFormatError(
        message, location=location, hint="load it with its joblib and save it with a newer one"
    )


class Embedded:
    """Reads the arrays between the opcodes of one file.

    Args:
        data: The file.
        path: Its path.
        location: The file in words, for errors.

    Attributes:
        arrays: How many were found.
        nested: What the pickles of arrays of objects describe.
    """

    def __init__(self, data: memoryview, path: Path, location: str) -> None:
        self._data = data
        self._path = path
        self._location = location
        self.arrays = 0
        self.nested: list[Loaded] = []

    def __call__(self, call: Call, at: int) -> tuple[Any, int] | None:
        """Return the array behind a wrapper that was just built, and where its bytes end.

        Raises:
            CorruptFileError: The wrapper is malformed, or the array reaches beyond the file.
            UnsupportedFormatError: Its array stands in another file.
        """
        if not isinstance(call.function, Global) or not call.path.endswith((_WRAPPER, *_OLD_WRAPPERS)):
            return None
        if call.path.endswith(_OLD_WRAPPERS):
            raise _of_old_joblib(self._location)
        about = call.state
        where = f"{self._location}, byte {at}"
        dtype = dtype_of(about.get("dtype")) if isinstance(about, Mapping) else None
        if not isinstance(about, Mapping) or dtype is None:
            raise UnsupportedFormatError(
                "the type of an array is not known", location=where, hint="please report the file"
            )
        self.arrays += 1
        if dtype.hasobject:
            inner = inert_pickle.load(self._data, location=f"{self._location}: array of objects", start=at, spans=True)
            self.nested.append(inner)
            return inner.value, inner.end
        return self._numbers(about, dtype, at, where)

    def _numbers(self, about: Mapping, dtype: Any, at: int, where: str) -> tuple[Any, int]:
        if about.get(_ALIGNMENT) is not None:
            if at >= len(self._data):
                raise TruncatedFileError("the file ends before an array", location=where, hint="fetch it again")
            at += 1 + self._data[at]
        shape = shape_of(about.get("shape"), where)
        size = math.prod(shape) * dtype.itemsize
        if size > len(self._data) - at:
            message = f"an array of {size} bytes is cut off: {max(0, len(self._data) - at)} are left"
            raise TruncatedFileError(message, location=where, hint="fetch it again")
        order, named = about.get("order"), about.get("subclass")
        if order not in ("C", "F"):
            raise CorruptFileError(f"the order {str(order)[:20]!r} of an array is none", location=where)
        subclass = named.path if isinstance(named, Global) and named.path != "numpy.ndarray" else ""
        data = FileBytes(self._path, at, size)
        return make_array(dtype, shape, order, data, where, subclass), at + size
