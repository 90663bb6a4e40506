"""Small checkpoints of Keras, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers.native.small import ARRAY


def weights(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "m", "w") as file:
        file.attrs["layer_names"] = np.array([b"dense"])
        layer = file.create_group("dense")
        layer.attrs["weight_names"] = np.array([b"dense/kernel:0"])
        layer["dense/kernel:0"] = ARRAY


def archive(folder: Path) -> None:
    import keras

    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    net.compile("adam", "mse")
    net.save(folder / "m.keras")
    (folder / "m.keras").rename(folder / "m")


FUZZED = {"keras": ("m", weights), "keras-archive": ("m", archive)}
