"""Which Keras a program uses: Keras 3, or tf_keras where only that is imported or asked for."""

from __future__ import annotations

import os
import sys
from types import ModuleType

from candle_spec import optional


def keras_module() -> ModuleType:
    """Return ``tf_keras`` where the program imported only that, or ``TF_USE_LEGACY_KERAS`` asks for it; else ``keras``.

    Raises:
        MissingDependencyError: It is not installed.
    """
    legacy = os.environ.get("TF_USE_LEGACY_KERAS") == "1" or ("tf_keras" in sys.modules and "keras" not in sys.modules)
    return optional.require("tf_keras" if legacy else "keras", extra="tensorflow", purpose="train Keras models")
