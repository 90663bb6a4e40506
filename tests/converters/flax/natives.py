"""Small checkpoints of Flax, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers.native.small import ARRAY


def state(folder: Path) -> None:
    import flax.serialization

    tree = {"params": {"dense": {"kernel": ARRAY, "bias": np.ones(3)}}, "step": 3, "opt_state": {"0": {}}}
    (folder / "m").write_bytes(flax.serialization.to_bytes(tree))


FUZZED = {"flax": ("m", state)}
