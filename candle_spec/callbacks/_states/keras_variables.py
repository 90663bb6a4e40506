"""The variables of a model of Keras 3 or tf_keras: which there are, under which names, and how they are set.

Keras itself says which variables a model has and in which order: its own walk over layers, optimizer and seed
generators writes into a store that only notes the variables. So names and groups are those of a ``.keras`` file
(``layers/dense/vars/0``, group ``optimizer``). Source of the walk: ``_save_state`` and ``_load_state`` of
https://github.com/keras-team/keras/blob/master/keras/src/saving/saving_lib.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from candle_spec.callbacks._recording.adapter import EXTRA
from candle_spec.callbacks._states.structure import Naming
from candle_spec.checkpoint.contents import Group
from candle_spec.errors import InvalidInputError
from candle_spec.weights.live import Leaf, array_leaf

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

RNG: Final = "rng_state"
SAMPLER: Final = "sampler_state"
COUNTERS: Final = "callbacks"

Entries = dict[str, dict[str, Any]]
"""Variables by the path of their owner and their number there."""

_GROUPS: Final = (
    Group("model", "model", ""),
    Group("optimizer", "optimizer", "/optimizer"),
    Group("metric", "metric", "/metrics"),
    Group("rng", "rng", f"/{RNG}"),
    Group("sampler", "sampler", f"/{SAMPLER}"),
)
_BY_KEY: Final = {
    "optimizer": "optimizer",
    "metrics": "metric",
    RNG: "rng",
    SAMPLER: "sampler",
    COUNTERS: "other",
    EXTRA: "other",
}


def package_of(model: Any) -> str:
    """Return ``keras`` or ``tf_keras``: whose class the model is of."""
    names = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    return "tf_keras" if "tf_keras" in names else "keras"


def of(model: Any) -> Entries:
    """Return all variables of a model, its optimizer's and metrics' too."""
    entries: Entries = {}
    library, store = _store(model, entries)
    library._save_state(model, store, None, "", set())
    return {path: rows for path, rows in entries.items() if rows}


def _store(model: Any, entries: Entries) -> Any:
    library = importlib.import_module(f"{package_of(model)}.src.saving.saving_lib")

    class Store(library.NpzIOStore):  # type: ignore[name-defined, misc]
        """A store of Keras that notes variables instead of writing them."""

        def __init__(self) -> None:
            """There is no file to open."""

        def make(self, path: str, metadata: Any = None) -> dict[str, Any]:
            return entries.setdefault(path, {})

        def get(self, path: str) -> dict[str, Any]:
            return entries.get(path, {})

        def has_path(self, path: str) -> bool:
            return any(f"{known}/".startswith(f"{path}/") for known in entries)

    return library, Store()


def nested(entries: Entries) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
    """Return the variables nested as in Keras' own file, and the same by group and name."""
    structure: dict[str, Any] = {}
    named: dict[tuple[str, str], Any] = {}
    for path, variables in entries.items():
        for key, variable in variables.items():
            place = (*filter(None, path.split("/")), "vars", key)
            inner = structure
            for step in place[:-1]:
                inner = inner.setdefault(step, {})
            inner[place[-1]] = variable
            group, depth = _place(place)
            named[group, "/".join(place[depth:])] = variable
    return structure, named


def naming(named: Mapping[tuple[str, str], Any]) -> Naming:
    """Return how variables are named, those of other structures beside them too."""
    return Naming(_GROUPS, _place, "/", lambda group, name: _label(named.get((group, name))))


def _place(path: tuple[str, ...]) -> tuple[str, int]:
    if path and path[0] in _BY_KEY:
        group = _BY_KEY[path[0]]
        return group, 0 if group == "other" else 1
    return "model", 0


def _label(variable: Any) -> str:
    """A name for people, where the variable has one."""
    return getattr(variable, "path", "") or getattr(variable, "name", "")


def still(model: Any) -> set[int]:
    """Variables that do not change: those of layers that are frozen as a whole, moving averages and all."""
    frozen = [layer for layer in model._flatten_layers() if not layer.trainable and layer is not model]
    return {id(variable) for layer in frozen for variable in layer.weights}


def leaf(value: Any, location: str) -> Leaf | None:
    """Recognise what is a variable or an array; Keras' variables give a copy, which nobody changes any more."""
    if not hasattr(value, "numpy") and not hasattr(value, "__array__"):
        return None
    return array_leaf(_numpy(value), private=True, location=location) if hasattr(value, "shape") else None


def _numpy(value: Any) -> Any:
    import numpy as np

    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


def saved(checkpoint: Checkpoint) -> Entries:
    """Return the variables of a checkpoint."""
    entries: Entries = {}
    load = checkpoint.loader()
    prefixes = {group.id: group.root.strip("/") for group in _GROUPS if group.id in ("model", "optimizer", "metric")}
    for tensor in checkpoint.tensors:
        if tensor.group in prefixes:
            path = "/".join(filter(None, (prefixes[tensor.group], tensor.name)))
            owner, _, key = f"/{path}".rpartition("/vars/")
            if not key:
                raise InvalidInputError(
                    f"{tensor.name!r} is no variable of a model of Keras", location=str(checkpoint.path)
                )
            entries.setdefault(owner.strip("/"), {})[key] = load(tensor.group, tensor.name)
    return entries


def load(model: Any, saved: Entries, location: str, *, weights_only: bool) -> None:
    """Set the variables of a model; nothing is changed before all of them were compared.

    Args:
        model: The model.
        saved: Those of a checkpoint.
        location: Where that lies.
        weights_only: Whether the optimizer keeps its own.

    Raises:
        InvalidInputError: Names or shapes differ.
    """
    current = of(model)
    _compare(saved, current, location, weights_only=weights_only)
    wanted = {path: saved.get(path, {}) for path in current}
    if weights_only:
        own = {path: {key: _numpy(v) for key, v in rows.items()} for path, rows in current.items()}
        wanted |= {path: rows for path, rows in own.items() if path.partition("/")[0] == "optimizer"}
    library, store = _store(model, wanted)
    library._load_state(model, store, None, "")


def _compare(saved: Mapping[str, Any], current: Mapping[str, Any], location: str, *, weights_only: bool) -> None:
    """Refuse another model before anything is changed.

    Raises:
        InvalidInputError: Names or shapes differ.
    """

    def shapes(entries: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        rows = {f"{path}/vars/{key}": tuple(v.shape) for path, own in entries.items() for key, v in own.items()}
        # Metrics begin anew with every epoch, and may not be there yet.
        others = ("metrics/", "optimizer/") if weights_only else ("metrics/",)
        return {name: shape for name, shape in rows.items() if not name.startswith(others)}

    before, now = shapes(saved), shapes(current)
    if before == now:
        return
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    words = [f"{n}: saved {before.get(n, 'not at all')}, here {now.get(n, 'not at all')}" for n in names[:3]]
    raise InvalidInputError(
        f"the checkpoint is of another model: {'; '.join(words)}",
        location=location,
        hint="build and compile the model as it was for that run, or start in another folder",
    )
