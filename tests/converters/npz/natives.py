"""Small checkpoints of NumPy, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers.native.small import ARRAY


def archive(folder: Path) -> None:
    np.savez((folder / "m").open("wb"), a=ARRAY, b=ARRAY.T, c=np.array(["x", "yz"]))


FUZZED = {"npz": ("m", archive)}
