"""The full state of a training in Keras 3 or tf_keras: capture and restore, without a file of Keras.

Keras itself says which variables a model has and in which order: its own walk over layers, optimizer and seed
generators writes into a store that only notes the variables. So names and groups are those of a ``.keras`` file
(``layers/dense/vars/0``, group ``optimizer``). Source of the walk: ``_save_state`` and ``_load_state`` of
https://github.com/keras-team/keras/blob/master/keras/src/saving/saving_lib.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from candle_spec.callbacks._recording.adapter import EXTRA, Restored, RestoredPart, Snapshot
from candle_spec.callbacks._states.data import can_resume_inside, capture_data, restore_data
from candle_spec.callbacks._states.keras_rng import capture_keras_rng, restore_keras_rng
from candle_spec.callbacks._states.rng import capture_rng, restore_rng
from candle_spec.callbacks._states.structure import Naming, capture, restored
from candle_spec.checkpoint.contents import Contents, Field, Framework, Group, SideFile, StatePart
from candle_spec.errors import InvalidInputError
from candle_spec.weights.live import Leaf, array_leaf

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

RNG: Final = "rng_state"
SAMPLER: Final = "sampler_state"
RATE: Final = "learning_rate"
COUNTERS: Final = "callbacks"
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
_TOPOLOGY: Final = "topology/config.json"
_UNSEEN: Final = StatePart("absent", "how fit orders the data is not seen here, and its shuffling may have no state")
_INSIDE: Final = StatePart("absent", "saved inside an epoch, and fit begins with whole ones")
_REMEMBERED: Final = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter", "best_weights")
"""What Keras' own callbacks count: https://github.com/keras-team/keras/tree/master/keras/src/callbacks."""


@dataclass(slots=True)
class KerasState:
    """A compiled model of Keras (:class:`candle_spec.callbacks._recording.adapter.Adapter`).

    Attributes:
        model: The model.
        data: Loaders with a state of their own, if any. Keras' own shuffling has none that could be saved.
        callbacks: Callbacks whose counters are kept (``EarlyStopping``, ``ReduceLROnPlateau``).
        generators: Further random generators by name.
        order: What keeps the order of the data, where that is known better than from ``data``.
    """

    model: Any
    data: Any = None
    callbacks: Sequence[Any] = ()
    generators: Mapping[str, Any] = field(default_factory=dict)
    order: StatePart | None = None
    _counted: Sequence[Mapping[str, Any]] = ()

    @property
    def framework(self) -> Framework:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        package = importlib.import_module(self._package())
        return Framework("keras", package.__version__)

    @property
    def resumes_inside_epoch(self) -> bool:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return can_resume_inside(self.data)

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        structure, named = self._variables()
        still = _still(self.model)
        frozen = frozenset(name for name, variable in named.items() if id(variable) in still)
        data, data_part = capture_data(self.data, inside_epoch=inside_epoch)
        structure |= {SAMPLER: data} if data is not None else {}
        structure[EXTRA] = dict(extra)
        structure |= {COUNTERS: [_counters(callback) for callback in self.callbacks]} if self.callbacks else {}
        structure |= self._rate()
        structure[RNG] = {**capture_rng(self.generators), **capture_keras_rng(self._package(), self.model)}
        captured = capture(structure, _leaf, Naming(_GROUPS, _place, "/", lambda g, n: _label(named.get((g, n)))))
        contents = Contents(
            self.framework,
            captured.groups,
            captured.tensors,
            captured.state,
            self._parts(data_part, inside_epoch=inside_epoch),
            weights_metadata={"format": "tf"},
        )
        self._add_topology(contents)
        return Snapshot(contents, frozen)

    def _variables(self) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
        """Return all variables, nested as in Keras' own file, and the same by group and name."""
        structure: dict[str, Any] = {}
        named: dict[tuple[str, str], Any] = {}
        for path, variables in self._entries().items():
            for key, variable in variables.items():
                place = (*filter(None, path.split("/")), "vars", key)
                _put(structure, place, variable)
                group, depth = _place(place)
                named[group, "/".join(place[depth:])] = variable
        return structure, named

    def _rate(self) -> dict[str, float]:
        """The learning rate of tf_keras, where it is no variable of the optimizer's own."""
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if self._package() != "tf_keras" or rate is None or not hasattr(rate, "numpy"):
            return {}
        return {RATE: float(rate.numpy())}

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        saved = _saved_entries(checkpoint)
        self._build_optimizer(saved)
        current = self._entries()
        _compare(saved, current, str(checkpoint.path), weights_only=weights_only)
        wanted = {path: saved.get(path, {}) for path in current}
        if weights_only:
            own = {path: {key: _numpy(v) for key, v in rows.items()} for path, rows in current.items()}
            wanted |= {path: rows for path, rows in own.items() if path.partition("/")[0] == "optimizer"}
        self._load(wanted)
        parts = [RestoredPart("model", restored=True)]
        if weights_only:
            reason = "only the weights were asked for"
            names = ("optimizer", "callbacks", "sampler", "rng")
            parts += [RestoredPart(name, restored=False, why=reason) for name in names]
            return Restored(tuple(parts), {})
        has_optimizer = any(path.partition("/")[0] == "optimizer" and rows for path, rows in saved.items())
        parts.append(RestoredPart("optimizer", restored=has_optimizer, why="" if has_optimizer else "none was saved"))
        structure = restored(checkpoint)
        if RATE in structure:
            self.model.optimizer.learning_rate.assign(structure[RATE])
        self._counted = structure.get(COUNTERS, [])
        parts += self._restore_counters()
        parts += [*restore_data(self.data, structure.get(SAMPLER)), self._restore_rng(structure.get(RNG))]
        return Restored(tuple(parts), structure.get(EXTRA, {}))

    def _restore_rng(self, state: Mapping[str, Any] | None) -> RestoredPart:
        if state is None:
            return RestoredPart("rng", restored=False, why="the checkpoint holds none")
        problems = restore_rng(state, self.generators)
        problems += restore_keras_rng(self._package(), state, self.model)
        return RestoredPart("rng", restored=True, why="; ".join(f"not {problem}" for problem in problems))

    def restore_counters(self) -> None:
        """Set the counters of the callbacks once more: they begin anew when a training begins."""
        self._restore_counters()

    def _restore_counters(self) -> list[RestoredPart]:
        saved = self._counted
        if len(saved) != len(self.callbacks):
            why = f"{len(saved)} were saved, {len(self.callbacks)} are given"
            return [RestoredPart("callbacks", restored=False, why=why)]
        for callback, values in zip(self.callbacks, saved, strict=True):
            for name, value in values.items():
                setattr(callback, name, value)
        return [RestoredPart("callbacks", restored=True)] if saved else []

    def _package(self) -> str:
        return package_of(self.model)

    def _store(self, entries: dict[str, dict[str, Any]]) -> Any:
        library = importlib.import_module(f"{self._package()}.src.saving.saving_lib")

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

    def _entries(self) -> dict[str, dict[str, Any]]:
        """Return all variables by the path of their owner and their number there."""
        entries: dict[str, dict[str, Any]] = {}
        library, store = self._store(entries)
        library._save_state(self.model, store, None, "", set())
        return {path: rows for path, rows in entries.items() if rows}

    def _load(self, entries: dict[str, dict[str, Any]]) -> None:
        library, store = self._store(entries)
        library._load_state(self.model, store, None, "")

    def _build_optimizer(self, saved: Mapping[str, Any]) -> None:
        """An optimizer makes its variables when it first needs them, which is before they are restored here."""
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None and "optimizer" in saved and not getattr(optimizer, "built", False):
            optimizer.build(self.model.trainable_variables)

    def _parts(self, data: StatePart, *, inside_epoch: bool) -> dict[str, StatePart]:
        compiled = getattr(self.model, "optimizer", None) is not None
        if data.status == "absent":
            data = _INSIDE if inside_epoch else self.order or _UNSEEN
        legacy = self._package() == "tf_keras"
        partial = StatePart("partial", "operations of TensorFlow keep random states of their own")
        return {
            "optimizer": StatePart("present") if compiled else StatePart("absent", "the model is not compiled"),
            "scheduler": StatePart("not-used", "a schedule is a function of the optimizer's step"),
            "scaler": StatePart("not-used", "a loss scale is a variable of the optimizer"),
            "sampler": data,
            "rng": partial if legacy else StatePart("present"),
        }

    def _add_topology(self, contents: Contents) -> None:
        try:
            text = self.model.to_json()
        except (NotImplementedError, TypeError, ValueError) as error:  # a model by its own code cannot be described
            why = f"no topology: {type(error).__name__}, the model gives no configuration of itself"
            contents.framework = replace(contents.framework, evidence=(why,))
            return
        contents.side_files = [SideFile(_TOPOLOGY, text.encode("utf-8"), "application/json", "topology")]
        topology = [{"kind": "keras-config", "path": _TOPOLOGY}]
        contents.fields = [Field("/model/topology", topology, "environment", "the model's own configuration")]


def package_of(model: Any) -> str:
    """Return ``keras`` or ``tf_keras``: whose class the model is of."""
    names = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    return "tf_keras" if "tf_keras" in names else "keras"


def _place(path: tuple[str, ...]) -> tuple[str, int]:
    if path and path[0] in _BY_KEY:
        group = _BY_KEY[path[0]]
        return group, 0 if group == "other" else 1
    return "model", 0


def _label(variable: Any) -> str:
    """A name for people, where the variable has one."""
    return getattr(variable, "path", "") or getattr(variable, "name", "")


def _put(structure: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for key in place[:-1]:
        structure = structure.setdefault(key, {})
    structure[place[-1]] = value


def _still(model: Any) -> set[int]:
    """Variables that do not change: those of layers that are frozen as a whole, moving averages and all."""
    frozen = [layer for layer in model._flatten_layers() if not layer.trainable and layer is not model]
    return {id(variable) for layer in frozen for variable in layer.weights}


def _numpy(value: Any) -> Any:
    import numpy as np

    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


def _leaf(value: Any, location: str) -> Leaf | None:
    if not hasattr(value, "numpy") and not hasattr(value, "__array__"):
        return None
    # Keras' variables give a copy: nobody changes it any more.
    return array_leaf(_numpy(value), private=True, location=location) if hasattr(value, "shape") else None


def _saved_entries(checkpoint: Checkpoint) -> dict[str, dict[str, Any]]:
    """Return the saved variables by the path of their owner and their number there."""
    entries: dict[str, dict[str, Any]] = {}
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


def _counters(callback: Any) -> dict[str, Any]:
    return {name: getattr(callback, name) for name in _REMEMBERED if hasattr(callback, name)}
