"""Names that only candle_lib has: its own object, where it is installed (https://github.com/ECP-CANDLE/candle_lib)."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

_PACKAGE: Final = "candle"
_ITS_FILE: Final = "parsing_utils.py"
"""Tells its package from any other one of that name, without importing it."""


def its_own(name: str) -> Any:
    """Return what candle_lib calls so.

    Raises:
        AttributeError: It has no such name, is not installed, or cannot be imported here.
    """
    cause: Exception | None = None
    if not name.startswith("_") and _is_installed():
        try:
            return getattr(importlib.import_module(_PACKAGE), name)
        except Exception as error:  # noqa: BLE001 - it raises whatever it misses: a framework, one of its packages
            cause = error
    why = f" (which says here: {cause})" if cause is not None else ""
    raise AttributeError(
        f"candle_spec.candle has no {name!r}: it has what defines, runs and checkpoints a CANDLE program; "
        f"selection of features, correction of batch effects and calibration are in candle_lib{why}"
    ) from cause


def _is_installed() -> bool:
    spec = find_spec(_PACKAGE)
    return spec is not None and any((Path(p) / _ITS_FILE).is_file() for p in spec.submodule_search_locations or ())
