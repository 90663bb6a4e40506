"""Which checkpoint is best: metrics, the way they improve, NaN and ties."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, Protocol, TypeVar

from candle_spec import resources
from candle_spec.checkpoint.training_fields import SPLITS
from candle_spec.errors import InvalidInputError

Mode = Literal["auto", "min", "max"]
"""Which way a metric improves; ``auto`` asks :func:`direction`."""

Ties = Literal["oldest", "newest"]
"""Which of equal ones is the best."""


_UP: Final = ("accuracy", "auc", "auroc", "auprc", "f1", "r2", "precision", "recall", "corr", "dice", "iou")
_DOWN: Final = ("loss", "error", "mse", "rmse", "mae", "crossentropy", "learning_rate", "lr")


class Recorded(Protocol):
    """What a policy sees of a checkpoint of a series; the store's entries have it."""

    @property
    def epoch(self) -> int: ...
    @property
    def step(self) -> int | None: ...
    @property
    def metrics(self) -> Mapping[str, float]: ...
    @property
    def run_id(self) -> str: ...
    @property
    def superseded(self) -> bool: ...
    @property
    def pinned(self) -> bool: ...
    @property
    def tags(self) -> Sequence[str]: ...


Item = TypeVar("Item", bound=Recorded)


def best(
    entries: Iterable[Item], metric: str, mode: Mode = "auto", *, min_delta: float = 0.0, ties: Ties = "oldest"
) -> Item | None:
    """Return the best checkpoint by a metric, or ``None`` where no one has a value.

    NaN and a missing value are never best; infinities are numbers like others. Superseded ones do not count.
    """
    up, winner = upwards(metric, mode), None
    for entry in ordered(entry for entry in entries if not entry.superseded):
        value = entry.metrics.get(metric)
        if value is None or math.isnan(value):
            continue
        if winner is None or better(value, winner.metrics[metric], up, min_delta, ties):
            winner = entry
    return winner


def better(value: float, other: float, up: bool, min_delta: float, ties: Ties) -> bool:
    """Whether a value, which is not NaN, is better than another one; anything is better than NaN."""
    if math.isnan(other):
        return True
    if value == other:
        return ties == "newest"
    return value > other + min_delta if up else value < other - min_delta


def upwards(metric: str, mode: Mode = "auto") -> bool:
    """Whether higher is better; an unknown metric counts as a loss.

    Raises:
        InvalidInputError: The mode is none.
    """
    if mode not in ("auto", "min", "max"):
        raise InvalidInputError(f"the direction of a metric is auto, min or max, not {mode!r}")
    return mode == "max" if mode != "auto" else direction(metric) == "max"


def direction(metric: str) -> Literal["min", "max", ""]:
    """Return which way a metric improves by its name: ``val_accuracy``, ``eval/r2``, ``test_auc_2``; empty: unknown.

    The table is ``schemas/vocabularies/metrics.json``; then the last word of the name decides.
    """
    name = metric.lower().replace("/", "_").replace("-", "_").replace(" ", "_").strip("_")
    for split in SPLITS:
        name = name.removeprefix(f"{split}_")
    table = {
        word.replace("-", "_"): "max" if term["direction"] == "maximize" else "min"
        for term in resources.read_json("vocabularies/metrics.json")["terms"]
        for word in (term["id"], *term.get("aliases", ()))
    }
    for candidate in (name, name.rstrip("0123456789").rstrip("_")):
        if candidate in table:
            return "max" if table[candidate] == "max" else "min"
    if name.endswith(_DOWN):
        return "min"
    return "max" if name.rstrip("0123456789").rstrip("_").endswith(_UP) else ""


def ordered(entries: Iterable[Item]) -> list[Item]:
    """Return checkpoints in the order of the training."""
    return sorted(entries, key=lambda entry: (entry.epoch, entry.step if entry.step is not None else -1))
