"""Programs in the style of CANDLE's benchmarks run with one import line changed: NT3 with noise, Uno."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy
import pytest

from candle_spec import candle
from candle_spec.series.series import Series

pytestmark = [pytest.mark.framework, pytest.mark.filterwarnings("ignore")]


class Program:
    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch
        monkeypatch.syspath_prepend(str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        self.module: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)

    def params(self, *arguments: str) -> dict:
        self.patch.setattr(sys, "argv", ["program", *arguments])
        return self.module.initialize_parameters()


@pytest.fixture
def program(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CANDLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CANDLE_DOWNLOAD", "0")
    return lambda path: Program(root / "examples" / path, monkeypatch)


NOISE = {
    "labels": ("--label_noise 0.5", False, True),
    "correlated": ("--label_noise 1 --noise_correlated True --feature_col 3 --feature_threshold 0.7", False, True),
    "features": ("--noise_gaussian True --std_dev 0.1", True, False),
    "columns": ("--noise_column True --feature_col 1 2 --noise_type uniform", True, False),
    "nothing": ("", False, False),
}  # fmt: skip


@pytest.mark.parametrize("mode", NOISE)
def test_the_noise_of_nt3(mode: str, program) -> None:
    arguments, features, labels = NOISE[mode]
    nt3 = program("nt3/nt3_baseline_keras2.py")
    clean = nt3.module.load_data(nt3.params())
    candle.set_seed(1)
    noisy = nt3.module.load_data(nt3.params("--add_noise", "True", *arguments.split()))
    changed = [not numpy.array_equal(before, after) for before, after in zip(clean, noisy, strict=True)]
    assert changed == [features, labels, False, False]  # only training data is noisy
    assert noisy[0].dtype == numpy.float32


@pytest.mark.slow
def test_nt3_trains_with_noise_and_restarts(program) -> None:
    nt3 = program("nt3/nt3_baseline_keras2.py")
    arguments = "--add_noise True --label_noise 0.2 --ckpt_save_interval 1 --epochs".split()
    params = nt3.params(*arguments, "1")
    nt3.module.run(params)
    history = nt3.module.run(nt3.params(*arguments, "3"))
    assert history.epoch == [1, 2]
    assert [entry.epoch for entry in Series.read(Path(params["output_dir"]) / "ckpts").entries()] == [1, 2, 3]


@pytest.mark.slow
def test_uno(program, tmp_path: Path) -> None:
    uno = program("uno/uno_baseline_keras2.py")
    arguments = "--ckpt_save_interval 1 --ckpt_checksum True --cp True --dense 8 4 --epochs".split()
    params = uno.params(*arguments, "2", "--warmup_lr", "True")
    uno.module.run(params)
    history = uno.module.run(uno.params(*arguments, "3", "--ckpt_restart_mode", "required"))
    assert history.epoch == [2]
    output = Path(params["output_dir"])
    assert [entry.epoch for entry in Series.read(output / "ckpts").entries()] == [1, 2, 3]
    log = (output / "save" / "uno.log").read_text()
    assert log.count("stopping: complete") == 2
    names = {path.name for path in (output / "save").iterdir()}
    assert {"uno.model.keras", "uno.plot.loss.png", "uno.plot.r2.png"} <= names
    assert [row["epoch"] for row in json.loads((output / "run.RUN000.json").read_text())] == [2]


@pytest.mark.slow
def test_folds_and_cyclic_rates_of_uno(program) -> None:
    uno = program("uno/uno_baseline_keras2.py")
    clr = "--clr_mode trng1 --clr_base_lr 0.001 --clr_max_lr 0.01 --clr_gamma 0.9".split()
    params = uno.params("--cv", "2", "--epochs", "1", "--ckpt_save_interval", "1", "--dense", "8", *clr)
    history = uno.module.run(params)
    assert history.history["lr"][0] == pytest.approx(0.001 + 0.009 * 4 / 2000)  # four batches up the first slope
    for fold in ("cv1", "cv2"):
        assert [entry.epoch for entry in Series.read(Path(params["output_dir"]) / fold).entries()] == [1]
