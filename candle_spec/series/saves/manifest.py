"""What the manifest of a checkpoint says of its series: the training, its place in the run, what is true of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from candle_spec import pointer
from candle_spec.canonical import tag_number
from candle_spec.digests import digest_json
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.store import Store


def add_run(made: dict[str, Any], store: Store, state: TrainingState) -> None:
    """Add to the manifest of a state what the series knows.

    Args:
        made: The manifest.
        store: The series.
        state: What is saved.
    """
    about = made["training_state"]
    about["epoch"] = state.epoch
    if state.step is not None:
        about["step"] = state.step
    if state.metrics:
        about["metrics"] = {name: tag_number(float(value)) for name, value in state.metrics.items()}
    made["lineage"] = {**made.get("lineage", {}), **_lineage(store, state)}
    _add_description(made, store.description)
    made.setdefault("name", store.record.name)


def _lineage(store: Store, state: TrainingState) -> dict[str, Any]:
    about: dict[str, Any] = {"run_id": store.record.run_id, "series": store.record.name}
    if store.attempt is not None:
        about["attempt"] = store.attempt.number
    parent = store.before((state.epoch, state.step or 0))
    if parent is not None and parent.point.state_digest:
        about["parent_digest"] = parent.point.state_digest
    return {**about, **store.run.lineage()}


def _add_description(made: dict[str, Any], description: Mapping[str, Any]) -> None:
    """Add what is true of every checkpoint; what the checkpoint itself says wins."""
    sources = list(made.get("field_sources", []))
    for key, value in description.items():
        if key in ("$schema", "schema_version", "manifest_digest"):
            continue
        for at, leaf in _missing(made, value, pointer.join([key])):
            pointer.put(made, at, leaf)
            sources.append({"pointer": at, "source": "user", "value_digest": digest_json(leaf)})
    if sources:
        made["field_sources"] = sources


def _missing(made: dict[str, Any], value: Any, at: str) -> list[tuple[str, Any]]:
    """Return pointers and values of what is not there yet, as whole as possible."""
    absent = object()
    there = pointer.get(made, at, absent)
    if there is absent:
        return [(at, value)]
    if isinstance(there, dict) and isinstance(value, dict):
        return [row for key, inner in value.items() for row in _missing(made, inner, at + pointer.join([key]))]
    return []
