"""What was found in a folder: the native checkpoints of one training, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LEAST: Final = 2
"""So many checkpoints make a series; of one, nobody needs to say that it is one."""


@dataclass(frozen=True, slots=True)
class Member:
    """One native checkpoint of a training.

    Attributes:
        name: Its name in the folder.
        path: The file or folder to convert.
        epoch: Completed epochs; ``None`` where nothing around the checkpoint says so.
        step: Completed steps, where something says so.
        metrics: What was measured at that moment.
        inside_epoch: Whether the next epoch had begun.
    """

    name: str
    path: Path
    epoch: int | None = None
    step: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    inside_epoch: bool = False

    @property
    def order(self) -> tuple[int, int]:
        """Its place in the training."""
        return self.epoch or 0, self.step or 0


@dataclass(slots=True)
class NativeSeries:
    """The native checkpoints of one training.

    Attributes:
        title: Who writes such folders, in the field's words.
        folder: The folder.
        members: The checkpoints, in the order of the training.
        last: Name of the member from which a restart goes on, where something says so.
        best: Name of the best member, where something says so.
        also: Further files that may be a member (``last.ckpt``, ``model_best.pt``): ``last`` or ``best``, and the path.
        metric: The metric that says which is best, where something says so.
        passed_over: What is none of the series, with the reason.
    """

    title: str
    folder: Path
    members: list[Member] = field(default_factory=list)
    last: str = ""
    best: str = ""
    also: list[tuple[str, Path]] = field(default_factory=list)
    metric: str = ""
    passed_over: list[tuple[str, str]] = field(default_factory=list)
