"""The identity of a checkpoint: content, values and state digest of its inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from candle_spec.digests import content_digest, payload_digest, values_digest
from candle_spec.names import from_json


def is_model(group: str) -> bool:
    """Whether a group holds a model's own weights, which make the identity of the checkpoint."""
    return group == "model" or group.startswith("model.")


def identity(
    entries: Sequence[Mapping[str, Any]], payload: Sequence[tuple[str, str, int, str]] | None = None
) -> dict[str, str]:
    """Return content, values and state digest of an inventory.

    With one model group its names stand as they are; with several, each is preceded by its group and ``/``.

    Args:
        entries: The entries of the inventory.
        payload: Of a model that is files, their roles, media types, sizes and digests.
    """
    models = [entry for entry in entries if is_model(entry["group"])]
    several = len({entry["group"] for entry in models}) > 1
    rows = _rows(models, with_group=several)
    return {
        "content_digest": content_digest(rows) if payload is None else payload_digest(payload, rows),
        "values_digest": values_digest(rows),
        "state_digest": content_digest(_rows(entries, with_group=True)),
    }


def _rows(entries: Sequence[Mapping[str, Any]], *, with_group: bool) -> list[tuple[str, str, list[int], str]]:
    return [
        (
            f"{entry['group']}/{from_json(entry['name'])}" if with_group else from_json(entry["name"]),
            entry["dtype"],
            entry["shape"],
            entry["digest"],
        )
        for entry in entries
    ]
