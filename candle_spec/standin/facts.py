"""What is known of the service, as data beside this file: its rules, limits, paths and messages.

Every entry names its source, a file of the service's public code or a public page; ``inferred`` says what no source
states. Nothing here is read by the client of this package, and nothing of the client is read here: what one of them
misreads, the other does not confirm.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def document(name: str) -> Any:
    """Return one file of facts, parsed, for example ``"limits.json"``. The caller must not change it."""
    return json.loads(files("candle_spec.standin").joinpath(name).read_bytes())


def limit(name: str) -> int:
    """Return a limit of the service by its name in ``limits.json``."""
    value: int = document("limits.json")["limits"][name]["value"]
    return value
