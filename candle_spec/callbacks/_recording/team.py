"""Several processes that train one model and save one checkpoint: what they tell each other, and who decides.

Rank 0 decides when to save, commits, and tells the others how it went. What they tell each other travels by message
within the job, never by looking at what lies on the disk. The messages have a process group of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.restart import Restart
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.errors import CandleSpecError, WriteFailedError
from candle_spec.series.policy import decisions as policies
from candle_spec.series.policy.decisions import Moment
from candle_spec.series.restart import RestartPoint
from candle_spec.series.saves.crew import Crew, Team
from candle_spec.series.store import StoreSettings
from candle_spec.weights.sources import TensorSource


class TorchTeam:
    """The processes of ``torch.distributed``, with a group of their own on ``gloo``; all make it together."""

    def __init__(self) -> None:
        import torch.distributed as distributed

        self._distributed = distributed
        self.group = distributed.new_group(backend="gloo")
        """The process group of the messages."""

    @property
    def rank(self) -> int:
        return int(self._distributed.get_rank())

    @property
    def size(self) -> int:
        return int(self._distributed.get_world_size())

    def share(self, value: Any) -> Any:
        box = [value]
        self._distributed.broadcast_object_list(box, src=0, group=self.group)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        rows: list[Any] = [None] * self.size
        self._distributed.all_gather_object(rows, value, group=self.group)
        return rows


@dataclass(slots=True)
class TeamRecorder(Recorder):
    """A recorder in each process of a training: all save and restore together.

    Attributes:
        team: The processes.
        crewed: Whether all write the checkpoint, each its own files; else process 0 writes it alone.
    """

    team: Any = None
    crewed: bool = True

    @classmethod
    def joined(cls, recorder: Recorder, team: Team, *, crewed: bool) -> TeamRecorder:
        """Return what a recorder becomes where it turns out that it is one of several."""
        if isinstance(recorder, cls):
            return recorder
        recorder.settings = replace(recorder.settings, rank=team.rank)
        known = {field.name: getattr(recorder, field.name) for field in fields(recorder)}
        made = cls(**known, team=team, crewed=crewed)
        if made._started:
            made._watch()
            made.past = team.share(made.past)
        return made

    def start(self) -> TeamRecorder:
        """Open the series in rank 0; if that fails, it fails in all processes."""
        if not self._started:
            background = False if self.crewed else self.settings.asynchronous
            self.settings = replace(self.settings, rank=self.team.rank, asynchronous=background)
            self._together(lambda: Recorder.start(self))
            self._watch()
        return self

    def _watch(self) -> None:
        """Take the signals that ask for a save: whoever else gets them must not die of them before it is made."""
        if self.policy.enabled and not self.records:
            self._signals.start()

    def must_stop(self) -> bool:
        """See :meth:`candle_spec.callbacks._recording.recorder.Recorder.must_stop`; process 0 decides."""
        self.stop_reason = self.team.share(self.poll())
        return bool(self.stop_reason)

    def _point(self) -> RestartPoint | None:
        """Let rank 0 choose; the others open what it chose."""
        found: list[RestartPoint | None] = [None]

        def choose() -> None:
            found[0] = Recorder._point(self)

        self._together(choose, only_first=True)
        return self._told(found[0])

    def _told(self, point: RestartPoint | None) -> RestartPoint | None:
        told = self.team.share((str(point.path), point.why) if point else None)
        if told is None or self.team.rank == 0:
            return point
        return RestartPoint(Path(told[0]), Checkpoint(told[0]), None, told[1])

    def _restart(self, point: RestartPoint) -> Restart:
        restart = Recorder._restart(self, point)
        self.past = self.team.share(self.past)
        return restart

    def _consider(self, moment: Moment) -> bool:
        save = self.policy.save
        if not moment.epoch_end and not self._is_step_of_all(moment):
            return False  # a message for every step would slow the training down
        self.poll()
        reason, better = "", False
        if self.records:
            reason = policies.save_reason(save, moment, self.past)
            better = save.save_best and policies.improves(save, moment, self.past)
        reason, better, self.stop_reason = self.team.share((reason, better, self.stop_reason))
        if reason:
            self._save(moment, better=better)
            self._signals.saved()
        self.past = policies.advance(save, moment, self.past, saved=bool(reason))
        return bool(reason)

    def _is_step_of_all(self, moment: Moment) -> bool:
        """Whether all processes know by themselves that this step is to be saved."""
        every = self.policy.save.every_steps
        return self.policy.enabled and bool(every) and (moment.step or 0) - (self.past.step or 0) >= every

    def _save(self, moment: Moment, *, better: bool) -> None:
        """All give their part of the state; rank 0 commits and says how it went."""
        snapshot = self._capture(moment)
        crew = self._crew(snapshot.contents.tensors) if self.crewed else None

        def commit() -> None:
            if self.team.rank:
                if crew is not None:
                    crew.follow()
                return
            try:
                if self._opened is not None:
                    document, state = self._document(moment), self._state(moment, snapshot)
                    self._opened.save(state, self.policy.keep, best=better, document=document, crew=crew)
            finally:
                if crew is not None:
                    crew.dismiss()

        self._together(commit)

    def _crew(self, tensors: Sequence[TensorSource]) -> Crew:
        store = StoreSettings(**dict(self.policy.store))
        return Crew(self.team, tensors, self.settings.fs, store.jobs, store.direct_io == "auto")

    def _together(self, work: Any, *, only_first: bool = False) -> None:
        """Do something, and fail in all processes if it fails in one of them.

        Raises:
            CandleSpecError: It failed here or elsewhere.
        """
        error: Exception | None = None
        if self.team.rank == 0 or not only_first:
            try:
                work()
            except Exception as caught:  # noqa: BLE001 - raised again behind the message to the others
                error = caught
        faults = [fault for fault in self.team.gather(str(error) if error is not None else "") if fault]
        if error is not None:
            raise error
        if faults:
            kind = WriteFailedError if only_first else CandleSpecError
            raise kind(f"another process of the training failed: {faults[0]}")
