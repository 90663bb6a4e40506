"""The community's checks of checkpoint and restart (ECP-CANDLE/Tests, cr-1.sh) on programs in the CANDLE style.

Source of the four checks: https://github.com/ECP-CANDLE/Tests/blob/master/cr-1.sh. Log lines are looked for as there;
besides, what was really trained is counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.series.series import Series

PROGRAMS = {"nt3": ("nt3/nt3_baseline_keras2.py", 4), "p1b1": ("p1b1/p1b1_baseline_pytorch.py", 5)}
"""Program, and batches of one epoch."""

pytestmark = [pytest.mark.framework, pytest.mark.slow]


@dataclass
class Ran:
    text: str
    steps: int


class Program:
    def __init__(self, name: str, root: Path, folder: Path) -> None:
        self.path, self.batches = root / "examples" / PROGRAMS[name][0], PROGRAMS[name][1]
        self.name, self.root, self.data = name, root, folder / "data"

    def __call__(self, *arguments: str) -> Ran:
        self.data.mkdir(exist_ok=True)
        counts = self.data / "counts.json"
        environment = {**os.environ, "CANDLE_DATA_DIR": str(self.data), "PYTHONPATH": str(self.root)}
        counter = self.root / "tests" / "helpers" / "trainings" / "counted.py"
        command = [sys.executable, str(counter), str(counts), str(self.path), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return Ran(done.stdout, json.loads(counts.read_text())["steps"])

    @property
    def checkpoints(self) -> Path:
        return self.data / self.name / "Output/EXP000/RUN000/ckpts"

    def reached(self, epoch: int) -> str:
        return f"Epoch {epoch}/{epoch}" if self.name == "nt3" else f"Epoch: {epoch - 1} Average"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_communitys_checks(name: str, root: Path, tmp_path: Path) -> None:
    program = Program(name, root, tmp_path)

    first = program("--epochs", "3", "--ckpt_checksum", "True", "--ckpt_save_interval", "1")
    assert program.reached(3) in first.text
    assert "checksummed:" in first.text
    assert first.steps == 3 * program.batches

    second = program(
        "--epochs", "5", "--ckpt_checksum", "True", "--ckpt_save_interval", "1", "--ckpt_restart_mode", "required"
    )  # fmt: skip
    assert "restarting from epoch: 3" in second.text
    assert "checksummed:" in second.text
    assert program.reached(5) in second.text
    assert second.steps == 2 * program.batches  # two epochs, not five again
    assert [entry.epoch for entry in Series.read(program.checkpoints).entries()] == [1, 2, 3, 4, 5]

    third = program("--epochs", "3", "--ckpt_restart_mode", "off", "--ckpt_checksum", "False")
    assert "restarting" not in third.text
    assert "checksummed:" not in third.text
    assert third.steps == 3 * program.batches
    assert "ckpt_save_interval is 0" in third.text  # the default saves nothing, and says so

    fourth = program(
        "--epochs", "10", "--ckpt_restart_mode", "off", "--ckpt_keep_limit", "1", "--ckpt_save_interval", "1",
        "--ckpt_save_best", "False",
    )  # fmt: skip
    assert "restarting" not in fourth.text
    assert fourth.steps == 10 * program.batches
    assert program.reached(10) in fourth.text
    assert len(list(program.data.rglob("*.h5"))) == 1
    entries = Series.read(program.checkpoints).entries()
    assert [entry.epoch for entry in entries] == [10]
    manifest = Checkpoint(entries[0].path).document
    assert manifest["training"]["hyperparameters"]["model_name"] == name
    assert manifest["lineage"]["experiment"] == "EXP000"
