"""Small checkpoints of CANDLE, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers.native.small import torch_checkpoint


def checkpoint(folder: Path) -> None:
    torch_checkpoint(folder / "model.h5")
    (folder / "ckpt-info.json").write_text(json.dumps({"epoch": 3, "model_file": "model.h5", "checksum": "1"}))
    (folder / "final_params.txt").write_text("{'a': [1, 2.5], 'b': <class 'int'>, 'c': (None, 'x')}")


FUZZED = {"candle-note": ("ckpt-info.json", checkpoint), "candle-settings": ("final_params.txt", checkpoint)}
