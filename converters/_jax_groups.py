"""What the parts of a training state are called in JAX's libraries, where ``params`` are the weights, not settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from candle_spec.conversion.meaning import group_ids

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


def groups_of(keys: Iterable[str]) -> dict[str, str]:
    """Return the group of each top-level key that is a part of a training state; none where the whole is a model."""
    known = [(key, _KINDS[key]) for key in keys if key in _KINDS]
    # A lone "state" is somebody's model; beside "target" it is the optimizer of Flax's first API.
    if not any(kind == "model" for _, kind in known):
        known = [(key, kind) for key, kind in known if key != "state"]
    return group_ids(known)


def place(path: tuple[str, ...], groups: dict[str, str]) -> tuple[str, str]:
    """Return group and name of the array at a path of keys."""
    if path and path[0] in groups:
        return groups[path[0]], ".".join(path[1:]) or path[0]
    return ("other" if groups else "model"), ".".join(path) or "array"
