"""Attributes and strings of an HDF5 file, bounded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.readers.hdf5.nodes import Attribute, Dataset

if TYPE_CHECKING:
    import h5py

ATTRIBUTE_BYTES: Final = 64 * limits.MIB
"""Bytes of one attribute; the largest known, a network's configuration, has a few MB."""

_STRING_STEP: Final = 64 * limits.MIB


def read_attributes(thing: Any, location: str) -> dict[str, Attribute]:
    """Return the attributes of a group or dataset.

    Raises:
        LimitExceededError: An attribute states more bytes than the bound or the file.
    """
    import h5py

    result: dict[str, Attribute] = {}
    for name in thing.attrs:
        opened = h5py.h5a.open(thing.id, name.encode("utf-8", "surrogateescape"))
        result[checked_name(name, location)] = _read(thing, name, opened, location)
    return result


def checked_name(name: str, location: str) -> str:
    """Return a name of an object or attribute if it is Unicode."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CorruptFileError("a name in the HDF5 file is not UTF-8", location=location) from error
    return name


def _read(thing: Any, name: str, opened: Any, location: str) -> Attribute:
    import h5py
    import numpy as np

    dtype, shape = opened.dtype, opened.shape
    if shape is None or opened.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        return Attribute("empty", _described(dtype))
    if math.prod(shape) * dtype.itemsize > ATTRIBUTE_BYTES:
        raise LimitExceededError(
            f"the attribute {name!r} of {thing.name!r} states {math.prod(shape)} items", location=location
        )
    text = h5py.check_string_dtype(dtype)
    charset = text.encoding if text is not None else ""
    if dtype.kind == "O":
        if text is None:
            return Attribute("unread", _described(dtype))
        value = thing.attrs[name]
        if shape == ():
            return Attribute("text", value, charset)
        return Attribute("texts", np.asarray(value, object), charset)
    if dtype.hasobject:
        return Attribute("unread", _described(dtype))
    # An array of the very dtype: a NumPy scalar of a fixed string forgets its length.
    return Attribute("numpy", np.asarray(thing.attrs[name], dtype), charset)


def _described(dtype: Any) -> str:
    import h5py

    if h5py.check_string_dtype(dtype) is not None:
        return "string"
    if h5py.check_ref_dtype(dtype) is not None:
        return "reference"
    if h5py.check_vlen_dtype(dtype) is not None:
        return f"variable-length {h5py.check_vlen_dtype(dtype)}"
    return str(dtype.str)


def read_strings(source: h5py.Dataset, about: Dataset, most: int) -> Iterator[bytes]:
    """Yield the strings of a dataset as bytes.

    Many items may name the same long string: so few are read at once that even then memory is bounded.
    """
    step = max(1, min(4096, _STRING_STEP // max(1, about.window.size)))
    flat = source.shape == ()
    total = 0
    for start in range(0, about.count, step):
        if flat:
            items = [source[()]]
        elif len(source.shape) == 1:
            items = list(source[start : start + step])
        else:
            items = [source[_index(at, source.shape)] for at in range(start, min(start + step, about.count))]
        for item in items:
            data = item if isinstance(item, bytes) else str(item).encode("utf-8", "surrogateescape")
            total += len(data)
            if total > most:
                raise LimitExceededError(
                    f"the strings of {about.path!r} have more than {most} bytes", location=about.window.location
                )
            yield data


def _index(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    index: list[int] = []
    for length in reversed(shape):
        flat, rest = divmod(flat, length)
        index.append(rest)
    return tuple(reversed(index))
