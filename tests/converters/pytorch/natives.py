"""Small checkpoints of PyTorch, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import torch_checkpoint


def saved(folder: Path) -> None:
    torch_checkpoint(folder / "m")


def legacy(folder: Path) -> None:
    torch_checkpoint(folder / "m", _use_new_zipfile_serialization=False)


def torchscript(folder: Path) -> None:
    import torch

    torch.jit.script(torch.nn.Linear(4, 2)).save(str(folder / "m"))


FUZZED = {"torch-zip": ("m", saved), "torch-legacy": ("m", legacy), "torchscript": ("m", torchscript)}
