"""IMPROVE: [Train] keys are live; a training that is killed goes on; a model folder exists when it is complete."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from candle_spec.candle import improve
from candle_spec.errors import InvalidInputError, MissingPathError, OutputExistsError
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.series import Series

DEFINITIONS = [{"name": "hidden", "type": int, "default": 16, "help": "units"}]


def parameters(folder: Path, text: str, *arguments: str) -> dict:
    (folder / "p.ini").write_text(text)
    return improve.initialize_parameters(folder, "p.ini", DEFINITIONS, arguments=list(arguments))


def test_command_line_over_section_over_defaults(tmp_path: Path) -> None:
    text = "[DEFAULT]\nmodel_file_name = net\n[Train]\nepochs = 150\nckpt_save_interval = 5\nunknown = 1\n"
    text += "[Infer]\nepochs = 3\n"
    params = parameters(tmp_path, text, "--hidden", "32")
    assert (params["epochs"], params["ckpt_save_interval"], params["hidden"]) == (150, 5, 32)
    assert (params["model_file_name"], params["patience"]) == ("net", 20)
    assert "unknown" not in params
    assert parameters(tmp_path, text, "--epochs", "2", "--ckpt_save_interval", "1")["epochs"] == 2
    with pytest.raises(InvalidInputError, match="epochs is 'many'"):
        parameters(tmp_path, "[Train]\nepochs = many\n")
    with pytest.raises(MissingPathError):
        improve.initialize_parameters(tmp_path, "none.ini", arguments=[])


def test_definitions_for_improvelib() -> None:
    rows = improve.train_params()
    assert {"ckpt_save_interval", "ckpt_keep_mode", "ckpt_directory"} <= {row["name"] for row in rows}
    assert all(row.keys() >= {"name", "type", "default", "help"} for row in rows)
    # What improvelib 0.1 knows (initializer/config.py, _add_option); at another type it stops reading its file.
    assert {row["type"] for row in rows} == {str, int, float}
    assert CheckpointPolicy.from_params({"ckpt_save_best": "False", "ckpt_save_interval": 3}).save.every_epochs == 3


@pytest.mark.parametrize(
    ("ending", "name"), [(".pt", "model.pt"), ("pt", "model.pt"), ("None", "model"), ("", "model")]
)
def test_model_path(ending: str, name: str) -> None:
    assert improve.model_path({"model_file_name": "model", "model_file_format": ending}, "x") == Path("x") / name


def test_a_folder_is_there_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "models/CCLE/split_0"
    with pytest.raises(RuntimeError), improve.training_folder(target) as folder:
        (folder / "half").write_text("x")
        raise RuntimeError
    assert not target.exists()
    assert not improve.is_complete(target)
    target.mkdir()  # improvelib does so before the script begins
    (target / "param_log_file.txt").write_text("{}")
    with improve.training_folder(target) as folder:
        assert (folder / "half").exists()
        assert not target.exists()  # so that a runner does not take it for a finished model
        improve.write_scores({"mse": 0.5}, folder)
    assert improve.is_complete(target)
    assert sorted(path.name for path in target.iterdir()) == ["half", "param_log_file.txt", "val_scores.json"]
    with pytest.raises(OutputExistsError), improve.training_folder(target):
        pass


@pytest.mark.framework
@pytest.mark.slow
def test_the_script_goes_on_after_a_kill(root: Path, tmp_path: Path) -> None:
    script = root / "examples/improve_train/mlp_train_improve.py"
    environment = {**os.environ, "PYTHONPATH": str(root)}

    def command(output: str, *more: str) -> list[str]:
        return [sys.executable, str(script), "--output_dir", str(tmp_path / output), *more]

    whole = subprocess.run(command("whole"), env=environment, capture_output=True, text=True, check=True)
    process = subprocess.Popen(command("split_0", "--pause", "0.3"), env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("epoch 5 "):
        assert process.poll() is None
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "split_0").exists()  # so IMPROVE's runners run it again
    done = Series.read(tmp_path / "split_0.partial/ckpts").last().epoch
    assert done >= 3  # the epoch in flight, and one save that was not acknowledged

    again = subprocess.run(command("split_0"), env=environment, capture_output=True, text=True, check=True)
    trained = [line for line in again.stdout.splitlines() if line.startswith("epoch ")]
    assert len(trained) == 12 - done
    assert trained[-1] == [line for line in whole.stdout.splitlines() if line.startswith("epoch ")][-1]
    assert (tmp_path / "split_0/model.pt").is_file()
    assert not (tmp_path / "split_0.partial").exists()
    assert improve.is_complete(tmp_path / "split_0")
    logged = ast.literal_eval((tmp_path / "split_0/param_log_file.txt").read_text())
    assert logged["ckpt_keep_mode"] == "exponential"  # as [Train] says
    kept = [entry.epoch for entry in Series.read(tmp_path / "split_0/ckpts").entries()]
    assert kept[-1] == 12
    assert len(kept) <= 6
