"""Give an array back in the dtype that the native checkpoint had: its byte order, the size of its texts, its dates.

Stored numbers are little-endian and texts have no padding; the attribute ``numpy_dtype`` says what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError

if TYPE_CHECKING:
    import numpy as np

ATTRIBUTE: Final = "numpy_dtype"
_TEXTS, _TIMES, _NUMBERS = "US", "mM", "biufc"


def native_dtype(dtype: np.dtype[Any]) -> dict[str, str]:
    """Return the attribute of an array, where what is stored does not say its dtype: nothing for most."""
    is_plain = dtype.kind in _NUMBERS and not dtype.str.startswith(">")
    return {} if is_plain or dtype.kind not in _TEXTS + _TIMES + _NUMBERS else {ATTRIBUTE: dtype.str}


def as_native(array: Any, attributes: Mapping[str, Any]) -> Any:
    """Return an array of NumPy in its native dtype.

    Args:
        array: What was stored.
        attributes: Those of its tensor.

    Raises:
        CorruptFileError: They state a dtype that it cannot have had.
        LimitExceededError: Almost all of its texts would be padding.
    """
    import numpy as np

    stated = attributes.get(ATTRIBUTE)
    if not isinstance(stated, str) or not isinstance(array, np.ndarray):
        return array
    try:
        dtype = np.dtype(stated)
        found = _converted(array, dtype)
    except CandleSpecError:
        raise
    except (TypeError, ValueError, SyntaxError, UnicodeEncodeError) as error:
        raise CorruptFileError(f"an array cannot have the dtype {stated[:50]!r}: {error}") from error
    if found is None:
        raise CorruptFileError(f"an array of {array.dtype} cannot have the dtype {stated[:50]!r}", code="CKP1003")
    return found


def _converted(array: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> Any:
    """Return the array in a dtype, ``None`` where it cannot have had it."""
    import numpy as np

    size = dtype.itemsize * array.size
    if size > max(limits.STRING_BYTES, array.nbytes):
        raise LimitExceededError(f"texts of one size that take {size} bytes together")
    if dtype.kind in _TEXTS and array.dtype == object:
        items = [item.encode("utf-8") if dtype.kind == "S" and isinstance(item, str) else item for item in array.flat]
        return np.array(items, dtype).reshape(array.shape)
    if dtype.kind in _TEXTS and array.dtype.kind == dtype.kind and array.dtype.itemsize <= dtype.itemsize:
        return array.astype(dtype, copy=False)
    if dtype.kind == "U" and array.dtype.kind == "V" and array.dtype.itemsize == dtype.itemsize:
        return array.view(dtype)  # code points that are no text, as they stood
    if dtype.kind in _TIMES and array.dtype == np.int64:
        return array.view(dtype.newbyteorder("<")).astype(dtype, copy=False)
    if dtype.kind in _NUMBERS and dtype.newbyteorder("=") == array.dtype.newbyteorder("="):
        return array.astype(dtype, copy=False)
    return None
