"""candle-spec: a versioned checkpoint format for cancer machine-learning models, and the tools around it.

>>> import candle_spec                                                  # doctest: +SKIP
>>> candle_spec.convert("model.pt", "model.candle")                     # doctest: +SKIP
>>> candle_spec.load("model.candle").state_dict()                       # doctest: +SKIP

Importing this package imports nothing heavy: each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from candle_spec._version import __version__

if TYPE_CHECKING:
    from candle_spec.api import add_evaluation, convert, inspect, load, seal
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.conversion.reshard import reshard
    from candle_spec.conversion.restore import restore
    from candle_spec.conversion.verify import verify_conversion
    from candle_spec.errors import CandleSpecError
    from candle_spec.problems import Problem, Report
    from candle_spec.validation import validate

__all__ = [
    "CandleSpecError",
    "Checkpoint",
    "Problem",
    "Report",
    "__version__",
    "add_evaluation",
    "convert",
    "inspect",
    "load",
    "reshard",
    "restore",
    "seal",
    "validate",
    "verify_conversion",
]

_WHERE = {
    "Checkpoint": "candle_spec.checkpoint.checkpoint",
    "CandleSpecError": "candle_spec.errors",
    "Problem": "candle_spec.problems",
    "Report": "candle_spec.problems",
    "reshard": "candle_spec.conversion.reshard",
    "restore": "candle_spec.conversion.restore",
    "validate": "candle_spec.validation",
    "verify_conversion": "candle_spec.conversion.verify",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE.get(name, "candle_spec.api")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
