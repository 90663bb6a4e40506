"""Attributes of an HDF5 file, bounded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.readers.hdf5.nodes import Attribute

if TYPE_CHECKING:
    pass

ATTRIBUTE_BYTES: Final = 64 * limits.MIB
"""Bytes of one attribute; the largest known, a network's configuration, has a few MB."""


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
