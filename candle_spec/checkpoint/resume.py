"""How far a training can go on from a checkpoint: derived from the parts present, never claimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GRADES: Final = ("inference-only", "fine-tunable", "exactly-resumable")

EXACT: Final = ("optimizer", "scheduler", "scaler", "rng", "sampler")
"""Parts that must each be present (or said not to be used) before a run goes on exactly as it would have."""


def resume_grade(parts: Mapping[str, str]) -> str:
    """Return the grade for the status of each part of the training state.

    Args:
        parts: Status (``present``, ``partial``, ``absent``, ``not-used``) by part.

    Returns:
        ``fine-tunable`` when the optimizer's state is present, ``exactly-resumable`` when all of :data:`EXACT` are
        present or not used, else ``inference-only``.
    """
    if parts.get("optimizer") != "present":
        return GRADES[0]
    exact = all(parts.get(part) in ("present", "not-used") for part in EXACT)
    return GRADES[2] if exact else GRADES[1]
