"""What the parts of a training state of JAX are called, in Flax's files and in Orbax's folders alike."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from candle_spec.conversion.meaning import path_ids

Path = tuple[str, ...]

STEP: Final = re.compile(r"(?:(?:step|checkpoint|ckpt)[_-]?)?([0-9]{1,12})", re.IGNORECASE)
"""How the file or the folder of a step is called: its number, often behind a prefix."""

_KINDS: Final = {
    "params": "model",
    "batch_stats": "model",
    "target": "model",
    "model": "model",
    "model_state": "model",
    "ema": "ema",
    "ema_params": "ema",
    "ema_state": "ema",
    "params_ema": "ema",
    "avg_params": "ema",
    "averaged_params": "ema",
    "opt_state": "optimizer",
    "opt": "optimizer",
    "optimizer": "optimizer",
    "state": "optimizer",
    "rng": "rng",
    "rngs": "rng",
    "dropout_rng": "rng",
}


_COLLECTIONS: Final = frozenset({"params", "batch_stats", "cache", "intermediates", "constants"})
_NETWORK: Final = "params"
"""The collection that every network of Flax has. Below it, keys are names of its modules, whatever their words."""

_DEPTH: Final = 4
"""Keys of a path among which a root is looked for."""


def kinds_of(keys: Iterable[str]) -> dict[str, str]:
    """Return the kind of each key that is a part of a training state; none where the whole is a model."""
    known = {key: _KINDS[key] for key in keys if key in _KINDS}
    # A lone "state" is somebody's model; beside "target" it is the optimizer of Flax's first API.
    if "model" not in known.values():
        known.pop("state", None)
    return known


def roots_of(paths: Iterable[Path]) -> dict[Path, str]:
    """Return root and kind of each part of a training state, by the paths of all arrays; none for a model alone.

    A part stands under a key of its own, or within what a program puts around it: ``{"state": {"params": …,
    "opt_state": …}}``, ``{"model": {"params": …}}``, ``{"actor": {"params": …}, "critic": {"params": …}}``.
    """
    roots = _roots({path[:_DEPTH]: None for path in paths})
    if "model" in roots.values():
        return roots
    # A running average with no other network beside it is what the checkpoint is for.
    return {root: "model" if kind == "ema" else kind for root, kind in roots.items()}


def _roots(paths: Iterable[Path]) -> dict[Path, str]:
    below: dict[str, list[Path]] = {}
    for path in paths:
        if path:
            below.setdefault(path[0], []).append(path[1:])
    known = kinds_of(below)
    roots: dict[Path, str] = {}
    for key, rest in below.items():
        kind = known.get(key, "" if "model" in known.values() else "model")
        rest = [path for path in rest if path != (_NETWORK,)]  # an array of that name is no collection
        inner = _roots(rest) if kind in ("", "model", "ema") and (key != _NETWORK or _wraps_once_more(rest)) else {}
        if any(root[-1] == _NETWORK for root in inner) and kind:
            roots |= {(key, *root): kind if of == "model" else of for root, of in inner.items()}
        elif key in known:
            roots[key,] = kind
    return roots


def _wraps_once_more(rest: Iterable[Path]) -> bool:
    """Whether ``params`` holds collections: all that ``init`` gave was saved under that key."""
    return {path[0] for path in rest if path} <= _COLLECTIONS


def groups_of(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the group of each root that :func:`roots_of` finds."""
    roots = roots_of(paths)
    return dict(zip(roots, path_ids(list(roots.items())), strict=True))


def root_of(path: Path, roots: Collection[Path]) -> Path | None:
    """Return the root that a path lies below, or is."""
    return next((path[:size] for size in range(min(len(path), _DEPTH), 0, -1) if path[:size] in roots), None)


def place(path: Path, groups: Mapping[Path, str]) -> tuple[str, str]:
    """Return group and name of the array at a path of keys."""
    root = root_of(path, groups)
    if root is not None:
        return groups[root], ".".join(path[len(root) :]) or path[-1]
    return ("other" if groups else "model"), ".".join(path) or "array"
