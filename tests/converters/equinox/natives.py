"""Small checkpoints of Equinox, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers.native.small import ARRAY


def leaves(folder: Path) -> None:
    with (folder / "m").open("wb") as file:
        for array in (ARRAY, np.ones(3), np.asfortranarray(ARRAY)):
            np.save(file, array)


FUZZED = {"equinox": ("m", leaves)}
