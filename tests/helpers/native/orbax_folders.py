"""Orbax folders, made by Orbax itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import orbax.checkpoint as ocp

TREE: dict[str, Any] = {
    "params": {"dense": {"kernel": np.arange(24, dtype="f4").reshape(4, 6), "bias": np.ones(6, "f4")}},
    "opt_state": [{"mu": np.linspace(0, 1, 7)}, None, {}],
    "half": np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16),
    "step": 3,
}
LAYOUTS: dict[str, dict[str, bool]] = {
    "ocdbt": {"use_ocdbt": True},
    "plain": {"use_ocdbt": False},
    "zarr3": {"use_ocdbt": True, "use_zarr3": True},
    "plain-zarr3": {"use_ocdbt": False, "use_zarr3": True},
    "raw": {"use_ocdbt": False, "use_compression": False},
}


def save(path: Path, layout: str = "ocdbt", tree: Any = None) -> Path:
    """Write a tree as one checkpoint."""
    handler = ocp.PyTreeCheckpointHandler(**LAYOUTS[layout])
    ocp.Checkpointer(handler).save(path.absolute(), args=ocp.args.PyTreeSave(TREE if tree is None else tree))
    return path


def managed(path: Path) -> Path:
    """Write two steps of two items each."""
    manager = ocp.CheckpointManager(path.absolute(), options=ocp.CheckpointManagerOptions(max_to_keep=3))
    for step in (10, 20):
        items = {
            "state": ocp.args.StandardSave({"w": np.full((3, 2), step)}),
            "meta": ocp.args.JsonSave({"best": step}),
        }
        manager.save(step, args=ocp.args.Composite(**items))
    manager.wait_until_finished()
    manager.close()
    return path
