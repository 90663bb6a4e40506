"""Small checkpoints of PyTorch distributed, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path


def distributed(folder: Path) -> None:
    import torch
    import torch.distributed.checkpoint as dcp

    dcp.save({"model": {"a": torch.ones(8, 4), "n": 3}}, checkpoint_id=folder)


FUZZED = {"torch-distributed": (".metadata", distributed)}
