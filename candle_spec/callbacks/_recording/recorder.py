"""The recorder: what all callbacks share. It decides when to save, and hands the state to the series.

One process of a training records (rank 0); the others only restore. Everything that touches the series' folder after
the start runs in one writer thread, in order (:mod:`candle_spec.callbacks._recording.open_series`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from candle_spec.callbacks._recording.adapter import Adapter, Snapshot
from candle_spec.callbacks._recording.changes import compared
from candle_spec.callbacks._recording.note import NoteMaker, Notes
from candle_spec.callbacks._recording.open_series import OpenSeries
from candle_spec.callbacks._recording.restart import HISTORY, Restart, restart_point, restored
from candle_spec.callbacks._recording.saved_contents import described
from candle_spec.callbacks._recording.settings import Params, Settings, policy_of
from candle_spec.callbacks._recording.signals import SignalWatch
from candle_spec.callbacks._recording.words import opening_lines, unmeasured
from candle_spec.errors import InvalidInputError
from candle_spec.series.entries import Entry
from candle_spec.series.policy import decisions as policies
from candle_spec.series.policy.decisions import History, Moment
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.restart import RestartPoint
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.series.store import Documents


@dataclass(slots=True)
class Recorder:
    """Records one training into a series.

    Attributes:
        adapter: The training as its framework has it.
        folder: Folder of the series.
        policy: When to save and what to keep.
        settings: What the callback was told besides.
        notes: Makes the note in each checkpoint.
        epochs: Planned epochs; the last one is always saved.
        stop_reason: Why the training should stop now; empty if it should not.
        restarted: Where the training went on; ``None``: from the beginning.
        stopped_inside: Whether that was found inside an epoch, which is then not complete.
        history: Metrics of all epochs, those before a restart too.
        epoch: Completed epochs.
        step: Completed steps, where they are counted.
        past: What the policy knows of the training so far.
    """

    adapter: Adapter
    folder: Path
    policy: CheckpointPolicy
    settings: Settings
    notes: NoteMaker = field(default_factory=Notes)
    epochs: int | None = None
    stop_reason: str = ""
    restarted: Restart | None = None
    stopped_inside: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    epoch: int = 0
    step: int | None = None
    past: History = field(default_factory=History)
    _inside: bool = False
    _measured: dict[str, float] = field(default_factory=dict)
    _opened: OpenSeries | None = None
    _signals: SignalWatch = field(default_factory=SignalWatch)
    _begun: float = 0.0
    _started: bool = False
    _looked: bool = False
    _found: RestartPoint | None = None

    @classmethod
    def of(cls, adapter: Adapter, folder: str | Path | None, params: Params, settings: Settings, **more: Any) -> Self:
        """Return the recorder of a training by what a callback was given; without a folder, the policy says where."""
        policy = policy_of(params)
        return cls(adapter, Path(folder or policy.folder()), policy, settings, **more)

    @property
    def records(self) -> bool:
        """Whether this process saves anything."""
        return self.policy.enabled and not self.settings.rank

    def forget_best(self) -> None:
        """Let ``best`` name nothing any more; called behind a save."""
        if self._opened is not None:
            self._opened.series.clear_best()

    def series(self) -> Series | None:
        """Return the open series, behind all saves under way; ``None`` where this process does not record."""
        self.start()
        if self._opened is None:
            return None
        self._opened.drain()
        return self._opened.series

    def entries(self) -> tuple[Entry, ...]:
        """Return the checkpoints of the series; none where this process does not record."""
        return self._opened.series.entries() if self._opened is not None else ()

    def start(self) -> Self:
        """Open the series and say in one line what will be saved, when, where, and what is kept."""
        if self._started:
            return self
        self._started = True
        self._begun = self.settings.clock()
        self.epochs = self.epochs if self.epochs is not None else self.policy.epochs
        if not self.settings.rank:
            for line in opening_lines(self.policy, self.folder, self.settings, self.adapter):
                self.say(line)
        if self.records:
            self._opened = OpenSeries(self.folder, self.policy, self.settings)
            self._signals.start()
        return self

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

    def _point(self) -> RestartPoint | None:
        series = self._opened.series if self._opened is not None else None
        return restart_point(series, self.folder, self.policy.restart_mode)

    def _restart(self, point: RestartPoint) -> Restart:
        if said := compared(point.checkpoint.manifest, self.policy, self.folder):
            self.say(said)
        found = restored(point, self.adapter, weights_only=self.policy.weights_only)
        self.epoch, self.step, self.history = found.epoch, found.step, [dict(row) for row in found.history]
        if self._opened is not None:
            self._opened.series.mark_restarted(point)
            self.past = policies.history(self._opened.series.entries(), self.policy.save)
        self.say(found.text())
        return found

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
        if len(self.history) == 1 and self.records and (said := unmeasured(self.policy, values)):
            self.say(said)
        final = self.epochs is not None and epoch >= self.epochs
        return self._consider(
            Moment(epoch, self.step, self._seconds(), values, final, self.stop_reason or self._signals.asked)
        )

    def step_end(self, step: int, metrics: Mapping[str, float] | None = None) -> bool:
        """Note the end of an optimizer step inside an epoch; see :meth:`epoch_end`."""
        self.start()
        self.step, self._inside = step, True
        values = self._measured = {key: float(value) for key, value in (metrics or {}).items()}
        moment = Moment(self.epoch, step, self._seconds(), values, stop_reason=self._signals.asked, epoch_end=False)
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
        if self.settings.rank:
            self.settings, self._started = replace(self.settings, rank=0), False

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
        if self._opened is not None:
            self._opened.drain()
        if not self.settings.rank and not self.policy.enabled:
            self.say(self.policy.describe(str(self.folder)))
        return saved

    def close(self, *, failed: bool = False) -> None:
        """Wait for the saves under way and let the series go; errors of saves come up here at the latest.

        Args:
            failed: Whether the training ends with an error of its own, which must not be hidden by another.
        """
        try:
            if self._opened is not None:
                self._opened.close()
        except Exception as error:
            if not failed:
                raise
            self.say(f"a checkpoint was not saved: {error}")
        finally:
            self._signals.stop()
            self._opened = None

    def _consider(self, moment: Moment) -> bool:
        save = self.policy.save
        asked = self._signals.stop_asked or policies.wall_time_reached(save, moment)
        self.poll()
        self.stopped_inside = self.stopped_inside or (bool(asked) and not moment.epoch_end)
        if not self.records:
            return False
        reason = policies.save_reason(save, moment, self.past)
        if reason and not moment.epoch_end and self._prefers_epoch(moment):
            reason = ""
        if reason:
            better = save.save_best and policies.improves(save, moment, self.past)
            self._save(moment, better=better)
            self._signals.saved()
        self.past = policies.advance(save, moment, self.past, saved=bool(reason))
        return bool(reason)

    def _prefers_epoch(self, moment: Moment) -> bool:
        """A stop inside an epoch that cannot be entered again adds nothing to the checkpoint of its beginning."""
        return (
            bool(moment.stop_reason)
            and not self.adapter.resumes_inside_epoch
            and self.past.epoch == moment.epoch
            and moment.epoch > 0
        )

    def _save(self, moment: Moment, *, better: bool) -> None:
        state = self._state(moment, self._capture(moment))
        if self._opened is None:
            raise InvalidInputError("the recorder is closed")
        self._opened.save(state, self.policy.keep, best=better, document=self._document(moment))

    def _capture(self, moment: Moment) -> Snapshot:
        extra = {"epoch": moment.epoch, "step": moment.step, HISTORY: self.history}
        return self.adapter.capture(extra, inside_epoch=self._inside)

    def _document(self, moment: Moment) -> Documents:
        """What describes the save in the checkpoint."""
        past = policies.advance(self.policy.save, moment, self.past, saved=True)
        return self.notes.of(moment, past.best, self.policy, self.history)

    def _state(self, moment: Moment, snapshot: Snapshot) -> TrainingState:
        name, seconds = self.settings.title(self.folder), self._seconds()
        contents = described(snapshot.contents, self.policy, name=name, metrics=moment.metrics, seconds=seconds)
        return TrainingState(moment.epoch, contents, moment.step, moment.metrics, snapshot.stable, self._inside)

    def _seconds(self) -> float:
        return self.settings.clock() - self._begun

    def say(self, line: str) -> None:
        """Write a line for people; one process of a training speaks for all."""
        if self.settings.rank:
            return
        if self.settings.say is not None:
            self.settings.say(line)
        else:
            sys.stderr.write(f"{line}\n")
