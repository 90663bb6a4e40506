"""What the parts of a training state of JAX are called, in Flax's files and in Orbax's folders alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from candle_spec.conversion.meaning import group_ids

STEP: Final = re.compile(r"(?:(?:step|checkpoint|ckpt)[_-]?)?([0-9]{1,12})", re.IGNORECASE)
"""How the file or the folder of a step is called: its number, often behind a prefix."""

_KINDS: Final = {
    "params": "model",
    "batch_stats": "model",
    "target": "model",
    "model": "model",
    "model_state": "model",
    "ema_params": "ema",
    "params_ema": "ema",
    "opt_state": "optimizer",
    "opt": "optimizer",
    "optimizer": "optimizer",
    "state": "optimizer",
    "rng": "rng",
    "rngs": "rng",
    "dropout_rng": "rng",
}


def kinds_of(keys: Iterable[str]) -> dict[str, str]:
    """Return the kind of each top-level key that is a part of a training state; none where the whole is a model."""
    known = {key: _KINDS[key] for key in keys if key in _KINDS}
    # A lone "state" is somebody's model; beside "target" it is the optimizer of Flax's first API.
    if "model" not in known.values():
        known.pop("state", None)
    return known


def groups_of(keys: Iterable[str]) -> dict[str, str]:
    """Return the group of each top-level key that is a part of a training state; none where the whole is a model."""
    return group_ids(kinds_of(keys).items())


def place(path: tuple[str, ...], groups: dict[str, str]) -> tuple[str, str]:
    """Return group and name of the array at a path of keys."""
    if path and path[0] in groups:
        return groups[path[0]], ".".join(path[1:]) or path[0]
    return ("other" if groups else "model"), ".".join(path) or "array"
