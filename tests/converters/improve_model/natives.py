"""Small checkpoints of IMPROVE, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import torch_file


def model(folder: Path) -> None:
    torch_file(folder / "model.pt")
    (folder / "param_log_file.txt").write_text(
        "{'input_dir': './x', 'model_file_name': 'model', 'model_file_format': '.pt', 'betas': (0.9, None)}"
    )
    (folder / "val_scores.json").write_text('{"mse": 0.0052, "r2": 0.8, "oddity": 1.0}')


FUZZED = {"improve-settings": ("param_log_file.txt", model), "improve-scores": ("val_scores.json", model)}
