"""Small checkpoints of safetensors, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers.native.small import ARRAY, safetensors_file


def shards(folder: Path) -> None:
    safetensors_file(folder / "model-00001-of-00002.safetensors", a=ARRAY)
    safetensors_file(folder / "model-00002-of-00002.safetensors", b=ARRAY)
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = {"metadata": {"total_size": 2 * ARRAY.nbytes}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


FUZZED = {"safetensors-index": ("model.safetensors.index.json", shards)}
