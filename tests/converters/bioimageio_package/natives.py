"""Small checkpoints of bioimage.io, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers.native.small import torch_file


def package(folder: Path) -> None:
    torch_file(folder / "weights.pt")
    axes = [{"type": "batch"}, {"type": "channel", "channel_names": ["a"]}, {"type": "space", "id": "x", "size": 16}]
    about = {
        "format_version": "0.5.4",
        "type": "model",
        "name": "UNet",
        "authors": [{"name": "A. Lovelace"}],
        "inputs": [{"id": "raw", "axes": axes, "test_tensor": {"source": "in.npy"}, "data": {"type": "float32"}}],
        "outputs": [{"id": "mask", "axes": axes, "test_tensor": {"source": "out.npy"}}],
        "weights": {"pytorch_state_dict": {"source": "weights.pt", "pytorch_version": "2.4"}},
    }
    (folder / "bioimageio.yaml").write_text(json.dumps(about))


FUZZED = {"bioimageio": ("bioimageio.yaml", package)}
