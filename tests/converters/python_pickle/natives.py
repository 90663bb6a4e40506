"""Small checkpoints of pickles and joblib, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from tests.helpers.native.small import booster, forest


def pickled_booster(folder: Path) -> None:
    (folder / "m").write_bytes(pickle.dumps(booster()))


def pickled_forest(folder: Path) -> None:
    (folder / "m").write_bytes(pickle.dumps(forest()))


def dumped(folder: Path, compress: int = 0) -> None:
    import joblib

    joblib.dump({"forest": forest(), "object": np.array([1, "a", None], dtype=object)}, folder / "m", compress=compress)


def packed(folder: Path) -> None:
    dumped(folder, compress=3)


FUZZED = {
    "xgboost-pickle": ("m", pickled_booster),
    "pickle": ("m", pickled_forest),
    "joblib": ("m", dumped),
    "joblib-zlib": ("m", packed),
}
