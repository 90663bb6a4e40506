"""Pieces of small native checkpoints: an array, files of torch and safetensors, a forest, a booster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

ARRAY = np.arange(24, dtype="f4").reshape(4, 6)


def torch_file(path: Path) -> None:
    """A state dict of one tensor."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"w": torch.from_numpy(ARRAY.copy())}, path)


def torch_checkpoint(path: Path, **options: Any) -> None:
    """A model of three views of one storage, and an epoch."""
    import torch

    shared = torch.from_numpy(ARRAY.copy())
    torch.save({"model": {"a": shared, "b": shared[1:], "c": shared.t()}, "epoch": 3}, path, **options)


def safetensors_file(path: Path, **arrays: Any) -> None:
    import safetensors.numpy

    safetensors.numpy.save_file(arrays or {"w": ARRAY}, path, {"format": "pt"})


def booster() -> Any:
    import xgboost

    data = xgboost.DMatrix(np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0))
    return xgboost.train({"max_depth": 2}, data, 2)


def forest() -> Any:
    import sklearn.ensemble

    random = np.random.default_rng(0)
    return sklearn.ensemble.RandomForestClassifier(2, max_depth=2).fit(random.normal(size=(30, 3)), np.arange(30) % 2)
