"""What the functions that are methods of CANDLE's checkpoint class ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.candle.checkpoints.program_state import Program
from candle_spec.candle.checkpoints.session import Session
from candle_spec.series.policy.params import CheckpointPolicy


class Ckpt(Program, Protocol):
    """A checkpoint object; see :class:`CandleCkpt`."""

    gParams: Mapping[str, Any]
    policy: CheckpointPolicy
    ckpt_directory: str
    epoch_max: int | None
    objects: Any
    cksum_model: str
    best_metric_last: float | None

    @property
    def recorder(self) -> Recorder | None: ...
    def opened(self) -> Session: ...
    def info(self, message: str) -> None: ...
    def checksum(self, dir_work: str | Path) -> None: ...
    def checksum_file(self, filename: str | Path) -> str: ...
    def write_json(self, jsonfile: str | Path, epoch: int) -> None: ...
