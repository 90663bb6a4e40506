"""What would be saved: asked by hand, and by the direction that a program gives where a metric's name says none.

Names and calls are those of https://github.com/ECP-CANDLE/candle_lib (``ckpt_utils.py``); :class:`CandleCkpt` has these
functions as its methods.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.candle.checkpoints.interface import Ckpt
from candle_spec.series.policy import decisions as policies
from candle_spec.series.policy.best import direction as known_direction
from candle_spec.series.policy.decisions import History, Moment, SavePolicy


def save_check(ckpt: Ckpt, epoch: int, direction: str = "", metric_value: Any = None) -> bool:
    """Whether the end of an epoch (counted from 1, as in CANDLE) would be saved; nothing is saved."""
    save, past = _policy_and_past(ckpt, direction)
    metrics = {} if metric_value is None else {save.metric: float(metric_value)}
    final = ckpt.epoch_max is not None and epoch >= ckpt.epoch_max
    return bool(policies.save_reason(save, Moment(epoch, metrics=metrics, is_final=final), past))


def save_check_best(ckpt: Ckpt, epoch: int, direction: str = "", metric_value: Any = None) -> bool:
    """Whether an epoch (counted from 1) is the best so far."""
    save, past = _policy_and_past(ckpt, direction)
    metrics = {} if metric_value is None else {save.metric: float(metric_value)}
    return save.save_best and policies.improves(save, Moment(epoch, metrics=metrics), past)


def _policy_and_past(ckpt: Ckpt, direction: str) -> tuple[SavePolicy, History]:
    save = _directed(ckpt.policy.save, direction)
    return save, ckpt.recorder.past if ckpt.recorder is not None else policies.history((), save)


def take_direction(ckpt: Ckpt, recorder: Recorder, direction: str) -> None:
    """Go on with the direction that the program gives, where the name of the metric does not say it."""
    save = _directed(recorder.policy.save, direction)
    if save is not recorder.policy.save:
        keep = replace(ckpt.policy.keep, mode_of_metric=save.mode)
        ckpt.policy = recorder.policy = replace(ckpt.policy, save=save, keep=keep)


def _directed(save: SavePolicy, direction: str) -> SavePolicy:
    if direction not in ("+", "-") or save.mode != "auto" or known_direction(save.metric):
        return save
    return replace(save, mode="max" if direction == "+" else "min")
