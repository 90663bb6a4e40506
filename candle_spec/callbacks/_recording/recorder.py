"""The recorder: what all callbacks share. It decides when to save, hands the state to the series, and restarts.

One process of a training records (rank 0); the others only restore. Everything that touches the series' folder after
the start runs in one writer thread, in order.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from candle_spec.callbacks._recording.adapter import Adapter, Snapshot
from candle_spec.callbacks._recording.changes import compared
from candle_spec.callbacks._recording.note import Notes
from candle_spec.callbacks._recording.options import Options, Restart, weights_alone
from candle_spec.callbacks._recording.provenance import provenance
from candle_spec.callbacks._recording.readiness import readiness_lines
from candle_spec.callbacks._recording.signals import SignalWatch
from candle_spec.checkpoint.contents import Contents, StatePart
from candle_spec.errors import InvalidInputError, MissingPathError
from candle_spec.series.entries import Entry
from candle_spec.series.policy import decisions as policies
from candle_spec.series.policy.decisions import History, Moment
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.restart import RestartPoint
from candle_spec.series.saves.background import BackgroundWriter
from candle_spec.series.saves.save import Saved
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.series.store import Describe, StoreSettings

__all__ = ["HISTORY", "Options", "Recorder", "Restart"]

HISTORY: Final = "metric_history"
"""Key of the metrics of all epochs in the saved state."""


@dataclass(slots=True)
class Recorder:
    """Records one training into a series.

    Attributes:
        adapter: The training as its framework has it.
        policy: When to save and what to keep.
        options: See :class:`Options`.
        epochs: Planned epochs; the last one is always saved.
        stop_reason: Why the training should stop now; empty if it should not.
        restarted: Where the training went on; ``None``: from the beginning.
        stopped_inside: Whether that was found inside an epoch, which is then not complete.
        history: Metrics of all epochs, those before a restart too.
    """

    adapter: Adapter
    policy: CheckpointPolicy = field(default_factory=CheckpointPolicy)
    options: Options = field(default_factory=Options)
    epochs: int | None = None
    stop_reason: str = ""
    restarted: Restart | None = None
    stopped_inside: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    epoch: int = 0
    step: int | None = None
    _inside: bool = False
    _measured: dict[str, float] = field(default_factory=dict)
    _past: History = field(default_factory=History)
    _series: Series | None = None
    _writer: BackgroundWriter | None = None
    _notes: Notes = field(default_factory=Notes)
    _signals: SignalWatch = field(default_factory=SignalWatch)
    _begun: float = 0.0
    _saves: int = 0
    _started: bool = False
    _looked: bool = False
    _found: RestartPoint | None = None
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=error is not None)

    @property
    def folder(self) -> Path:
        """Folder of the series."""
        return Path(self.options.folder or self.policy.folder())

    @property
    def records(self) -> bool:
        """Whether this process saves anything."""
        return self.policy.enabled and self.options.rank == 0

    @property
    def past(self) -> History:
        """What the policy knows of the training so far."""
        return self._past

    @past.setter
    def past(self, value: History) -> None:
        self._past = value

    def forget_best(self) -> None:
        """Let ``best`` name nothing any more; called behind a save."""
        if self._series is not None:
            self._series.clear_best()

    def series(self) -> Series | None:
        """Return the open series, behind all saves under way; ``None`` where this process does not record."""
        self.start()
        if self._writer is not None:
            self._writer.drain()
        return self._series

    def entries(self) -> tuple[Entry, ...]:
        """Return the checkpoints of the series; none where this process does not record."""
        return self._series.entries() if self._series is not None else ()

    def start(self) -> Self:
        """Open the series and say in one line what will be saved, when, where, and what is kept."""
        if self._started:
            return self
        self._started = True
        self._begun = self.options.clock()
        self.epochs = self.epochs if self.epochs is not None else self.policy.epochs
        if self.options.rank == 0:
            for line in (self.policy.describe(str(self.folder)), *self.policy.warnings, *self._readiness()):
                self.say(line)
        if self.records:
            settings = StoreSettings(**dict(self.policy.store))
            opened = Series.create_or_open(
                self.folder,
                settings=settings,
                model_description=self.options.model_description,
                run=self.options.run,
                fs=self.options.fs,
            )
            self._series = self._open.enter_context(opened)
            self._writer = self._new_writer(opened)
            self._signals.start()
            self._open.callback(self._signals.stop)
        return self

    def _readiness(self) -> Iterator[str]:
        if self.policy.repositories and self.records:
            fields = provenance(name=self._name(), hyperparameters=self.policy.hyperparameters or None)
            described = self.options.model_description or {}
            yield from readiness_lines(self.policy.repositories, self.folder, self.adapter.framework, fields, described)

    def _name(self) -> str:
        return self.options.name or self.folder.resolve().parent.name

    def peek(self) -> Path | None:
        """Return the checkpoint that :meth:`restart` will restore; nothing is restored yet."""
        self.start()
        if not self._looked:
            self._looked = True
            self._found = self._point()
        return self._found.checkpoint.path if self._found else None

    def restart(self) -> Restart | None:
        """Go on where the series ends, as the policy's restart mode says; ``None``: from the beginning.

        It happens once; every further call returns the same.

        Raises:
            CandleSpecError: A restart is required and impossible, or the checkpoint is of another training.
        """
        self.peek()
        if self._found is not None and self.restarted is None:
            self.restarted = self._restart(self._found)
        return self.restarted

    def _restart(self, point: RestartPoint) -> Restart:
        manifest = point.checkpoint.document
        if said := compared(manifest, self.policy, self.folder):
            self.say(said)
        restored = self.adapter.restore(point.checkpoint, weights_only=self.policy.weights_only)
        state = manifest.get("training_state", {})
        self.epoch, self.step = int(state.get("epoch", 0)), state.get("step")
        self.history = list(restored.extra.get(HISTORY, []))
        if self._series is not None:
            self._series.mark_restarted(point)
            self._past = policies.history(self._series.entries(), self.policy.save)
        self.say(f"restarting from epoch {self.epoch} ({point.checkpoint.path}): {point.why}; {restored.text()}")
        metrics = {key: float(value) for key, value in self._metrics(state).items()}
        return Restart(self.epoch, self.step, metrics, point.checkpoint.path, point.why, restored)

    def epoch_end(self, epoch: int, metrics: Mapping[str, float] | None = None, step: int | None = None) -> bool:
        """Note the end of an epoch and save if the policy says so.

        Args:
            epoch: Number of completed epochs, from 1.
            metrics: What was measured, by the training's own names.
            step: Completed optimizer steps over the whole run.

        Returns:
            Whether the training is saved.

        Raises:
            CandleSpecError: This save, or an earlier one in the background, failed and the policy says ``raise``.
        """
        self.start()
        self.epoch, self.step = epoch, step if step is not None else self.step
        self._inside = False
        values = {key: float(value) for key, value in (metrics or {}).items()}
        self.history.append({"epoch": epoch, **values})
        self._measured = values
        self._look_for_metric(values)
        final = self.epochs is not None and epoch >= self.epochs
        return self._consider(
            Moment(epoch, self.step, self._seconds(), values, final, self.stop_reason or self._asked())
        )

    def step_end(self, step: int, metrics: Mapping[str, float] | None = None) -> bool:
        """Note the end of an optimizer step inside an epoch; see :meth:`epoch_end`."""
        self.start()
        self.step, self._inside = step, True
        values = self._measured = {key: float(value) for key, value in (metrics or {}).items()}
        moment = Moment(self.epoch, step, self._seconds(), values, stop_reason=self._asked(), epoch_end=False)
        return self._consider(moment)

    def poll(self) -> str:
        """Return why the training has to stop, with a look at the clock and at signals; empty if it may go on."""
        moment = Moment(self.epoch, self.step, self._seconds())
        if policies.wall_time_reached(self.policy.save, moment):
            self.stop("wall-time limit")
        if self._signals.stop_asked:
            self.stop(self._signals.stop_asked)
        return self.stop_reason

    def must_stop(self) -> bool:
        """Whether the training has to stop: the same in all processes, which ask together."""
        return bool(self.poll())

    def is_alone(self) -> None:
        """Say that this process is the only one, whatever its surroundings seemed to say: then it records."""
        if self.options.rank:
            self.options.rank, self._started = 0, False

    def stop(self, reason: str) -> None:
        """Ask the training to stop and to be saved at the end of this step or epoch."""
        self.stop_reason = self.stop_reason or reason

    def train_end(self, reason: str = "train end") -> bool:
        """Save where the training ends, unless it is saved already, and wait until all is durable."""
        self.start()
        metrics = self._measured or {key: value for row in self.history[-1:] for key, value in row.items()}
        metrics = {key: value for key, value in metrics.items() if key != "epoch"}
        saved = False
        if self.epoch or self.step:
            saved = self._consider(Moment(self.epoch, self.step, self._seconds(), metrics, stop_reason=reason))
        if self._writer is not None:
            self._writer.drain()
        if self.options.rank == 0 and not self.policy.enabled:
            self.say(self.policy.describe(str(self.folder)))
        return saved

    def close(self, *, failed: bool = False) -> None:
        """Wait for the saves under way and let the series go; errors of saves come up here at the latest.

        Args:
            failed: Whether the training ends with an error of its own, which must not be hidden by another.
        """
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                writer.close()
        except Exception as error:
            if not failed:
                raise
            self.say(f"a checkpoint was not saved: {error}")
        finally:
            self._open.close()
            self._series = None

    def _consider(self, moment: Moment) -> bool:
        save = self.policy.save
        asked = self._signals.stop_asked or policies.wall_time_reached(save, moment)
        self.poll()
        self.stopped_inside = self.stopped_inside or (bool(asked) and not moment.epoch_end)
        if not self.records:
            return False
        reason = policies.save_reason(save, moment, self._past)
        if reason and not moment.epoch_end and self._prefers_epoch(moment):
            reason = ""
        if reason:
            better = save.save_best and policies.improves(save, moment, self._past)
            self._save(moment, better=better)
            self._signals.saved()
        self._past = policies.advance(save, moment, self._past, saved=bool(reason))
        return bool(reason)

    def _look_for_metric(self, values: Mapping[str, float]) -> None:
        """Say once that the metric of the best checkpoint is none of those that are measured."""
        save = self.policy.save
        if len(self.history) == 1 and self.records and save.save_best and save.metric not in values:
            measured = ", ".join(values) or "nothing"
            self.say(f"no best checkpoint: {save.metric} is not measured ({measured}); set ckpt_save_best_metric")

    def _prefers_epoch(self, moment: Moment) -> bool:
        """A stop inside an epoch that cannot be entered again adds nothing to the checkpoint of its beginning."""
        return (
            bool(moment.stop_reason)
            and not self.adapter.resumes_inside_epoch
            and self._past.epoch == moment.epoch
            and moment.epoch > 0
        )

    def _save(self, moment: Moment, *, better: bool) -> None:
        extra = {"epoch": moment.epoch, "step": moment.step, HISTORY: self.history}
        snapshot = self.adapter.capture(extra, inside_epoch=self._inside)
        state = self._state(moment, snapshot)
        if self._writer is None:
            raise InvalidInputError("the recorder is closed")
        self._writer.submit(state, self._after, best=better, document=self._document(moment))
        self._saves += 1

    def _document(self, moment: Moment) -> Describe:
        """What describes the save in the checkpoint: the caller's document, or a note of our own."""
        if self.options.document is not None:
            return self.options.document
        past = policies.advance(self.policy.save, moment, self._past, saved=True)
        return self._notes.of(moment, past.best, self.policy)

    def _state(self, moment: Moment, snapshot: Snapshot) -> TrainingState:
        contents = self._described(snapshot.contents, moment.metrics)
        return TrainingState(moment.epoch, contents, moment.step, moment.metrics, snapshot.stable, self._inside)

    def _described(self, contents: Contents, metrics: Mapping[str, float]) -> Contents:
        seconds, settings = self._seconds() or None, self.policy.hyperparameters or None
        fields = provenance(name=self._name(), hyperparameters=settings, metrics=metrics, seconds=seconds)
        contents = replace(contents, fields=[*fields, *contents.fields])
        parts = {**contents.state_parts, "metric": StatePart("present")}
        return weights_alone(contents) if self.policy.weights_only else replace(contents, state_parts=parts)

    def _after(self, saved: Saved) -> None:
        """Behind a save, in the writer's thread."""
        for listener in self.options.on_saved:
            listener(saved)
        self._prune(self.policy.keep)

    def _prune(self, keep: policies.KeepPolicy) -> int:
        if self._series is None:
            return 0
        plan = policies.keep(self._series.entries(), keep)
        return self._series.prune([entry.name for entry in plan.keep]).freed_bytes if plan.remove else 0

    def _new_writer(self, series: Series) -> BackgroundWriter:
        policy = self.policy
        chosen = (self.options.asynchronous, policy.asynchronous, True)
        return BackgroundWriter(
            series,
            series.plan,
            max_inflight=policy.max_inflight,
            on_error=policy.on_error,  # type: ignore[arg-type]
            on_full=policy.on_full,  # type: ignore[arg-type]
            make_space=lambda: self._prune(replace(policy.keep, mode="linear", limit=1, every=0)),
            background=next(value for value in chosen if value is not None),
        )

    def _point(self) -> RestartPoint | None:
        mode = self.policy.restart_mode
        if self._series is not None:
            return self._series.restart_point(mode)
        try:
            series = Series.read(self.folder) if mode != "off" else None
        except MissingPathError as error:  # or the process that records is just making it: it is empty then
            if mode == "required":
                message = "a restart is required, and there is no series"
                raise InvalidInputError(message, location=str(self.folder)) from error
            return None
        return series.restart_point(mode) if series is not None else None

    def _metrics(self, state: Mapping[str, Any]) -> dict[str, float]:
        if self.history and self.history[-1].get("epoch") == self.epoch:
            return {key: value for key, value in self.history[-1].items() if key != "epoch"}
        return {key: value for key, value in state.get("metrics", {}).items() if isinstance(value, (int, float))}

    def _asked(self) -> str:
        return self._signals.stop_asked or self._signals.save_asked

    def _seconds(self) -> float:
        return self.options.clock() - self._begun

    def say(self, line: str) -> None:
        """Write a line for people; one process of a training speaks for all."""
        if self.options.rank:
            return
        if self.options.say is not None:
            self.options.say(line)
        else:
            sys.stderr.write(f"{line}\n")
