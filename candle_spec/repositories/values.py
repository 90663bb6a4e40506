"""What a value counts as, in mappings, transforms and rules alike."""

from __future__ import annotations

import json
from typing import Any


def is_absent(value: Any) -> bool:
    """Whether a value counts as none: ``null``, an empty text, list or object."""
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def plain_text(value: Any) -> str:
    """Return a value as a text: numbers shortest, truth as ``true``, other things as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
