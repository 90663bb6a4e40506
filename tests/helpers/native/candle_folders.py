"""What programs of CANDLE and IMPROVE leave in their folders."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

SCORES = {"mse": 0.0052, "rmse": 0.0722, "pcc": 0.8996, "scc": 0.8171, "r2": 0.8085, "oddity": 1.0}
LOG = {
    "input_dir": "/lustre/run7/csa/ml_data/CCLE-CCLE/split_0",
    "output_dir": "/lustre/run7/csa/models/CCLE/split_0",
    "log_level": "WARNING",
    "config_file": None,
    "model_file_name": "model",
    "model_file_format": ".pt",
    "y_col_name": "auc",
    "epochs": 150,
    "learning_rate": 0.0001,
    "loss": "mse",
    "betas": (0.9, 0.999),
    "model_name": "GraphDRP",
}


def make(folder: Path, epoch: int = 3, framework: str = "torch", **about: Any) -> Path:
    """Write one checkpoint as the CANDLE library does."""
    folder.mkdir(parents=True)
    model = folder / "model.h5"
    if framework == "torch":
        import torch

        net = torch.nn.Linear(4, 2)
        optimizer = torch.optim.Adam(net.parameters())
        net(torch.ones(1, 4)).sum().backward()
        optimizer.step()
        state = {"epoch": epoch, "model_state_dict": net.state_dict(), "optimizer_state_dict": optimizer.state_dict()}
        torch.save(state, model)
    else:
        import keras

        keras.utils.set_random_seed(epoch)
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(model)
    info = {
        "epoch": epoch,
        "save_best_metric": "val_loss",
        "best_metric_last": float("inf"),
        "model_file": "model.h5",
        "checksum": str(zlib.crc32(model.read_bytes())),
        "timestamp": "2023-06-30 13:57:26",
        "time_elapsed": 61.2,
        "metadata": None,
    }
    (folder / "ckpt-info.json").write_text(json.dumps(info | about) + "\n")
    return folder
