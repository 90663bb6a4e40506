"""The note ``ckpt-info.json`` that every checkpoint of a training has, for the tools of CANDLE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from candle_spec.series.candle_files import ckpt_info, save_note
from candle_spec.series.candle_files.ckpt_info import CkptInfo
from candle_spec.series.policy.decisions import Moment
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.store import Documents


class NoteMaker(Protocol):
    """Makes the notes of one training."""

    def of(
        self, moment: Moment, best: float | None, policy: CheckpointPolicy, history: Sequence[Mapping[str, Any]]
    ) -> Documents:
        """Return what makes the note of a save.

        Args:
            moment: What is saved.
            best: The best value so far, this one's included.
            policy: The settings.
            history: Metrics of all epochs.
        """
        ...


@dataclass(slots=True)
class Notes:
    """Makes notes on what is saved: :class:`NoteMaker`.

    Attributes:
        before: When the newest one was made.
    """

    before: datetime | None = None

    def of(
        self, moment: Moment, best: float | None, policy: CheckpointPolicy, history: Sequence[Mapping[str, Any]]
    ) -> Documents:
        """See :class:`NoteMaker`."""
        now = datetime.now().astimezone()
        info = info_of(policy, moment, best, now, self.before)
        self.before = now
        return save_note.note(info)


def info_of(
    policy: CheckpointPolicy, moment: Moment, best: float | None, now: datetime, before: datetime | None
) -> CkptInfo:
    """Return the note on a moment of a training; the model file is not named yet.

    Args:
        policy: The settings.
        moment: What is saved: completed epochs and steps, values of this epoch.
        best: The best value so far, this one's included.
        now: When it is saved.
        before: When it was saved before; ``None``: never.
    """
    local, utc = ckpt_info.stamps(now)
    step = {} if moment.step is None else {"step": moment.step}
    return CkptInfo(
        epoch=moment.epoch,
        save_best_metric=policy.save.metric if policy.save.save_best else None,
        best_metric_last=best,
        timestamp=local,
        time_elapsed=save_note.elapsed(now, before),
        metadata=policy.metadata,
        metrics=moment.metrics,
        extra={**step, "timestamp_utc": utc},
    )
