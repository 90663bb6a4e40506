"""A small training in PyTorch by CANDLE's class, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from candle_spec import candle
from candle_spec.series.series import Series


class Training:
    """A training of a few epochs in a loop of its own."""

    def __init__(self, folder: Path, seed: int = 1, **params: object) -> None:
        torch.manual_seed(seed)
        self.model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), 0.05)
        self.params = {"model_name": "m", "output_dir": str(folder), "ckpt_save_interval": 1, "epochs": 5} | params
        self.ckpt = candle.CandleCkptPyTorch(self.params)
        self.ckpt.set_model({"model": self.model, "optimizer": self.optimizer})

    def epoch(self, number: int, value: float | None = None, **metrics: float) -> None:
        loss = self.model(torch.randn(16, 4)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.ckpt.ckpt_epoch(number, loss.item() if value is None else value, **metrics)

    def run(self, values: list[float] | None = None) -> Training:
        J = self.ckpt.restart(self.model)
        for number in range(J["epoch"] if J else 0, self.params["epochs"]):
            self.epoch(number, values[number] if values else None)
        self.ckpt.report_final()
        return self

    def weights(self) -> list[float]:
        return torch.cat([each.flatten() for each in self.model.parameters()]).tolist()


def epochs(folder: Path) -> list[int]:
    return [entry.epoch for entry in Series.read(folder / "ckpts").entries()]


def note(folder: Path, place: str = "last") -> dict:
    return json.loads((folder / "ckpts" / place / "ckpt-info.json").read_text())
