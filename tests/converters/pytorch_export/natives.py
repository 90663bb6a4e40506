"""Small checkpoints of PyTorch export, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path


def exported(folder: Path) -> None:
    import torch

    exported = torch.export.export(torch.nn.Linear(4, 2), (torch.ones(1, 4),))
    torch.export.save(exported, folder / "m.pt2")
    (folder / "m.pt2").rename(folder / "m")


FUZZED = {"torch-export": ("m", exported)}
