"""Keras 3 and tf_keras: a callback for ``model.fit``.

>>> checkpoints = checkpoint_callback("out/ckpts", model)                               # doctest: +SKIP
>>> checkpoints.fit(x, y, epochs=20, shuffle=False)                                     # doctest: +SKIP

``checkpoints.fit`` is ``model.fit(..., initial_epoch=checkpoints.initial_epoch, callbacks=[..., checkpoints])``, which
may be called by itself; but then nobody sees how the data is ordered, and no checkpoint is graded as exactly resumable.

The state is restored when the callback is made, or at the latest when ``fit`` begins. Put it behind the callbacks
whose counters it keeps (``EarlyStopping``), so that they do not begin anew after they were restored.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.restart import Restart
from candle_spec.callbacks._recording.settings import DEFAULTS, Params, Settings
from candle_spec.callbacks._states.keras_state import KerasState
from candle_spec.callbacks._states.keras_variables import package_of
from candle_spec.checkpoint.contents import StatePart
from candle_spec.errors import InvalidInputError

__all__ = ["checkpoint_callback"]


def checkpoint_callback(
    folder: str | Path | None,
    model: Any,
    *,
    callbacks: Sequence[Any] = (),
    data: Any = None,
    generators: Mapping[str, Any] | None = None,
    params: Params = None,
    settings: Settings = DEFAULTS,
) -> Any:
    """Return a callback for a model, of whichever Keras the model is; only that package is imported.

    Args:
        folder: Folder of the series; ``None``: as the policy says.
        model: The compiled model.
        callbacks: Further callbacks whose counters are kept.
        data: The training's loader, if it has a state of its own.
        generators: Random generators of Python or NumPy that are used besides.
        params: When to save and what to keep: ``ckpt_*`` hyperparameters or a policy; by default, all epochs are saved.
        settings: See :class:`candle_spec.callbacks.Settings`.
    """
    state = KerasState(model, data, tuple(callbacks), dict(generators or {}))
    name = type(model).__name__
    known = settings.filled(name="" if name in ("Sequential", "Functional") else name)
    return _callback_class(package_of(model))(state, Recorder.of(state, folder, params, known))


@cache
def _callback_class(package: str) -> Any:
    library = importlib.import_module(package)

    class CheckpointCallback(_Hooks, library.callbacks.Callback):  # type: ignore[misc, name-defined]
        """Saves the full state of a training in Keras as a series, and restores it."""

    return CheckpointCallback


class _Hooks:
    """The hooks, without the class of Keras that calls them."""

    model: Any

    def __init__(self, state: KerasState, recorder: Recorder) -> None:
        super().__init__()
        self._state = state
        self._trained = state.model
        self.recorder = recorder

    @property
    def initial_epoch(self) -> int:
        """Epochs that are trained already: for ``fit``."""
        self.restart()
        return self.recorder.epoch

    def restart(self) -> Restart | None:
        """Restore the newest state, once.

        Raises:
            CandleSpecError: A restart is required and impossible, or the checkpoint is of another training.
        """
        return self.recorder.restart()

    def fit(self, *arguments: Any, callbacks: Sequence[Any] = (), **more: Any) -> Any:
        """Train by ``model.fit`` from the newest state on, and see what the order of the data depends on.

        Args:
            arguments: For ``model.fit``.
            callbacks: Further callbacks; their counters are kept if no others were named.
            more: For ``model.fit``, but for ``initial_epoch``.
        """
        self._state.callbacks = self._state.callbacks or tuple(callbacks)
        self._state.order = order_of(arguments[0] if arguments else more.get("x"), more)
        start = self.initial_epoch
        return self._trained.fit(*arguments, callbacks=[*callbacks, self], initial_epoch=start, **more)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Restore the state, the counters of other callbacks too, which have begun anew by now."""
        if self.model is not self._trained:
            raise InvalidInputError(
                "the callback was made for another model", hint="make it for the model that is trained"
            )
        epochs = (getattr(self, "params", None) or {}).get("epochs")
        self.recorder.epochs = int(epochs) if epochs else self.recorder.epochs
        self.restart()
        if self.recorder.restarted is not None:
            self._state.restore_counters()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Refuse to train epochs again that are trained already.

        Raises:
            InvalidInputError: ``fit`` was not given ``initial_epoch``.
        """
        if epoch < self.recorder.epoch and self.recorder.restarted is not None:
            raise InvalidInputError(
                f"{self.recorder.epoch} epochs are trained already, and fit begins with epoch {epoch + 1}",
                hint="model.fit(..., initial_epoch=callback.initial_epoch)",
            )

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count the step; save where the policy or a signal asks for it."""
        self.recorder.step_end((self.recorder.step or 0) + 1)
        if self.recorder.stopped_inside:
            self._trained.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save where the policy says so, and stop the training where it has to."""
        if self.recorder.stopped_inside:
            return
        metrics = {name: float(value) for name, value in (logs or {}).items() if _is_number(value)}
        self.recorder.epoch_end(epoch + 1, metrics)
        if self.recorder.stop_reason:
            self._trained.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Save the end of the training, and wait until all is durable."""
        if not self.recorder.stopped_inside:
            self.recorder.train_end("early stop" if self._trained.stop_training else "train end")
        self.recorder.close()


def order_of(data: Any, fit: Mapping[str, Any]) -> StatePart:
    """Return what the order of the data depends on, by the arguments of ``fit``.

    Arrays that are not shuffled come in the same order in each epoch. What shuffles them depends on the backend:
    TensorFlow's operation keeps a state of its own, which nobody can save.
    https://github.com/keras-team/keras/blob/master/keras/src/trainers/data_adapters/array_data_adapter.py
    """
    if not _is_array(data):
        return StatePart("absent", "a data set of its own gives the data: give it to the callback if it has a state")
    if fit.get("steps_per_epoch") is not None:
        return StatePart("absent", "steps_per_epoch lets an epoch begin anywhere in the data")
    if fit.get("shuffle", True) in (False, None):
        return StatePart("not-used", "the arrays are not shuffled: every epoch has the same order")
    return StatePart("absent", "the order of Keras' own shuffling has no state that could be saved: shuffle=False has")


def _is_array(data: Any) -> bool:
    if isinstance(data, Mapping):
        return bool(data) and all(_is_array(value) for value in data.values())
    if isinstance(data, (list, tuple)):
        return bool(data) and all(_is_array(value) for value in data)
    return hasattr(data, "shape") and hasattr(data, "dtype")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or (hasattr(value, "item") and getattr(value, "shape", None) == ())
