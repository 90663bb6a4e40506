"""CANDLE's checkpoint classes for Keras 3 and tf_keras: made, when a program asks for them, of the one in use."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from candle_spec.callbacks._recording.adapter import Adapter, Restored
from candle_spec.callbacks._states.keras_state import KerasState
from candle_spec.candle.checkpoints.back_end import BackEnd
from candle_spec.candle.checkpoints.base import CandleCkpt
from candle_spec.candle.checkpoints.wrapped_state import WrappedState
from candle_spec.candle.keras_in_use import keras_module
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint


@dataclass(slots=True)
class CompiledLater(WrappedState):
    """A model that may not be compiled yet when it is restored: then its optimizer is restored when training begins.

    Attributes:
        model: The model.
        waiting: The checkpoint whose other parts are still to be restored.
    """

    model: Any
    waiting: Checkpoint | None = None

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        if weights_only or getattr(self.model, "optimizer", None) is not None:
            return self.inner.restore(checkpoint, weights_only=weights_only)
        from candle_spec.callbacks._states.structure import restored

        self.waiting = checkpoint
        done = self.inner.restore(checkpoint, weights_only=True)
        return Restored(done.parts, restored(checkpoint))


class KerasBackEnd:
    """Keras, for CANDLE's class (:class:`candle_spec.candle.checkpoints.back_end.BackEnd`)."""

    def __init__(self) -> None:
        self._state: CompiledLater | None = None

    def state(self, objects: Any) -> Adapter:
        """See :class:`candle_spec.candle.checkpoints.back_end.BackEnd`."""
        self._state = CompiledLater(KerasState(objects), objects)
        return self._state

    def take_waiting(self) -> Checkpoint | None:
        """Return the checkpoint of which only the weights could be restored before the model was compiled; once."""
        if self._state is None:
            return None
        waiting, self._state.waiting = self._state.waiting, None
        return waiting

    def write(self, objects: Any, path: Path, epoch: int) -> None:
        """Write the whole model as HDF5."""
        objects.save(str(path))

    def read(self, objects: Any, path: Path) -> str:
        """Restore the weights of an HDF5 file, which holds no pickle."""
        with path.open("rb") as file:
            if file.read(4) != b"\x89HDF":
                raise InvalidInputError("no HDF5 file of Keras", location=str(path))
        objects.load_weights(str(path))
        return "restored: model; not restored: optimizer (CANDLE does not restore it either)"

    def rank(self) -> int:
        """Return Horovod's number, where it runs."""
        for name in ("horovod.keras", "horovod.tensorflow.keras", "horovod.tensorflow"):
            horovod = sys.modules.get(name)
            if horovod is not None and horovod.is_initialized():
                return int(horovod.rank())
        return 0


class _Hooks(CandleCkpt):
    """What the Keras classes do when Keras calls them; its own class comes beside."""

    cut_short: bool = False

    def make_back_end(self) -> BackEnd:
        """See :class:`CandleCkpt`."""
        self._keras = KerasBackEnd()
        return self._keras

    def set_model(self, model: Any) -> None:
        """Name the model; ``fit`` does so too."""
        if model is not self.objects and self.recorder is not None:
            self.close()
        super().set_model(model)

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore what could not be restored before the model was compiled."""
        recorder = self.opened().recorder
        planned = getattr(self, "params", None) or {}
        if recorder.epochs is None:
            recorder.epochs = planned.get("epochs")
        checkpoint = self._keras.take_waiting()
        if checkpoint is not None:
            done = recorder.adapter.restore(checkpoint, weights_only=self.policy.weights_only)
            self.info(f"the model is compiled now; {done.text()}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note a step; stop where a signal or the wall-time limit asks for it."""
        recorder = self.recorder
        if recorder is not None and not self.cut_short:
            recorder.step_end((recorder.step or 0) + 1)
            self.cut_short = recorder.stopped_inside
            if self.cut_short:
                self.objects.stop_training = self.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save if the hyperparameters say so."""
        if not self.cut_short:
            self.ckpt_epoch(epoch, **{str(name): value for name, value in (logs or {}).items()})

    def on_train_end(self, logs: Any = None) -> None:
        """Save where the training ends; an epoch that was left is done again after the restart."""
        if self.cut_short:
            self.report_final()
        else:
            super().on_train_end(logs)

    def _stop(self, recorder: Any) -> None:
        """``fit`` can be ended from here."""
        if recorder.stop_reason:
            self.objects.stop_training = self.stop_training = True


@cache
def _classes(keras: ModuleType) -> dict[str, type]:
    base: Any = keras.callbacks.Callback

    class CandleCkptKeras(_Hooks, base):  # type: ignore[misc]
        """Checkpoints of a training in Keras: a callback.

        >>> ckpt = candle.CandleCkptKeras(gParameters)                       # doctest: +SKIP
        >>> ckpt.set_model(model)
        >>> J = ckpt.restart(model)
        >>> model.fit(..., initial_epoch=J["epoch"] if J else 0, callbacks=[ckpt])

        Args:
            gParams: All hyperparameters of the program; they are not changed.
            logger: Where lines go, see :class:`CandleCkpt`.
            verbose: Whether details are said too.
        """

        if hasattr(base, "model"):
            model = base.model  # Keras 3 keeps the model itself

        def __init__(
            self, gParams: Mapping[str, Any], logger: logging.Logger | str | None = "DEFAULT", verbose: bool = True
        ) -> None:
            base.__init__(self)
            _Hooks.__init__(self, gParams, logger, verbose)

        def set_model(self, model: Any) -> None:
            """Name the model; ``fit`` does so too."""
            base.set_model(self, model)
            _Hooks.set_model(self, model)

    class CandleCheckpointCallback(CandleCkptKeras):
        """The name that the class had until 2022; it also takes a directory and the arguments of that time."""

        def __init__(
            self,
            gParams: Mapping[str, Any] | str,
            logger: logging.Logger | str | None = "DEFAULT",
            verbose: bool = True,
            **old: Any,
        ) -> None:
            params = {"ckpt_directory": gParams, **old} if isinstance(gParams, str) else {**gParams, **old}
            super().__init__(params, logger, verbose)

    class MultiGPUCheckpoint(keras.callbacks.ModelCheckpoint):  # type: ignore[name-defined, misc]
        """Keras' own ``ModelCheckpoint`` of the model inside a wrapper for several GPUs."""

        def set_model(self, model: Any) -> None:
            """Take the last layer but one, where that is a model."""
            inner = model.layers[-2] if len(model.layers) > 1 else None
            super().set_model(inner if isinstance(inner, keras.Model) else model)

    made = (CandleCkptKeras, CandleCheckpointCallback, MultiGPUCheckpoint)
    return {each.__name__: each for each in made}


def keras_class(name: str) -> Any:
    """Return one of the classes, of the Keras that the program uses."""
    return _classes(keras_module())[name]
