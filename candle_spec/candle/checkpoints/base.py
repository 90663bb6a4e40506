"""CANDLE's checkpoint class: what all of them share. Names and calls: https://github.com/ECP-CANDLE/candle_lib."""

from __future__ import annotations

import logging
import warnings
import weakref
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.settings import Settings
from candle_spec.candle import workflow_run
from candle_spec.candle.checkpoints import hyperparameters, model_folder, save_checks, upkeep
from candle_spec.candle.checkpoints.back_end import BackEnd, NoBackEnd
from candle_spec.candle.checkpoints.directories import Directories
from candle_spec.candle.checkpoints.program_state import ProgramState, read_model
from candle_spec.candle.checkpoints.session import Session
from candle_spec.candle.checkpoints.wrapped_state import CandleState
from candle_spec.errors import InvalidInputError
from candle_spec.series.candle_files import ckpt_info
from candle_spec.series.candle_files.ckpt_log import CkptLog
from candle_spec.series.policy.params import CheckpointPolicy

_TERMINATED: Final = 143
"""Exit code of a process that SIGTERM ended: https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html."""

_APART: Final = "another fold or model needs a ckpt_directory of its own, else it goes on from the one before"


class CandleCkpt:
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
        cksum_model: CRC-32 of the newest model written by :meth:`write_model`.
        epoch_max: Planned epochs.

    Args:
        gParams: All hyperparameters of the program; they are not changed.
        logger: ``"DEFAULT"``: lines go to the screen and to ``ckpt.log``; ``None``: only there; or a logger.
        verbose: Whether details are said too.
    """

    framework: str = ""
    model_file: str | Path = "model.h5"
    cksum_model: str = ckpt_info.DISABLED
    directories: ClassVar[Directories] = Directories()

    def __init__(
        self, gParams: Mapping[str, Any], logger: logging.Logger | str | None = "DEFAULT", verbose: bool = True
    ) -> None:
        self.log = CkptLog(logger, verbose=verbose)
        self.gParams = gParams
        self.stop_training = False
        self.objects: Any = None
        self.J: dict[str, Any] | None = None
        self._back_end = self.make_back_end()
        self._session: Session | None = None
        self._next: int | None = None
        self._metric_missed = False
        self.scan_params(gParams)

    def scan_params(self, gParams: Mapping[str, Any]) -> None:
        """Read the hyperparameters.

        Raises:
            InvalidInputError: One has no possible value; the message names it.
        """
        self.policy = CheckpointPolicy.from_params(gParams)
        self.ckpt_directory = self.policy.folder(workflow_run.output_folder(gParams))
        self.epoch_max = self.policy.epochs
        self.best_metric_last = self.policy.save.best_value

    def make_back_end(self) -> BackEnd:
        """Return what the framework does for this class; none, unless a subclass is of one."""
        return NoBackEnd(type(self).__name__)

    # The hooks, for subclasses with a format of their own

    def write_model_backend(self, model: Any, epoch: int) -> None:
        """Write the model to ``self.model_file``; here, the framework's own file.

        Args:
            model: What :meth:`set_model` named.
            epoch: Number of completed epochs.
        """
        self._back_end.write(self.objects, Path(self.model_file), epoch)

    def build_model(self, model_file: str) -> Any:
        """Read the model from a file; here, from the framework's own. What is returned is the new model."""
        self._back_end.read(self.objects, Path(model_file))

    @property
    def model(self) -> Any:
        """What is saved and restored; :meth:`build_model` may put another one in its place."""
        return self.objects

    @model.setter
    def model(self, model: Any) -> None:
        self.objects = model

    def rank(self) -> int:
        """Return the number of this process among those that train one model together."""
        return self._back_end.rank()

    def info(self, message: str) -> None:
        """Say a line."""
        self.log.info(message)

    def debug(self, message: str) -> None:
        """Say a detail."""
        self.log.debug(message)

    # Hyperparameters, what would be saved, and what programs do by hand: functions, by CANDLE's names

    enabled = hyperparameters.enabled
    disabled = hyperparameters.disabled
    param = hyperparameters.param
    param_type_check = staticmethod(hyperparameters.typed)
    param_type_check_bool = staticmethod(hyperparameters.boolean)
    param_type_check_int = staticmethod(hyperparameters.integer)
    param_type_check_float = staticmethod(hyperparameters.number)
    param_allowed = staticmethod(hyperparameters.check_allowed)
    save_check = save_checks.save_check
    save_check_best = save_checks.save_check_best
    write_model = model_folder.write_model
    checksum = model_folder.checksum
    checksum_file = model_folder.checksum_file
    write_json = model_folder.write_json
    restart_json = model_folder.restart_json
    keep = upkeep.keep
    clean = upkeep.clean
    delete = upkeep.delete
    symlink = upkeep.symlink
    epochs = property(upkeep.epochs)
    relpath = staticmethod(upkeep.relpath)

    @property
    def recorder(self) -> Recorder | None:
        """What records the training, while the directory is open."""
        return self._session.recorder if self._session is not None else None

    def set_model(self, model: Any) -> None:
        """Name the objects that are saved and restored."""
        self.objects = model

    def report_initial(self) -> None:
        """Say what will be saved, when, where, and what is kept; done at the first call of anything."""
        if self.objects is None:
            self.info(self.policy.describe(self.ckpt_directory))
        else:
            self.opened()

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
        session = self.opened()
        if self.policy.restart_mode == "off":
            return None
        if self.directories.has_saved(self._key()):
            self._warn(f"this process has trained in {self.ckpt_directory} already: {_APART}")
        info = session.restart(workflow_run.output_folder(self.gParams), self._restore_file)
        if info is None:
            return None
        self.best_metric_last, self._next, self.J = info.best_metric_last, info.epoch, info.to_params()
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
        session = self.opened()
        recorder = session.recorder
        expected, self._next = self._next, None
        if expected not in (None, epoch):
            self._warn(
                f"restored to epoch {expected}, the training goes on as epoch {epoch}: initial_epoch was ignored"
            )
        values = {name: float(value) for name, value in metrics.items()}
        if metric_value is not None:
            values.setdefault(self.policy.save.metric, float(metric_value))
        save_checks.take_direction(self, recorder, direction)
        saved = session.epoch_end(epoch + 1, values, self.epoch_max)
        if recorder.records:
            self.best_metric_last = recorder.past.best
            self._say_if_unmeasured(values)
        self._stop(recorder)
        return saved

    def on_train_end(self, logs: Any = None) -> None:
        """Save where the training ends, unless that is done, and say what is left."""
        if self._session is not None:
            self._session.train_end()
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
        session, self._session = self._session, None
        self.directories.give_back(self._key(), self)
        if session is not None:
            session.close()

    def opened(self) -> Session:
        """Open the directory, at the first call of anything."""
        if self._session is not None:
            return self._session
        if self.objects is None:
            raise InvalidInputError("set_model was not called", hint="call it before restart and before the training")
        key, directories = self._key(), self.directories
        directories.take(key, self)
        settings = Settings(
            name=str(self.gParams.get("model_name") or ""),
            run=workflow_run.run_identity(self.gParams),
            rank=self.rank(),
            on_saved=(lambda done: directories.note_save(key),),
        )
        place, anew = Path(self.ckpt_directory), self.J is None
        self._session = Session(place, self.policy, self._state(), self.log, settings, anew=anew)
        self._session.recorder.epochs = self.epoch_max
        weakref.finalize(self, self._session.close)  # a program that drops the object lets the directory go
        self._session.start()
        return self._session

    def _state(self) -> CandleState:
        """Return what is saved; of a subclass with a ``write_model_backend`` of its own, what that writes."""
        policy, say = self.policy, self.log.info
        if type(self).write_model_backend is not CandleCkpt.write_model_backend:
            return CandleState(ProgramState(weakref.ref(self), self.ckpt_directory), say, None, policy.on_change)
        native = partial(self._back_end.write, self.objects) if policy.native_copy else None
        return CandleState(self._back_end.state(self.objects), say, native, policy.on_change)

    def _restore_file(self, path: Path) -> str:
        """Restore the objects from a model file that CANDLE wrote; return what was restored, in words."""
        if type(self).build_model is CandleCkpt.build_model:
            return self._back_end.read(self.objects, path)
        read_model(self, path)
        return "restored: model"

    def _key(self) -> str:
        return str(Path(self.ckpt_directory).resolve())

    def _warn(self, text: str) -> None:
        self.info(text)
        warnings.warn(text, RuntimeWarning, stacklevel=4)

    def _say_if_unmeasured(self, values: Mapping[str, float]) -> None:
        save = self.policy.save
        if save.save_best and save.metric not in values and not self._metric_missed:
            self._metric_missed = True
            self.info(f"there is no {save.metric} among {', '.join(values) or 'nothing'}: no epoch is best")

    def _stop(self, recorder: Recorder) -> None:
        """A loop of one's own cannot be ended from here, but by SIGTERM, which was to end the process."""
        self.stop_training = self.stop_training or bool(recorder.stop_reason)
        if recorder.stop_reason == "SIGTERM":
            self.close()
            raise SystemExit(_TERMINATED)
