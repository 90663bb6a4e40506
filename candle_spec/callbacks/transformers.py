"""Hugging Face Transformers: a callback for ``Trainer``.

>>> checkpoints = checkpoint_callback("out/ckpts")                                       # doctest: +SKIP
>>> trainer = Trainer(model, args, train_dataset=data, callbacks=[checkpoints])          # doctest: +SKIP
>>> checkpoints.train(trainer)                                                           # doctest: +SKIP

``checkpoints.train`` is ``trainer.train`` from the newest state on. A checkpoint holds ``trainer_state.json``, as
the Trainer itself writes it, so that the Trainer takes its counters from there; set ``save_strategy="no"``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.settings import DEFAULTS, Params, Settings
from candle_spec.callbacks._recording.team import TeamRecorder, TorchTeam
from candle_spec.callbacks._states.rng import restore_rng
from candle_spec.callbacks._states.torch_state import TorchState
from candle_spec.checkpoint.contents import SideFile, StatePart
from candle_spec.errors import InvalidInputError

__all__ = ["checkpoint_callback"]

_ROUNDING: Final = 1e-6
_STATE: Final = "trainer_state.json"
_ORDER: Final = StatePart("present")  # the order of an epoch follows from the seed and torch's generator


def checkpoint_callback(folder: str | Path | None, *, params: Params = None, settings: Settings = DEFAULTS) -> Any:
    """Return the callback.

    Args:
        folder: Folder of the series; ``None``: as the policy says.
        params: When to save and what to keep: ``ckpt_*`` hyperparameters or a policy; by default, all epochs are saved.
        settings: See :class:`candle_spec.callbacks.Settings`.
    """
    state = TorchState(None, order=_ORDER)
    return _callback_class()(state, Recorder.of(state, folder, params, settings))


@cache
def _callback_class() -> Any:
    import transformers

    class CheckpointCallback(_Hooks, transformers.TrainerCallback):
        """Saves the full state of a training by the Trainer as a series, and restores it."""

    return CheckpointCallback


class _Hooks:
    """The hooks, without the class of Transformers that calls them."""

    def __init__(self, state: TorchState, recorder: Recorder) -> None:
        super().__init__()
        state.files = self._files
        self._torch = state
        self.recorder = recorder
        self._trainer: Any = None
        self._rng: Mapping[str, Any] | None = None
        self._pending = False
        self._between = True
        self._completed = 0

    def train(self, trainer: Any, **more: Any) -> Any:
        """Train from the newest state on; ``more`` goes to ``trainer.train``.

        Raises:
            CandleSpecError: A restart is required and impossible, or the checkpoint is of another training.
        """
        if self not in trainer.callback_handler.callbacks:
            raise InvalidInputError("the trainer does not know the callback", hint="Trainer(callbacks=[checkpoints])")
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise InvalidInputError(
                "a Trainer that shards the model over several processes is not supported here",
                hint="DDP is; candle_spec.callbacks.pytorch saves sharded states, in a loop of your own",
            )
        self._trainer = trainer
        self._torch.model = trainer.model
        if trainer.args.world_size > 1:
            self._torch.team = TorchTeam()
            self.recorder = TeamRecorder.joined(self.recorder, self._torch.team, crewed=False)
        self.recorder.settings = self.recorder.settings.filled(name=type(trainer.model).__name__)
        self.recorder.epochs = int(trainer.args.num_train_epochs) if trainer.args.max_steps <= 0 else None
        try:
            point = self.recorder.peek()
            return trainer.train(resume_from_checkpoint=str(point) if point else None, **more)
        except BaseException:
            self.recorder.close(failed=True)
            raise

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Restore what the Trainer has not: it has made optimizer and schedule by now."""
        if self._trainer is None:
            raise InvalidInputError("the callback restores nothing by itself", hint="checkpoints.train(trainer)")
        self._torch.model = objects["model"]
        self._torch.optimizer, self._torch.scheduler = objects["optimizer"], objects["lr_scheduler"]
        self._torch.scaler = getattr(self._trainer.accelerator, "scaler", None)
        self.recorder.restart()
        self._rng = self._torch.take_rng()
        self._between = _is_whole(state.epoch)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Set the random generators once more, just before the order of the data is drawn from them."""
        if self._between:
            self._set_rng()

    def on_step_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Set them here, where the training goes on inside an epoch: the Trainer has passed over its first steps."""
        self._set_rng()

    def _set_rng(self) -> None:
        if self._rng is not None:
            restore_rng(self._rng)
            self._rng = None

    def on_step_end(self, args: Any, state: Any, control: Any, **objects: Any) -> Any:
        """Save where the policy or a signal asks for it; behind the evaluation, if the step is evaluated."""
        if control.should_evaluate:
            self._pending = True
            return control
        return self._step(state, control, {})

    def _step(self, state: Any, control: Any, metrics: Mapping[str, Any]) -> Any:
        self.recorder.step_end(state.global_step, self._numbers(metrics))
        control.should_training_stop = control.should_training_stop or self.recorder.stopped_inside
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **objects: Any) -> Any:
        """Save now, or, where the epoch is still to be evaluated, behind that."""
        if self.recorder.stopped_inside or not self._completes(state):
            return control
        self._pending = str(getattr(args.eval_strategy, "value", args.eval_strategy)) == "epoch"
        return control if self._pending else self._record(state, control, {})

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **objects: Any) -> Any:
        """Save the epoch, or the step, that was evaluated."""
        if not self._pending:
            return control
        self._pending = False
        return (self._record if self._completed else self._step)(state, control, metrics or {})

    def on_train_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Save the end of the training, and wait until all is durable."""
        if not self.recorder.stopped_inside:
            self.recorder.train_end(self.recorder.stop_reason or "train end")
        self.recorder.close()

    def _record(self, state: Any, control: Any, metrics: Mapping[str, Any]) -> Any:
        logged = [row for row in state.log_history[-1:] if "loss" in row]
        numbers = self._numbers({**(logged[0] if logged else {}), **metrics})
        self.recorder.epoch_end(self._completed, numbers, state.global_step)
        self._completed = 0
        control.should_training_stop = control.should_training_stop or bool(self.recorder.stop_reason)
        return control

    def _completes(self, state: Any) -> bool:
        """Whether an epoch is over, and not only begun: a limit of steps may end the training inside one."""
        sized = hasattr(self._trainer.train_dataset, "__len__")
        if sized:
            self._completed = round(state.epoch) if _is_whole(state.epoch) else 0
        else:  # without a length, the Trainer takes all of the training for one epoch
            self._completed = self.recorder.epoch + 1 if state.global_step < state.max_steps else 0
        return bool(self._completed)

    def _numbers(self, values: Mapping[str, Any]) -> dict[str, float]:
        numbers = {name: float(value) for name, value in values.items() if isinstance(value, (int, float))}
        numbers.pop("epoch", None)
        wanted = self.recorder.policy.save.metric
        theirs = "eval_" + wanted.removeprefix("val_")  # the Trainer's word for the same
        if wanted not in numbers and theirs in numbers:
            numbers[wanted] = numbers[theirs]
        return numbers

    def _files(self) -> list[SideFile]:
        """The counters of the Trainer, as it writes them."""
        text = json.dumps(dataclasses.asdict(self._trainer.state), indent=2, sort_keys=True) + "\n"
        return [SideFile(_STATE, text.encode("utf-8"), "application/json", "artifact")]


def _is_whole(epoch: float | None) -> bool:
    """Whether the Trainer's count, which counts parts of epochs too, is one of whole epochs."""
    return abs((epoch or 0.0) - round(epoch or 0.0)) < _ROUNDING
