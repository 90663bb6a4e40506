"""Sizes as people write them."""

from __future__ import annotations

import re
from typing import Final

from candle_spec.errors import InvalidInputError

_UNITS: Final = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_size(text: str) -> int:
    """Return the bytes that ``5GB`` or ``500MiB`` names.

    Raises:
        InvalidInputError: It is no size.
    """
    match = re.fullmatch(r"([0-9]{1,15})\s*([A-Za-z]{0,3})", text.strip())
    unit = _UNITS.get(match.group(2).upper()) if match else None
    if match is None or unit is None or int(match.group(1)) == 0:
        raise InvalidInputError(f"{text!r} is no size", hint="write it like 5GB or 500MiB")
    return int(match.group(1)) * unit
