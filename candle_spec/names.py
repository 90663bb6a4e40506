"""Names of tensors in JSON: the native name, verbatim, also where it is no Unicode text.

A name from a stranger's file may hold halves of surrogate pairs, which no JSON text holds: it then is
``{"$str": "<hexadecimal UTF-16>"}``. In memory a name is always a Python string.
"""

from __future__ import annotations

import re
from typing import Any, Final

from candle_spec.errors import CorruptFileError

TAG: Final = "$str"
_DIGITS: Final = re.compile(r"([0-9a-f]{4})+")


def is_unicode(name: str) -> bool:
    """Whether a name is Unicode text."""
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def to_json(name: str) -> str | dict[str, str]:
    """Return a name as it stands in JSON."""
    return name if is_unicode(name) else {TAG: name.encode("utf-16-be", "surrogatepass").hex()}


def from_json(value: Any) -> str:
    """Return a name out of JSON.

    Raises:
        CorruptFileError: It is none.
    """
    if isinstance(value, str):
        return value
    digits = value.get(TAG) if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(digits, str) or not _DIGITS.fullmatch(digits):
        raise CorruptFileError(f"{value!r} is no name of a tensor", code="CKP1003")
    name = bytes.fromhex(digits).decode("utf-16-be", "surrogatepass")
    if is_unicode(name):
        raise CorruptFileError(f"the name {value!r} is Unicode text, and must be written as such", code="CKP1003")
    return name


def sort_key(name: str) -> bytes:
    """Return what names are sorted by: their UTF-8 bytes, a lone half of a surrogate pair as three bytes (WTF-8)."""
    return name.encode("utf-8", "surrogatepass")
