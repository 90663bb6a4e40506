"""Whether a training that goes on is still the one that was saved: its hyperparameters, compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec.errors import InvalidInputError
from candle_spec.series.policy.params import PREFIX, CheckpointPolicy

_MAY_CHANGE: Final = frozenset(
    """epochs timeout verbose logfile output_dir output_root home_dir experiment_id run_id gpus profiling log_level
    num_workers config_file train_bool eval_bool initial_epoch""".split()
)
"""Settings that say how long, where and how loudly a training runs, and not what it computes."""

_NAMED: Final = 5


def compared(manifest: Mapping[str, Any], policy: CheckpointPolicy, folder: Path) -> str:
    """Return what is to be said of hyperparameters that changed since a checkpoint; empty where nothing is.

    Raises:
        InvalidInputError: Some changed, and the policy refuses that.
    """
    changes = changed_hyperparameters(manifest, policy.hyperparameters) if policy.on_change != "ignore" else ""
    said = f"the hyperparameters changed since the checkpoint: {changes}" if changes else ""
    if said and policy.on_change == "refuse":
        raise InvalidInputError(
            said, location=str(folder), hint="start in another folder, or set ckpt_on_change to warn"
        )
    return said


def changed_hyperparameters(manifest: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what changed since a checkpoint, in words; empty where nothing did or one side says nothing."""
    before = manifest.get("training", {}).get("hyperparameters", {})
    if not before or not now:
        return ""
    names = [name for name in sorted(before.keys() | now.keys()) if _counts(name)]
    missing = "not set"
    rows = [
        f"{name} was {before.get(name, missing)!r}, is {now.get(name, missing)!r}"
        for name in names
        if before.get(name, missing) != now.get(name, missing)
    ]
    more = f", and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return "; ".join(rows[:_NAMED]) + more


def _counts(name: str) -> bool:
    return not name.startswith(PREFIX) and name not in _MAY_CHANGE
