"""Small checkpoints of MONAI, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers.native.small import torch_file


def bundle(folder: Path) -> None:
    torch_file(folder / "models" / "model.pt")
    image = {"type": "image", "num_channels": 1, "spatial_shape": [96, "16*n", "*"], "channel_def": {"0": "image"}}
    about = {
        "version": "0.5.6",
        "monai_version": "1.4.0",
        "authors": "A. Lovelace",
        "eval_metrics": {"mean_dice": 0.9},
        "network_data_format": {"inputs": {"image": image}, "outputs": {"pred": image}},
    }
    (folder / "configs").mkdir()
    (folder / "configs" / "metadata.json").write_text(json.dumps(about))


FUZZED = {"monai": ("configs/metadata.json", bundle)}
