"""Small checkpoints of Orbax, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers.native.small import ARRAY


def saved(folder: Path) -> None:
    import orbax.checkpoint as ocp

    tree = {"params": {"kernel": ARRAY, "bias": np.ones(6)}, "list": [np.ones(2), None], "step": 3}
    ocp.Checkpointer(ocp.PyTreeCheckpointHandler()).save(
        folder.absolute() / "m", args=ocp.args.PyTreeSave(tree), force=True
    )


FUZZED = {"orbax": ("m/_METADATA", saved)}
