"""CANDLE's checkpoint classes: what they share. Names and calls are those of https://github.com/ECP-CANDLE/candle_lib."""

from __future__ import annotations

import logging
import warnings
import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from candle_spec.callbacks._recording.adapter import Adapter
from candle_spec.callbacks._recording.recorder import Options, Recorder, Restart
from candle_spec.candle import workflow_run as _supervisor
from candle_spec.candle.checkpoints.by_hand import Upkeep, no_back_end
from candle_spec.candle.checkpoints.notes import NativeWriter, Noting, checksummed
from candle_spec.candle.checkpoints.notes_alone import NotesAlone
from candle_spec.candle.checkpoints.old import POINTERS, has_series, moment, nothing_to_restart_from, old_checkpoint
from candle_spec.candle.checkpoints.own import OwnState
from candle_spec.errors import InvalidInputError
from candle_spec.series.candle_files import ckpt_info, ckpt_log, old_layouts
from candle_spec.series.candle_files.ckpt_info import CkptInfo
from candle_spec.series.candle_files.ckpt_log import CkptLog
from candle_spec.series.candle_files.old_layouts import OldCheckpoint
from candle_spec.series.policy import decisions as policies
from candle_spec.series.policy import retention
from candle_spec.series.policy.best import direction as known_direction
from candle_spec.series.policy.decisions import Moment
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.saves.save import Saved
from candle_spec.series.series import Series

_TERMINATED: Final = 143
"""Exit code of a process that SIGTERM ended: https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html."""

_open: weakref.WeakValueDictionary[str, CandleCkpt] = weakref.WeakValueDictionary()
_trained: set[str] = set()
"""Directories in which this process has saved already."""


class CandleCkpt(Upkeep):
    """Saves a training as the ``ckpt_*`` hyperparameters say, and restarts it.

    Use :class:`CandleCkptPyTorch` or :class:`CandleCkptKeras`; or, for a format of your own, a subclass with two hooks:

    >>> class MyCkpt(candle.CandleCkpt):                                     # doctest: +SKIP
    ...     model_file = "model.npz"
    ...     def write_model_backend(self, model, epoch):
    ...         numpy.savez(self.model_file, **model)
    ...     def build_model(self, model_file):
    ...         self.model = dict(numpy.load(model_file))

    Attributes:
        model_file: Name of the model's file; while :meth:`write_model_backend` runs, the path to write to.
        framework: Who makes the models of such a subclass; where it is empty, that is found out from the file.
        epoch_max: Planned epochs.

    Args:
        gParams: All hyperparameters of the program; they are not changed.
        logger: ``"DEFAULT"``: lines go to the screen and to ``ckpt.log``; ``None``: only there; or a logger.
        verbose: Whether details are said too.
    """

    framework: str = ""

    def __init__(
        self, gParams: Mapping[str, Any], logger: logging.Logger | str | None = "DEFAULT", verbose: bool = True
    ) -> None:
        self.log = CkptLog(logger, verbose=verbose)
        self.gParams = gParams
        self.stop_training = False
        self.recorder: Recorder | None = None
        self.notes: NotesAlone | None = None
        self.objects: Any = None
        self.J: dict[str, Any] | None = None
        self._next: int | None = None
        self.scan_params(gParams)

    def scan_params(self, gParams: Mapping[str, Any]) -> None:
        """Read the hyperparameters.

        Raises:
            InvalidInputError: One has no possible value; the message names it.
        """
        self.policy = CheckpointPolicy.from_params(gParams)
        self.ckpt_directory = self.policy.folder(_supervisor.output_folder(gParams))
        self.epoch_max = self.policy.epochs
        self.best_metric_last = self.policy.save.best_value

    # What the frameworks fill in

    def make_adapter(self, model: Any) -> Adapter:
        """Return the adapter of the framework to the objects of a training."""
        if type(self).write_model_backend is Upkeep.write_model_backend:
            raise no_back_end(self)
        return OwnState(weakref.ref(self), self.ckpt_directory)

    def native_writer(self, model: Any) -> NativeWriter | None:
        """Return what writes the state to a path, after so many epochs, as the framework does.

        ``None`` where the checkpoint holds that file anyway.
        """
        return None

    def restore_old(self, old: OldCheckpoint) -> str:
        """Restore the objects from a checkpoint that CANDLE wrote; return what was restored, in words."""
        self.read_from(old.model)
        return "restored: model"

    def rank(self) -> int:
        """Return the number of this process among those that train one model together."""
        return 0

    # Lines

    def info(self, message: str) -> None:
        """Say a line."""
        self.log.info(message)

    def debug(self, message: str) -> None:
        """Say a detail."""
        self.log.debug(message)

    def enabled(self, key: str = "") -> bool:
        """Whether a hyperparameter is set and true; without a name, whether anything is ever saved."""
        return self._is_on(key) is True if key else self.policy.enabled

    def disabled(self, key: str = "") -> bool:
        """Whether a hyperparameter is set and false; without a name, whether nothing is ever saved."""
        return self._is_on(key) is False if key else not self.policy.enabled

    @property
    def epochs(self) -> list[int]:
        """The epochs whose checkpoints are there, those of earlier parts of the run too."""
        if self.recorder is not None:
            entries = self.recorder.entries()
        else:
            folder = Path(self.ckpt_directory)
            entries = Series.read(folder).entries() if has_series(folder) else ()
        return sorted({entry.epoch for entry in entries if entry.complete and not entry.superseded})

    # The training

    def set_model(self, model: Any) -> None:
        """Name the objects that are saved and restored."""
        self.objects = model

    def report_initial(self) -> None:
        """Say what will be saved, when, where, and what is kept; done at the first call of anything."""
        if self.objects is None:
            self.info(self.policy.describe(self.ckpt_directory))
        else:
            self._start()

    def restart(self, model: Any = None, verbose: bool = True) -> dict[str, Any] | None:
        """Restore the training, and return what its note says; ``None``: from the beginning.

        Args:
            model: Used where :meth:`set_model` was not called.
            verbose: Unused, as in CANDLE.

        Raises:
            MissingPathError: A restart is required, and there is nothing to restart from.
            CorruptFileError: What was asked for is damaged.
            InvalidInputError: The checkpoint is of another model.
        """
        if self.objects is None and model is not None:
            self.set_model(model)
        recorder = self._start()
        self._warn_of_sharing()
        if self.policy.restart_mode == "off":
            return None
        old, passed = old_checkpoint(self.policy, Path(self.ckpt_directory), _supervisor.output_folder(self.gParams))
        if old is not None:
            info = self._restart_old(recorder, old, passed)
        else:
            if not has_series(Path(self.ckpt_directory)) and self.policy.restart_mode in POINTERS:
                self.info(nothing_to_restart_from(self.policy.restart_mode, passed, self._key()))
                return None
            restarted = recorder.restart()
            if restarted is None:
                self.info(nothing_to_restart_from(self.policy.restart_mode, passed, self._key()))
                return None
            info = self._note_of(restarted)
        self.best_metric_last = info.best_metric_last
        self._next = info.epoch
        self.J = info.to_params()
        for line in ckpt_log.restarting(info.epoch, info.timestamp):
            self.info(line)
        return self.J

    def ckpt_epoch(self, epoch: int, direction: str = "", metric_value: Any = None, **metrics: Any) -> bool:
        """Note the end of an epoch, and save if the hyperparameters say so.

        Args:
            epoch: Number of the epoch, from 0.
            direction: ``+`` or ``-`` where the name of the metric does not say which way it improves.
            metric_value: Value of ``ckpt_save_best_metric``.
            **metrics: Further values of this epoch by name.

        Returns:
            Whether the training is saved.
        """
        recorder = self._start()
        self._check_epoch(epoch)
        values = {name: float(value) for name, value in metrics.items()}
        if metric_value is not None:
            values.setdefault(self.policy.save.metric, float(metric_value))
        self._take_direction(recorder, direction)
        completed = epoch + 1
        if recorder.records and completed == recorder.epochs and completed >= self.policy.save.skip_epochs:
            self.info(ckpt_log.final_epoch(completed))
        saved = recorder.epoch_end(completed, values)
        if self.notes is not None:
            final = self.epoch_max is not None and completed >= self.epoch_max
            saved = self.notes.epoch_end(completed, values, final=final)
        if recorder.records:
            self.best_metric_last = recorder.past.best
        if recorder.records and self.policy.save.metric not in values:
            self._warn_of_metric(values)
        self._stop(recorder)
        return saved

    def on_train_end(self, logs: Any = None) -> None:
        """Save where the training ends, unless that is done, and say what is left."""
        if self.recorder is not None:
            self.recorder.train_end(self.recorder.stop_reason or "train end")
            if self.notes is not None:
                self.notes.train_end(self.recorder.stop_reason or "train end")
        self.report_final()

    def report_final(self) -> None:
        """Say what is left, wait for what is under way, and let the directory go."""
        if self.recorder is not None and self.recorder.records:
            self.debug(f"checkpoints are in {self.ckpt_directory}")
        elif self.recorder is not None:
            self.info(self.policy.describe(self.ckpt_directory))
        self.close()

    def close(self) -> None:
        """Wait for the saves under way, and let the directory go."""
        recorder, self.recorder = self.recorder, None
        if _open.get(self._key()) is self:
            del _open[self._key()]
        if recorder is not None:
            recorder.close()

    def save_check(self, epoch: int, direction: str = "", metric_value: Any = None) -> bool:
        """Whether the end of an epoch (counted from 1, as in CANDLE) would be saved; nothing is saved."""
        save, past = self._policy_and_past(direction)
        metrics = {} if metric_value is None else {save.metric: float(metric_value)}
        final = self.epoch_max is not None and epoch >= self.epoch_max
        return bool(policies.save_reason(save, Moment(epoch, metrics=metrics, is_final=final), past))

    def save_check_best(self, epoch: int, direction: str = "", metric_value: Any = None) -> bool:
        """Whether an epoch (counted from 1) is the best so far."""
        save, past = self._policy_and_past(direction)
        metrics = {} if metric_value is None else {save.metric: float(metric_value)}
        return save.save_best and policies.improves(save, Moment(epoch, metrics=metrics), past)

    def _policy_and_past(self, direction: str) -> tuple[policies.SavePolicy, policies.History]:
        save = _directed(self.policy.save, direction)
        past = self.recorder.past if self.recorder is not None else policies.history((), save)
        return save, past

    # Inside

    def _key(self) -> str:
        return str(Path(self.ckpt_directory).resolve())

    def _start(self) -> Recorder:
        """Open the directory, at the first call of anything."""
        if self.recorder is not None:
            return self.recorder
        if self.objects is None:
            raise InvalidInputError("set_model was not called", hint="call it before restart and before the training")
        other = _open.get(self._key())
        if other is not None and other is not self:
            other.close()  # one object at a time; the newest one of a program is meant
        _open[self._key()] = self
        write_native = self.native_writer(self.objects) if self.policy.native_copy else None
        say, last = self.log.info, moment(self.policy.timestamp_last)
        noting = Noting(self.make_adapter(self.objects), say, write_native, elapsed_from=last)
        options = Options(
            self.ckpt_directory,
            name=str(self.gParams.get("model_name") or ""),
            run=_supervisor.run_identity(self.gParams),
            rank=self.rank(),
            asynchronous=bool(self.policy.asynchronous),
            say=say,
            on_saved=(_Listener(weakref.ref(self)),),
        )
        self.recorder = noting.recorder = Recorder(noting, self.policy, options, epochs=self.epoch_max)
        self.recorder.past = policies.history((), self.policy.save)
        weakref.finalize(self, self.recorder.close)  # a program that drops the object lets the directory go
        self.recorder.start()
        if not self.policy.weights_file and self.policy.save.enabled and self.rank() == 0:
            self.notes = NotesAlone(Path(self.ckpt_directory), self.policy, say)
            self.notes.start()
        if self.recorder.records or self.notes is not None:
            self.log.open(Path(self.ckpt_directory) / "ckpt.log")
        return self.recorder

    def _restart_old(self, recorder: Recorder, old: OldCheckpoint, passed: list[old_layouts.Refused]) -> CkptInfo:
        for refused in passed:
            self.info(f"passed over {refused.folder}: {refused.reason}")
        if self.policy.checksum and old.info is not None and old.info.crc32 is not None:
            checksummed(old.model, old.model.stat().st_size, self.info)
        text = self.restore_old(old)
        info = old.info or CkptInfo(0)
        self.info(f"restarting from a checkpoint of CANDLE, {old.model}: {text}")
        best = info.best_metric_last
        recorder.epoch = info.epoch
        recorder.past = replace(recorder.past, best=best if best is not None else recorder.past.best)
        return info

    def _note_of(self, restarted: Restart) -> CkptInfo:
        """Return the note of the checkpoint restored; one that another callback saved has none."""
        if not (restarted.path / ckpt_info.NAME).is_file():
            return CkptInfo(restarted.epoch, self.policy.save.metric, metrics=restarted.metrics)
        info = self._checked_note(restarted.path)
        return replace(info, extra={**info.extra, "state_digest": self._digest(restarted.path)})

    def _check_epoch(self, epoch: int) -> None:
        """Say it once where a program restored a training and then begins it from 0 all the same."""
        expected, self._next = self._next, None
        if expected is not None and epoch != expected:
            text = f"restored to epoch {expected}, the training goes on as epoch {epoch}: initial_epoch was ignored"
            self.info(text)
            warnings.warn(text, RuntimeWarning, stacklevel=4)

    def _warn_of_sharing(self) -> None:
        if self._key() in _trained and self.policy.restart_mode != "off":
            text = (
                f"this process has trained in {self.ckpt_directory} already: another fold or model needs a "
                "ckpt_directory of its own, else it goes on from the one before"
            )
            self.info(text)
            warnings.warn(text, RuntimeWarning, stacklevel=4)

    def _warn_of_metric(self, values: Mapping[str, float]) -> None:
        if self.policy.save.save_best and not getattr(self, "_warned", False):
            self._warned = True
            self.info(f"there is no {self.policy.save.metric} among {', '.join(values) or 'nothing'}: no epoch is best")

    def _take_direction(self, recorder: Recorder, direction: str) -> None:
        save = _directed(recorder.policy.save, direction)
        if save is not recorder.policy.save:
            keep = replace(self.policy.keep, mode_of_metric=save.mode)
            self.policy = recorder.policy = replace(self.policy, save=save, keep=keep)

    def _stop(self, recorder: Recorder) -> None:
        """A loop of one's own cannot be ended from here, but by SIGTERM, which was to end the process."""
        self.stop_training = self.stop_training or bool(recorder.stop_reason)
        if recorder.stop_reason == "SIGTERM":
            self.close()
            raise SystemExit(_TERMINATED)

    def saved(self, done: Saved) -> None:
        """Say what was written and what is kept, in CANDLE's words."""
        _trained.add(self._key())
        self.info(ckpt_log.wrote(done.written_bytes + done.shared_bytes, done.seconds))
        recorder = self.recorder
        if recorder is not None and self.J is None and not self.policy.keep.keep_best:
            recorder.forget_best()  # that of an earlier training, begun anew without one
        if recorder is not None:
            plan = retention.keep(recorder.entries(), self.policy.keep)
            for line in ckpt_log.kept(sorted({entry.epoch for entry in plan.keep}, reverse=True)):
                self.info(line)


def _directed(save: policies.SavePolicy, direction: str) -> policies.SavePolicy:
    """Return the policy with the direction that the program gives, where the name of the metric does not say it."""
    if direction not in ("+", "-") or save.mode != "auto" or known_direction(save.metric):
        return save
    return replace(save, mode="max" if direction == "+" else "min")


class _Listener:
    """Passes saves on without keeping the object alive: a program drops it without closing it."""

    def __init__(self, owner: weakref.ref[CandleCkpt]) -> None:
        self._owner = owner

    def __call__(self, done: Saved) -> None:
        owner = self._owner()
        if owner is not None:
            owner.saved(done)
