"""What a training says to people: at its start, and of a metric that it does not measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from candle_spec.callbacks._recording.adapter import Adapter
from candle_spec.callbacks._recording.provenance import provenance
from candle_spec.callbacks._recording.readiness import readiness_lines
from candle_spec.callbacks._recording.settings import Settings
from candle_spec.series.policy.params import CheckpointPolicy


def opening_lines(policy: CheckpointPolicy, folder: Path, settings: Settings, adapter: Adapter) -> Iterator[str]:
    """Yield what will be saved, when, where, and what is kept; and what repositories will still want to know.

    Args:
        policy: When to save and what to keep.
        folder: Folder of the series.
        settings: What the callback was told.
        adapter: The training as its framework has it.
    """
    yield policy.describe(str(folder))
    yield from policy.warnings
    if policy.repositories and policy.enabled:
        fields = provenance(name=settings.title(folder), hyperparameters=policy.hyperparameters or None)
        known = settings.model_description or {}
        yield from readiness_lines(policy.repositories, folder, adapter.framework, fields, known)


def unmeasured(policy: CheckpointPolicy, values: Mapping[str, float]) -> str:
    """Return what is to be said where the metric of the best checkpoint is none of those measured; else nothing."""
    save = policy.save
    if not save.save_best or save.metric in values:
        return ""
    measured = ", ".join(values) or "nothing"
    return f"no best checkpoint: {save.metric} is not measured ({measured}); set ckpt_save_best_metric"
