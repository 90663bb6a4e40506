"""What an IMPROVE run measured: scores of its predictions, and how long it took."""

from __future__ import annotations

import math
from typing import Any, Final

from candle_spec.conversion.contract import NativeFile
from candle_spec.converters._shared import values
from candle_spec.converters._shared.folders.run_settings import read_python_json

SCORES: Final = {"val_scores.json": "val", "test_scores.json": "test", "scores.json": "val"}
"""Files of scores and the split that they are of."""

_DURATION: Final = {"hours": 3600, "minutes": 60, "seconds": 1}


def evaluation(file: NativeFile, split: str, **about: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the evaluation entries of a file of scores, and the names in it that are no known metric.

    Args:
        file: The file.
        split: Name of the split.
        **about: Further members of each entry: ``dataset``, ``target``.
    """
    entries, unknown = [], []
    found = read_python_json(file)
    if isinstance(found.get("key"), str) and "value" in found:  # of IMPROVE before 0.1: {key, value, val_loss, …}
        found = {**{k: v for k, v in found.items() if k not in ("key", "value")}, found["key"]: found["value"]}
    for name, value in found.items():
        entry = values.evaluation(name, value, file.name, split=split, **about)
        if entry is None:
            unknown.append(name)
        else:
            entries.append(entry)
    return entries, unknown


def seconds(file: NativeFile) -> float | None:
    """Return the duration that ``runtime.json`` states."""
    found = read_python_json(file)
    parts = [found[name] * factor for name, factor in _DURATION.items() if isinstance(found.get(name), (int, float))]
    total = float(sum(parts))
    return total if parts and math.isfinite(total) and total >= 0 else None
