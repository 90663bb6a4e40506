"""Small checkpoints of LightGBM, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def model(folder: Path) -> None:
    import lightgbm

    data = lightgbm.Dataset(np.random.default_rng(0).normal(size=(80, 3)), np.arange(80.0))
    lightgbm.train({"verbose": -1, "num_leaves": 4}, data, 3).save_model(str(folder / "m"))


FUZZED = {"lightgbm": ("m", model)}
