"""One moment of a training, ready to be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from candle_spec.checkpoint.contents import Contents


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What a training is after so many epochs; nothing in it changes until the save is done.

    Attributes:
        epoch: Number of completed epochs, from 1 (0: before the first).
        contents: Tensors, state tree, parts, files and fields of the checkpoint.
        step: Number of completed optimizer steps over the whole run, where the training counts them.
        metrics: Values of this epoch by the training's own names (``val_loss``); NaN is a value like any other.
        stable: ``(group, name)`` of tensors that are not expected to change (frozen layers): they get files of their
            own from the first save on. A hint for the layout, never a proof of equality.
        inside_epoch: Whether the next epoch has begun: then the checkpoint is named by its step, too.
    """

    epoch: int
    contents: Contents
    step: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    stable: frozenset[tuple[str, str]] = frozenset()
    inside_epoch: bool = False
