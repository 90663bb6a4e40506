"""When a training is saved: pure functions over moments and the checkpoints before them.

Nothing here looks at a file, a clock or a random number: the same arguments give the same answer, on every restart.
The rules are those of CANDLE's checkpoint module (https://github.com/ECP-CANDLE/candle_lib), with its gaps filled;
the section "CANDLE hyperparameters" of spec.md says which and why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from candle_spec.series.policy.best import (
    Mode,
    Recorded,
    Ties,
    best,
    better,
    ordered,
    upwards,
)


@dataclass(frozen=True, slots=True)
class SavePolicy:
    """When to save.

    Attributes:
        skip_epochs: No regular save while fewer epochs are complete (50 skips 1 to 49); the best is not tracked then.
        every_epochs: Save after each so many epochs; 0 where epochs are no reason.
        every_steps: The same in optimizer steps.
        every_seconds: The same in seconds of training.
        save_best: Save whenever the metric improves.
        best_only: Save for no other reason but the best one (and a stop).
        metric: Name of the metric, as the training calls it.
        mode: Which way it improves.
        min_delta: What counts as an improvement must be more than this.
        ties: Which of equal epochs is the best. ``oldest``, as CANDLE's strict comparison has it: an equal value is no
            reason to write again, and of two equally good models the one with less training is less overfitted.
        on_end: Save at the planned end and where the training stops otherwise.
        wall_seconds: The training has to be over after so many seconds; 0 for no limit.
        wall_margin: How many seconds before the limit to save and stop.
        best_value: Best value of an earlier part of the run (CANDLE's ``ckpt_best_metric_last``).
    """

    skip_epochs: int = 0
    every_epochs: int = 1
    every_steps: int = 0
    every_seconds: float = 0.0
    save_best: bool = True
    best_only: bool = False
    metric: str = "val_loss"
    mode: Mode = "auto"
    min_delta: float = 0.0
    ties: Ties = "oldest"
    on_end: bool = True
    wall_seconds: float = 0.0
    wall_margin: float = 60.0
    best_value: float | None = None

    @property
    def enabled(self) -> bool:
        """Whether anything is ever saved: CANDLE's interval 0 saves nothing, not even the best or the last."""
        return bool(self.every_epochs or self.every_steps or self.every_seconds or self.best_only)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of a training at which it could be saved.

    Attributes:
        epoch: Number of completed epochs.
        step: Number of completed optimizer steps, where counted.
        seconds: Seconds since this process began to train.
        metrics: Values of this epoch.
        is_final: Whether this is the last planned epoch.
        stop_reason: Why the training ends here otherwise: ``early stop``, ``SIGTERM``, ``train end``; else empty.
        epoch_end: Whether an epoch was just completed; within one, only steps, seconds and stops count.
    """

    epoch: int
    step: int | None = None
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    is_final: bool = False
    stop_reason: str = ""
    epoch_end: bool = True


@dataclass(frozen=True, slots=True)
class History:
    """What happened before a moment: the best value so far, and the newest save (``None``: none yet)."""

    best: float | None = None
    epoch: int | None = None
    step: int | None = None
    seconds: float = 0.0


def history(entries: Iterable[Recorded], policy: SavePolicy, *, run_id: str = "") -> History:
    """Return what a run's checkpoints say of its past: the same after any number of restarts.

    Args:
        entries: Checkpoints of the series.
        policy: Its save policy.
        run_id: If given, only checkpoints of this run count.
    """
    own = ordered(entry for entry in entries if not entry.superseded and run_id in ("", entry.run_id))
    winner = best(
        [entry for entry in own if entry.epoch >= policy.skip_epochs],
        policy.metric,
        policy.mode,
        min_delta=policy.min_delta,
        ties=policy.ties,
    )
    value = policy.best_value
    if winner is not None and _improves(winner.metrics[policy.metric], value, policy):
        value = winner.metrics[policy.metric]
    newest = own[-1] if own else None
    return History(value, newest.epoch if newest else None, newest.step if newest else None)


def save_reason(policy: SavePolicy, moment: Moment, past: History) -> str:
    """Return why a training is to be saved at a moment; empty if it is not.

    The order is CANDLE's: disabled, skipped, best, final, interval. What ends a training from outside (a signal, the
    wall-time limit, an early stop) is saved even among the skipped epochs, else all work would be lost.
    """
    if not policy.enabled:
        return ""
    stop = _stop_reason(policy, moment)
    if stop and _saved_here(moment, past):
        return ""
    if moment.epoch_end and moment.epoch >= policy.skip_epochs:
        reason = _epoch_reason(policy, moment, past)
        if reason:
            return reason
    if stop and policy.on_end:
        return stop
    return _between_epochs(policy, moment, past)


def _epoch_reason(policy: SavePolicy, moment: Moment, past: History) -> str:
    if policy.save_best and improves(policy, moment, past):
        return f"best {policy.metric}"
    if moment.is_final and policy.on_end and not policy.best_only:
        return "final epoch"
    if policy.every_epochs and not policy.best_only and moment.epoch % policy.every_epochs == 0:
        return "every epoch" if policy.every_epochs == 1 else f"every {policy.every_epochs} epochs"
    return ""


def _between_epochs(policy: SavePolicy, moment: Moment, past: History) -> str:
    if moment.epoch < policy.skip_epochs or policy.best_only:
        return ""
    if policy.every_steps and moment.step is not None and moment.step - (past.step or 0) >= policy.every_steps:
        return f"every {policy.every_steps} steps"
    if policy.every_seconds and moment.seconds - past.seconds >= policy.every_seconds:
        return f"every {policy.every_seconds:g} seconds"
    return ""


def _stop_reason(policy: SavePolicy, moment: Moment) -> str:
    return moment.stop_reason or ("wall-time limit" if wall_time_reached(policy, moment) else "")


def wall_time_reached(policy: SavePolicy, moment: Moment) -> bool:
    """Whether the training has to stop now to be over in time."""
    return bool(policy.wall_seconds) and moment.seconds >= max(policy.wall_seconds - policy.wall_margin, 0.0)


def _saved_here(moment: Moment, past: History) -> bool:
    """Whether the newest save is of this very moment; where steps are not counted, of this epoch."""
    counted = moment.step is not None and past.step is not None
    return past.epoch == moment.epoch and (not counted or past.step == moment.step)


def improves(policy: SavePolicy, moment: Moment, past: History) -> bool:
    """Whether the metric of a moment is better than all before; NaN and a missing metric never are."""
    value = moment.metrics.get(policy.metric)
    return value is not None and moment.epoch >= policy.skip_epochs and _improves(value, past.best, policy)


def advance(policy: SavePolicy, moment: Moment, past: History, *, saved: bool) -> History:
    """Return the history after a moment."""
    if (moment.epoch_end or saved) and policy.save_best and improves(policy, moment, past):
        past = replace(past, best=moment.metrics[policy.metric])
    if saved:
        past = replace(past, epoch=moment.epoch, step=moment.step, seconds=moment.seconds)
    return past


def _improves(value: float, best_so_far: float | None, policy: SavePolicy) -> bool:
    if math.isnan(value):
        return False
    return best_so_far is None or better(
        value, best_so_far, upwards(policy.metric, policy.mode), policy.min_delta, policy.ties
    )
