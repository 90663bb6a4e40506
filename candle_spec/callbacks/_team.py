"""Several processes that train one model and save one checkpoint: what they tell each other, and who decides.

Rank 0 decides when to save, commits, and tells the others how it went. What they tell each other travels by message
within the job, never by looking at what lies on the disk. The messages have a process group of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from candle_spec.callbacks._recorder import HISTORY, Recorder
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.errors import CandleSpecError, WriteFailedError
from candle_spec.series import policy as policies
from candle_spec.series.policy import Moment
from candle_spec.series.restart import RestartPoint
from candle_spec.series.training_state import TrainingState


class Team(Protocol):
    """The processes of one training."""

    @property
    def rank(self) -> int:
        """Number of this process."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def share(self, value: Any) -> Any:
        """Give the value of rank 0 to all; all call this together."""
        ...

    def gather(self, value: Any) -> list[Any]:
        """Give the values of all to all, by rank; all call this together."""
        ...


class TorchTeam:
    """The processes of ``torch.distributed``, with a group of their own on ``gloo``; all make it together."""

    def __init__(self) -> None:
        import torch.distributed as distributed

        self._distributed = distributed
        self._group = distributed.new_group(backend="gloo")

    @property
    def rank(self) -> int:
        return int(self._distributed.get_rank())

    @property
    def size(self) -> int:
        return int(self._distributed.get_world_size())

    def share(self, value: Any) -> Any:
        box = [value]
        self._distributed.broadcast_object_list(box, src=0, group=self._group)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        rows: list[Any] = [None] * self.size
        self._distributed.all_gather_object(rows, value, group=self._group)
        return rows


@dataclass(slots=True)
class TeamRecorder(Recorder):
    """A recorder in each process of a training: all save and restore together, at the ends of epochs.

    Attributes:
        team: The processes.
        clean: Called behind every save, when what this process gave to it is no longer needed.
    """

    team: Any = None
    clean: Callable[[], None] = lambda: None

    def start(self) -> TeamRecorder:
        """Open the series in rank 0; if that fails, it fails in all processes."""
        if not self._started:
            self.options.rank, self.options.asynchronous = self.team.rank, False
            self._together(lambda: Recorder.start(self))
        return self

    def _point(self) -> RestartPoint | None:
        """Let rank 0 choose; the others open what it chose."""
        found: list[RestartPoint | None] = [None]

        def choose() -> None:
            found[0] = Recorder._point(self)

        self._together(choose, only_first=True)
        point = found[0]
        told = self.team.share((str(point.path), point.why) if point else None)
        if told is None or self.team.rank == 0:
            return point
        return RestartPoint(Path(told[0]), Checkpoint(told[0]), None, told[1])

    def _consider(self, moment: Moment) -> bool:
        save = self.policy.save
        if not moment.epoch_end:
            return False  # a message for every step would slow the training down
        self.poll()
        reason, better = "", False
        if self.records:
            reason = policies.save_reason(save, moment, self._past)
            better = save.save_best and policies.improves(save, moment, self._past)
        reason, better, self.stop_reason = self.team.share((reason, better, self.stop_reason))
        if reason:
            self._save(moment, better=better)
            self._signals.saved()
        self._past = policies.advance(save, moment, self._past, saved=bool(reason))
        return bool(reason)

    def _save(self, moment: Moment, *, better: bool) -> None:
        """All give their part of the state; rank 0 commits and says how it went."""
        extra = {"epoch": moment.epoch, "step": moment.step, HISTORY: self.history}
        snapshot = self.adapter.capture(extra)

        def commit() -> None:
            contents = self._described(snapshot.contents)
            state = TrainingState(moment.epoch, contents, moment.step, moment.metrics, snapshot.stable)
            if self._writer is not None:
                self._writer.submit(state, self._after, best=better, document=self.options.document)

        try:
            self._together(commit, only_first=True)
        finally:
            self.clean()
        self._saves += 1

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
