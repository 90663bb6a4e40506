"""The full state of a training in Keras 3 or tf_keras: capture and restore, without a file of Keras."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from candle_spec.callbacks._recording.adapter import EXTRA, Restored, RestoredPart, Snapshot, not_asked_for
from candle_spec.callbacks._states import keras_variables as variables
from candle_spec.callbacks._states.data import can_resume_inside, capture_data, restore_data
from candle_spec.callbacks._states.keras_rng import capture_keras_rng, restore_keras_rng
from candle_spec.callbacks._states.keras_variables import COUNTERS, RNG, SAMPLER, package_of
from candle_spec.callbacks._states.rng import capture_rng, restore_rng
from candle_spec.callbacks._states.structure import capture, restored
from candle_spec.checkpoint.contents import Contents, Field, Framework, SideFile, StatePart

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

RATE: Final = "learning_rate"
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
        package = importlib.import_module(package_of(self.model))
        return Framework("keras", package.__version__)

    @property
    def resumes_inside_epoch(self) -> bool:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return can_resume_inside(self.data)

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        structure, named = variables.nested(variables.of(self.model))
        still = variables.still(self.model)
        frozen = frozenset(name for name, variable in named.items() if id(variable) in still)
        data, data_part = capture_data(self.data, inside_epoch=inside_epoch)
        structure |= {SAMPLER: data} if data is not None else {}
        structure[EXTRA] = dict(extra)
        structure |= {COUNTERS: [_counters(callback) for callback in self.callbacks]} if self.callbacks else {}
        structure |= self._rate()
        structure[RNG] = {**capture_rng(self.generators), **capture_keras_rng(package_of(self.model), self.model)}
        captured = capture(structure, variables.leaf, variables.naming(named))
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

    def _rate(self) -> dict[str, float]:
        """The learning rate of tf_keras, where it is no variable of the optimizer's own."""
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if package_of(self.model) != "tf_keras" or rate is None or not hasattr(rate, "numpy"):
            return {}
        return {RATE: float(rate.numpy())}

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        saved = variables.saved(checkpoint)
        self._build_optimizer(saved)
        variables.load(self.model, saved, str(checkpoint.path), weights_only=weights_only)
        parts = [RestoredPart("model", restored=True)]
        if weights_only:
            return Restored((*parts, *not_asked_for("optimizer", "callbacks", "sampler", "rng")), {})
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
        problems += restore_keras_rng(package_of(self.model), state, self.model)
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

    def _build_optimizer(self, saved: Mapping[str, Any]) -> None:
        """An optimizer makes its variables when it first needs them, which is before they are restored here."""
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None and "optimizer" in saved and not getattr(optimizer, "built", False):
            optimizer.build(self.model.trainable_variables)

    def _parts(self, data: StatePart, *, inside_epoch: bool) -> dict[str, StatePart]:
        compiled = getattr(self.model, "optimizer", None) is not None
        if data.status == "absent":
            data = _INSIDE if inside_epoch else self.order or _UNSEEN
        legacy = package_of(self.model) == "tf_keras"
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


def _counters(callback: Any) -> dict[str, Any]:
    return {name: getattr(callback, name) for name in _REMEMBERED if hasattr(callback, name)}
