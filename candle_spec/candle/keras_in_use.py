"""Which Keras a program uses: Keras 3, or tf_keras where only that is imported or asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from candle_spec import optional

Function = Callable[[Any, Any], Any]
"""A loss or a metric: of what is true and what is predicted."""


def keras_module() -> ModuleType:
    """Return ``tf_keras`` where the program imported only that, or ``TF_USE_LEGACY_KERAS`` asks for it; else ``keras``.

    Raises:
        MissingDependencyError: It is not installed.
    """
    legacy = os.environ.get("TF_USE_LEGACY_KERAS") == "1" or ("tf_keras" in sys.modules and "keras" not in sys.modules)
    return optional.require("tf_keras" if legacy else "keras", extra="tensorflow", purpose="train Keras models")


def keras_operations() -> Any:
    """Return the functions on tensors of the Keras in use: ``keras.ops``, or the back end of tf_keras."""
    keras = keras_module()
    return keras.ops if hasattr(keras, "ops") else keras.backend


def called(name: str, function: Function) -> Function:
    """Return a loss or a metric under a name: Keras names it after its function."""
    function.__name__ = name
    return function
