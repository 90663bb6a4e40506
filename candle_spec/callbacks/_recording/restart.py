"""Where a training goes on: the checkpoint is looked for, and put into the training's objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec.callbacks._recording.adapter import Adapter, Restored
from candle_spec.errors import InvalidInputError, MissingPathError
from candle_spec.series.restart import RestartPoint
from candle_spec.series.series import Series

HISTORY: Final = "metric_history"
"""Key of the metrics of all epochs in the saved state."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Where a training goes on.

    Attributes:
        epoch: Completed epochs: the number of the next one, counted from 0.
        step: Completed steps, where they were counted.
        metrics: What was measured at that moment.
        history: Metrics of all epochs so far.
        path: The checkpoint.
        why: Why this one.
        restored: What was restored and what was not.
    """

    epoch: int
    step: int | None
    metrics: Mapping[str, float]
    history: Sequence[Mapping[str, Any]]
    path: Path
    why: str
    restored: Restored

    def text(self) -> str:
        """Return one line that says where the training goes on, and with what."""
        return f"restarting from epoch {self.epoch} ({self.path}): {self.why}; {self.restored.text()}"


def restart_point(series: Series | None, folder: Path, mode: str) -> RestartPoint | None:
    """Return the checkpoint to go on from; ``None``: from the beginning.

    Args:
        series: The open series; ``None`` in a process that does not record: it reads what there is.
        folder: Folder of the series.
        mode: The restart mode of the policy.

    Raises:
        CandleSpecError: A restart is required and impossible, or what was asked for is damaged or not there.
    """
    if series is not None:
        return series.restart_point(mode)
    if mode == "off":
        return None
    try:
        found = Series.read(folder)
    except MissingPathError as error:  # or the process that records is just making it: it is empty then
        if mode == "required":
            message = "a restart is required, and there is no series"
            raise InvalidInputError(message, location=str(folder)) from error
        return None
    return found.restart_point(mode)


def restored(point: RestartPoint, adapter: Adapter, *, weights_only: bool) -> Restart:
    """Put a checkpoint into the training's objects.

    Raises:
        InvalidInputError: It is of another training.
    """
    given_back = adapter.restore(point.checkpoint, weights_only=weights_only)
    state = point.checkpoint.manifest.get("training_state", {})
    epoch = int(state.get("epoch", 0))
    history = list(given_back.extra.get(HISTORY, []))
    metrics = _metrics(epoch, history, state)
    return Restart(epoch, state.get("step"), metrics, history, point.checkpoint.path, point.why, given_back)


def _metrics(epoch: int, history: Sequence[Mapping[str, Any]], state: Mapping[str, Any]) -> dict[str, float]:
    if history and history[-1].get("epoch") == epoch:
        return {key: float(value) for key, value in history[-1].items() if key != "epoch"}
    found = state.get("metrics", {}).items()
    return {key: float(value) for key, value in found if isinstance(value, (int, float))}
