"""Moments of a small training: some tensors change every epoch, some never do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from candle_spec.atomic import Fs
from candle_spec.checkpoint.contents import Contents, Framework, Group, SideFile
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.series.store import StoreSettings
from candle_spec.weights import state_tree
from candle_spec.weights.live import LiveBytes
from candle_spec.weights.sources import TensorSource, plain

FROZEN = frozenset({("model", "encoder.weight")})


def floats(count: int, start: float) -> LiveBytes:
    return LiveBytes((start + np.arange(count) / 7).astype("<f4"))


def tensor(group: str, name: str, count: int, start: float) -> TensorSource:
    return plain(group, name, "F32", (count,), floats(count, start))


def state(epoch: int, *, branch: int = 0, size: int = 64, step: int | None = None, **more: Any) -> TrainingState:
    """Return the state after some epochs; ``branch`` tells apart what two attempts make of the same epoch."""
    value = epoch * 1000 + branch
    contents = Contents(
        Framework("pytorch", "2.13.0"),
        [Group("model", "model"), Group("optimizer", "optimizer")],
        [
            tensor("model", "encoder.weight", 4 * size, 0.5),
            tensor("model", "head.weight", size, value),
            tensor("optimizer", "head.weight.exp_avg", size, value + 0.25),
        ],
        state=state_tree.mapping([("epoch", epoch), ("branch", branch)]),
        side_files=[SideFile("topology/net.json", b'{"layers": 2}', "application/json", "topology")],
    )
    more.setdefault("metrics", {"val_loss": 1 / (1 + epoch)})
    more.setdefault("stable", FROZEN)
    return TrainingState(epoch, contents, step=10 * epoch if step is None else step, **more)


def settings(**more: Any) -> StoreSettings:
    """Return settings that make every call in one thread, in a fixed order."""
    return StoreSettings(**{"jobs": 1, "min_copies": 1, **more})


def open_series(folder: Path, fs: Fs | None = None, **more: Any) -> Series:
    return Series.create_or_open(folder, settings=settings(**more), fs=fs)


def branch_of(path: Path) -> tuple[int, int]:
    """Return epoch and branch of a saved state, after comparing every tensor with what was saved."""
    from candle_spec.checkpoint.checkpoint import Checkpoint

    checkpoint = Checkpoint(path)
    held = checkpoint.state()
    expected = state(held["epoch"], branch=held["branch"], size=checkpoint.tensors[1].shape[0])
    for source in expected.contents.tensors:
        data = b"".join(bytes(block) for block in source.parts[""].data.blocks())
        assert checkpoint.tensor(source.group, source.name).tobytes() == data, source.name
    return held["epoch"], held["branch"]


def check_sound(series: Series) -> dict[int, int]:
    """Check that everything in a series is whole, and return the branch of every epoch."""
    assert series.verify() == []
    assert all(entry.complete for entry in series.entries())
    return dict(branch_of(entry.path) for entry in series.entries())
