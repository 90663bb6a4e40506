"""The folders of the Hugging Face Trainer: ``checkpoint-<step>/``, each with ``trainer_state.json``.

Source of the layout: https://huggingface.co/docs/transformers/main_classes/trainer (``TrainerState``).
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final

from candle_spec.conversion.native_series import logs
from candle_spec.conversion.native_series.members import Member, NativeSeries

_NAME: Final = re.compile(r"checkpoint-([0-9]{1,12})")
_STATE: Final = "trainer_state.json"
_ROUNDING: Final = 1e-6
"""Parts of an epoch by which the Trainer's count of whole ones may be wrong."""


def find(folder: Path) -> NativeSeries | None:
    """Return the checkpoints of an ``output_dir``; ``None`` where there are none."""
    places = {int(match[1]): path for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))}
    found = NativeSeries("Hugging Face Trainer", folder)
    newest: dict[str, Any] = {}
    for step, path in sorted(places.items()):
        if not path.is_dir() or path.is_symlink():
            continue
        state = logs.read_object(path / _STATE)
        newest = state or newest
        epoch = _epoch(state)
        inside = epoch is not None and state["epoch"] - epoch > _ROUNDING
        found.members.append(Member(path.name, path, epoch, step, _metrics(state, step), inside))
    if not found.members:
        return None
    if all(member.epoch is None for member in found.members) and not newest:
        return None
    found.members.sort(key=lambda member: member.order)
    named = re.split(r"[/\\]", str(newest.get("best_model_checkpoint") or ""))[-1]
    found.best = named if any(member.name == named for member in found.members) else ""
    return found


def _epoch(state: dict[str, Any]) -> int | None:
    """The Trainer counts parts of epochs; rounding must not take a whole one for less."""
    epoch = state.get("epoch")
    if not isinstance(epoch, (int, float)) or isinstance(epoch, bool) or not math.isfinite(epoch) or epoch < 0:
        return None
    return math.floor(epoch + _ROUNDING)


def _metrics(state: dict[str, Any], step: int) -> dict[str, float]:
    history = state.get("log_history")
    rows = [row for row in history if isinstance(row, dict)] if isinstance(history, list) else []
    metrics: dict[str, float] = {}
    for row in rows:
        if row.get("step") == step:
            metrics |= logs.numbers(row)
    return metrics
