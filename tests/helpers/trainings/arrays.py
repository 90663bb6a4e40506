"""A back end of a program's own for ``CandleCkpt``: arrays in one file."""

from __future__ import annotations

from pathlib import Path

import numpy

from candle_spec import candle
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.problems import Severity
from candle_spec.validation import validate

PARAMS = {"model_name": "m", "ckpt_save_interval": 1, "epochs": 5}


class Arrays(candle.CandleCkpt):
    model_file = "model.npz"

    def write_model_backend(self, model, epoch):
        numpy.savez(self.model_file, **model)

    def build_model(self, model_file):
        with numpy.load(model_file) as file:
            self.model = dict(file)


def started(folder: Path, kind: type = Arrays, model: object = None, **params: object):
    ckpt = kind({**PARAMS, "output_dir": str(folder), **params})
    ckpt.set_model({"w": numpy.zeros(3)} if model is None else model)
    return ckpt


def train(folder: Path, values: list[float] | None = None, kind: type = Arrays, **params: object):
    ckpt = started(folder, kind, **params)
    J = ckpt.restart(None)
    for epoch in range(J["epoch"] if J else 0, ckpt.epoch_max):
        ckpt.model["w"] = ckpt.model["w"] * 0.5 + numpy.random.rand(3)
        ckpt.ckpt_epoch(epoch, "-", values[epoch] if values else float(epoch))
    return ckpt


def last(folder: Path) -> Path:
    return folder / "ckpts" / "last"


def sound(path: Path) -> Checkpoint:
    report = validate(path)
    found = [str(problem) for problem in report.problems if problem.severity is not Severity.INFO]
    assert found == []
    return Checkpoint(path.resolve())
