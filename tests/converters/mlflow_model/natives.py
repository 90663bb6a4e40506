"""Small checkpoints of MLflow, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.native.small import torch_file


def model(folder: Path) -> None:
    torch_file(folder / "data" / "model.pth")
    (folder / "MLmodel").write_text(
        "flavors:\n  pytorch:\n    model_data: data\n    pytorch_version: 2.13.0\nmlflow_version: 3.17.2\n"
        'signature:\n  inputs: \'[{"type": "double", "name": "a"}]\'\nutc_time_created: "2026-11-24 15:03:20"\n'
    )


FUZZED = {"mlflow": ("MLmodel", model)}
