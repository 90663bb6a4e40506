"""Which checkpoints of a series are kept: a pure function over their entries, like those of ``decisions``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal

from candle_spec.series.policy.best import Item, Mode, Recorded, Ties, best, ordered

KeepMode = Literal["linear", "exponential", "all"]


@dataclass(frozen=True, slots=True)
class KeepPolicy:
    """What to keep.

    Attributes:
        mode: ``linear``: the newest ``limit``. ``exponential``: at most ``limit`` of growing age (with all epochs
            saved: ages of about 0, 1, 2, 4, 8 … epochs). ``all``: everything.
        limit: How many of this run, the best apart.
        every: Keep besides each epoch that is a multiple of it; 0 for none.
        keep_best: Whether the best one is never removed.
        metric: The metric that says which is best.
        mode_of_metric: Which way it improves.
        min_delta: See :class:`candle_spec.series.policy.decisions.SavePolicy`.
        ties: See there.
        unit: Distance of two regular saves, in epochs: the age that counts as 1.
        unit_steps: The same in steps, where only steps are a reason to save; 0 where epochs are.
    """

    mode: KeepMode = "linear"
    limit: int = 5
    every: int = 0
    keep_best: bool = True
    metric: str = "val_loss"
    mode_of_metric: Mode = "auto"
    min_delta: float = 0.0
    ties: Ties = "oldest"
    unit: int = 1
    unit_steps: int = 0


Key = tuple[int, int | None]
"""Epoch and step: what tells two checkpoints of a run apart (a run may be saved within an epoch too)."""


@dataclass(frozen=True, slots=True)
class KeepPlan(Generic[Item]):
    """Which checkpoints to keep and to remove, both in the order of the training, and why, by epoch and step."""

    keep: tuple[Item, ...]
    remove: tuple[Item, ...]
    why: Mapping[Key, str]

    def reason(self, entry: Recorded) -> str:
        """Return why a checkpoint is kept or removed."""
        return self.why[key(entry)]


def key(entry: Recorded) -> Key:
    """Return what identifies a checkpoint in its run."""
    return entry.epoch, entry.step


def keep(entries: Iterable[Item], policy: KeepPolicy, *, run_id: str = "") -> KeepPlan[Item]:
    """Return which checkpoints a policy keeps.

    Args:
        entries: All checkpoints of the series, of earlier parts of the run too.
        policy: The policy.
        run_id: If given, checkpoints of other runs are kept and do not count.
    """
    every = ordered(entries)
    own = [entry for entry in every if run_id in ("", entry.run_id)]
    why = {key(entry): reason for entry in every if (reason := _untouched(entry, run_id))}
    for entry in _by_mode(own, policy):
        why.setdefault(key(entry), "all are kept" if policy.mode == "all" else policy.mode)
    winner = best(own, policy.metric, policy.mode_of_metric, min_delta=policy.min_delta, ties=policy.ties)
    if winner is not None and policy.keep_best:
        why[key(winner)] = f"best {policy.metric}"
    live = [entry for entry in own if not entry.superseded]
    for entry in live if policy.every else ():
        if entry.epoch % policy.every == 0:
            why.setdefault(key(entry), f"every {policy.every} epochs")
    if live:
        why[key(live[-1])] = "newest"
    kept = tuple(entry for entry in every if key(entry) in why)
    removed = tuple(entry for entry in every if key(entry) not in why)
    return KeepPlan(kept, removed, {**why, **{key(entry): "beyond the limit" for entry in removed}})


def _untouched(entry: Recorded, run_id: str) -> str:
    """Return why a checkpoint is none of the policy's business."""
    if run_id not in ("", entry.run_id):
        return "of another run"
    return "pinned" if entry.pinned else f"tagged {', '.join(entry.tags)}" if entry.tags else ""


def _by_mode(own: Sequence[Item], policy: KeepPolicy) -> list[Item]:
    live = [entry for entry in own if not entry.superseded]
    if policy.mode == "all":
        return list(own)
    if policy.mode == "exponential":
        return _growing_ages(live, policy)
    # Superseded ones rank behind all live ones: they fill what the limit leaves and go first.
    newest_first = [*reversed(live), *reversed([entry for entry in own if entry.superseded])]
    return newest_first[: policy.limit]


def _growing_ages(live: Sequence[Item], policy: KeepPolicy) -> list[Item]:
    """Keep, on each level k, the first entry of the newest two slots of ``unit * 2**k`` epochs (or steps).

    The first of a slot stays the first of it, so what a later plan wants was wanted by all plans before it: thinning
    as one goes ends in the same set as thinning at the end. A level adds one entry at most to those below it.
    """
    if not live:
        return []
    kept = {key(live[-1]): live[-1]}
    unit = max(policy.unit_steps or policy.unit, 1)
    for level in range(policy.limit - 1):
        firsts: dict[int, Item] = {}
        for entry in live:
            age = (entry.step or 0) if policy.unit_steps else entry.epoch
            firsts.setdefault(age // (unit << level), entry)
        kept |= {key(firsts[slot]): firsts[slot] for slot in sorted(firsts)[-2:]}
    # Irregular saves can give a level two new ones; the newest win.
    return ordered(kept.values())[-policy.limit :]
