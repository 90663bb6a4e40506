"""Import optional packages inside the function that needs them, with the exact install line when missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from candle_spec.errors import MissingDependencyError


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import and return ``module``.

    Args:
        module: Dotted name of the module.
        extra: The extra of this package that installs it.
        purpose: What it is needed for, to finish the sentence "… is needed to …".

    Raises:
        MissingDependencyError: The module is not installed; the hint is the install line.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"the package {module.partition('.')[0]} is needed to {purpose}",
            hint=f"pip install 'candle-spec[{extra}]'",
        ) from error
