"""What the settings and the metrics of a training say for the manifest, whoever read them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from candle_spec import resources
from candle_spec.checkpoint.contents import Field

SPLITS: Final = {
    "val": "val",
    "valid": "val",
    "validation": "val",
    "eval": "val",
    "test": "test",
    "train": "train",
    "training": "train",
}
"""Words before the name of a metric, and the split that they name."""

_COMMON: Final = {"/training/epochs": ("epochs",), "/training/loss": ("loss",), "/training/seed": ("rng_seed", "seed")}


def training_fields(found: Mapping[str, Any], origin: str) -> list[Field]:
    """Return the manifest's fields that follow from hyperparameters."""
    kept = {key: value for key, value in found.items() if value is not None}
    fields = [Field("/training/hyperparameters", kept, "config", origin)] if kept else []
    for pointer, keys in _COMMON.items():
        value = next((kept[key] for key in keys if key in kept), None)
        if _fits(pointer, value):
            fields.append(Field(pointer, value, "config", f"{origin}: {pointer.rpartition('/')[2]}"))
    name = kept.get("optimizer")
    if isinstance(name, str) and re.fullmatch(r"[ -~]{1,200}", name):
        fields.append(Field("/training/optimizer", {"name": name}, "config", f"{origin}: optimizer"))
    return fields


def _fits(pointer: str, value: Any) -> bool:
    """Whether a setting is of the kind that the manifest's field holds."""
    if pointer.endswith("loss"):
        return isinstance(value, str) and 0 < len(value) <= 200
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def measured(metric: str, value: float, origin: str, **about: Any) -> dict[str, Any] | None:
    """Return an entry of ``evaluation`` where the metric is a known one and the value within its range.

    Args:
        metric: The metric's name, as its program writes it.
        value: Its value.
        origin: Where the value is from.
        **about: Further members of the entry: ``split``, ``dataset``, ``target``; ``None`` for unknown.
    """
    term = _metrics().get(metric.lower().replace(" ", "_").replace("-", "_"))
    if term is None or not math.isfinite(value):
        return None
    bounds = term.get("range", {})
    if not bounds.get("min", -math.inf) <= value <= bounds.get("max", math.inf):
        return None
    described = {"id": term["id"], "name": metric or term["id"], "direction": term["direction"]}
    more = {key: item for key, item in about.items() if item is not None}
    return {"metric": described, "value": value, "source": origin, **more}


def epoch_evaluation(metrics: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the entries of ``evaluation`` for what a training measured at the end of an epoch.

    ``val_auc`` is the metric ``auc`` of the split ``val``. What is no known metric (a loss) makes none.
    """
    found = (_of_epoch(name, value) for name, value in metrics.items())
    return [entry for entry in found if entry is not None]


def _of_epoch(name: str, value: float) -> dict[str, Any] | None:
    prefix, _, rest = name.replace("/", "_").partition("_")
    split = SPLITS.get(prefix.lower()) if rest else None
    return measured(rest if split else name, value, f"measured by the training as {name}"[:2000], split=split)


@cache
def _metrics() -> Mapping[str, Mapping[str, Any]]:
    terms = resources.read_json("vocabularies/metrics.json")["terms"]
    return {each.replace("-", "_"): term for term in terms for each in (term["id"], *term.get("aliases", ()))}
