"""What estimators of scikit-learn hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def arrays(value: Any, seen: dict[int, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Every array of numbers of an object, however deep, as pickle sees it."""
    if id(value) in seen:
        return
    seen[id(value)] = value  # an id is only unique while its object lives
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            for item in value.ravel():
                yield from arrays(item, seen)
        else:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from arrays(item, seen)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from arrays(item, seen)
    elif type(value).__module__.startswith("sklearn"):
        for item in value.__reduce_ex__(4)[1:3]:
            yield from arrays(item, seen)
