"""Lightning: a callback and a checkpoint plugin for ``Trainer``.

>>> checkpoints = checkpoint_callback("out/ckpts")                                       # doctest: +SKIP
>>> trainer = Trainer(max_epochs=20, callbacks=[checkpoints], plugins=[checkpoints.io])  # doctest: +SKIP
>>> trainer.fit(model, ckpt_path=checkpoints.ckpt_path)                                  # doctest: +SKIP

What is saved is the dictionary that Lightning itself would write (loops, callbacks, optimizers, schedules), so the
names are those of a converted ``.ckpt``; besides, the random generators, which Lightning does not keep.
"""

from __future__ import annotations

import importlib
import os
from functools import cache
from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.settings import DEFAULTS, Params, Settings
from candle_spec.callbacks._recording.team import TeamRecorder, TorchTeam
from candle_spec.callbacks._states.lightning_state import LightningState, io_class
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.errors import InvalidInputError

__all__ = ["checkpoint_callback"]


def checkpoint_callback(
    folder: str | Path | None,
    *,
    package: str = "lightning.pytorch",
    params: Params = None,
    settings: Settings = DEFAULTS,
) -> Any:
    """Return the callback.

    Args:
        folder: Folder of the series; ``None``: as the policy says.
        package: ``lightning.pytorch``, or ``pytorch_lightning`` where the program uses that name.
        params: When to save and what to keep: ``ckpt_*`` hyperparameters or a policy; by default, all epochs are saved.
        settings: See :class:`candle_spec.callbacks.Settings`.
    """
    state = LightningState(io_class(package)())
    known = settings.filled(rank=_rank_by_environment())
    return _callback_class(package)(state, Recorder.of(state, folder, params, known))


@cache
def _callback_class(package: str) -> Any:
    library = importlib.import_module(package)

    class CheckpointCallback(_Hooks, library.Callback):  # type: ignore[misc, name-defined]
        """Saves the full state of a training in Lightning as a series, and restores it."""

    return CheckpointCallback


class _Hooks:
    """The hooks, without the class of Lightning that calls them."""

    def __init__(self, state: LightningState, recorder: Recorder) -> None:
        super().__init__()
        self.io = state.io
        """The plugin for ``Trainer``: it gives states to the series and reads them from there."""
        self.recorder = recorder
        self._state = state
        self._pending: tuple[int, dict[str, float], int] | None = None

    @property
    def ckpt_path(self) -> str | None:
        """The checkpoint to go on from, for ``Trainer.fit``; ``None`` at the beginning."""
        restart = self.recorder.restart()
        return str(restart.path) if restart else None

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Look at what the trainer is.

        Raises:
            InvalidInputError: It was not given the plugin, or several processes train in another way than DDP.
        """
        if stage != "fit":
            return
        if trainer.strategy.checkpoint_io is not self.io:
            raise InvalidInputError(
                "the trainer does not know the plugin of the callback", hint="Trainer(plugins=[checkpoints.io])"
            )
        if trainer.world_size > 1:
            self._join(trainer)
        else:
            self.recorder.is_alone()
        self._state.trainer = trainer
        self.recorder.epochs = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
        self.recorder.settings = self.recorder.settings.filled(name=type(pl_module).__name__)
        self.recorder.start()

    def _join(self, trainer: Any) -> None:
        """Become one of several: process 0 saves, and all go on from the checkpoint that it found."""
        strategy = type(trainer.strategy).__name__
        launcher = type(getattr(trainer.strategy, "launcher", None)).__name__
        if strategy != "DDPStrategy" or launcher == "_MultiProcessingLauncher":
            raise InvalidInputError(
                f"{strategy} on {trainer.world_size} processes is not supported here",
                hint='strategy="ddp", or candle_spec.callbacks.pytorch in a loop of your own (FSDP too)',
            )
        team = TorchTeam()
        own = self.recorder.restarted.path if self.recorder.restarted else None
        found = team.gather(None if own is None else str(own))
        if any((path is None) != (found[0] is None) for path in found):
            raise InvalidInputError("the processes do not see the same series", hint="start again; use a shared folder")
        if own is not None and found[0] != str(own):
            self._state.restore(Checkpoint(found[0]), weights_only=self.recorder.policy.weights_only)
            self.io.loaded = (str(own), self.io.loaded[1])  # the trainer asks by the path that it was given
        self._state.team = team
        self.recorder = TeamRecorder.joined(self.recorder, team, crewed=False)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Let a restored training begin its epoch as one that was never interrupted.

        The state was saved between two epochs. Lightning's own restart goes on inside one: it would take the iterator
        made before the generators were set, and leave out a step of the schedules.
        """
        if self.recorder.restarted is not None:
            trainer.fit_loop.restarting = False
            if hasattr(trainer.fit_loop, "_resuming_from_checkpoint"):
                trainer.fit_loop._resuming_from_checkpoint = False

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Save the epoch before: only now Lightning has stepped the schedules and counted it as complete."""
        self._record()
        for note in self._state.restore_rng():
            self.recorder.say(f"not restored: {note}")

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save where the policy or a signal asks for it."""
        if self.recorder.step != trainer.global_step:
            self.recorder.step_end(trainer.global_step)
        trainer.should_stop = trainer.should_stop or self.recorder.stopped_inside

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Note what was measured, and stop the training where it has to."""
        if self.recorder.stopped_inside:
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if value.numel() == 1}
        self._pending = (trainer.current_epoch + 1, metrics, trainer.global_step)
        trainer.should_stop = self.recorder.must_stop() or trainer.should_stop

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Save the end of the training, and wait until all is durable."""
        self._record()
        if not self.recorder.stopped_inside:
            self.recorder.train_end(self.recorder.stop_reason or ("early stop" if trainer.should_stop else "train end"))
        self.recorder.close()

    def _record(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self.recorder.epoch_end(*pending)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Let the series go."""
        self.recorder.close(failed=True)


def _rank_by_environment() -> int:
    """The number of this process as launchers tell it, before the trainer is there: 0 where none says otherwise."""
    keys = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK", "NODE_RANK", "GROUP_RANK")
    return next((int(os.environ[key]) for key in keys if os.environ.get(key, "0") not in ("", "0")), 0)
