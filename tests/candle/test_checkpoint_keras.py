"""CANDLE's checkpoint classes for Keras 3 and tf_keras."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest

from candle_spec import candle
from candle_spec.errors import InvalidInputError
from candle_spec.series.series import Series

pytestmark = [pytest.mark.framework, pytest.mark.filterwarnings("ignore:this process has trained")]

X = numpy.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = X.sum(axis=1)


@pytest.fixture(params=["keras", "tf_keras"])
def keras(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Both Keras of today, as a program would choose them."""
    import importlib

    module = importlib.import_module(request.param)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1" if request.param == "tf_keras" else "0")
    return module


class Training:
    """A training of a small network, seeded anew in every epoch so that it can be repeated exactly."""

    def __init__(self, keras: Any, folder: Path, *, seed: int = 1, compiled: bool = True, **params: object) -> None:
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
        self.keras = keras
        self.model = keras.Sequential(
            [keras.Input((4,)) if hasattr(keras, "ops") else keras.layers.InputLayer((4,)), *layers]
        )
        self.params = {"output_dir": str(folder), "ckpt_save_interval": 1, "epochs": 4} | params
        if compiled:
            self.compile()

    def compile(self) -> None:
        self.model.compile(loss="mse", optimizer=self.keras.optimizers.Adam(0.05), metrics=["mae"])

    def fit(self, initial_epoch: int, *callbacks: Any) -> Any:
        return self.model.fit(
            X, Y, batch_size=8, epochs=self.params["epochs"], initial_epoch=initial_epoch, shuffle=False,
            validation_data=(X, Y), verbose=0, callbacks=list(callbacks),
        )  # fmt: skip

    def run(self, *callbacks: Any) -> Training:
        ckpt = candle.CandleCkptKeras(self.params, verbose=False)
        ckpt.set_model(self.model)
        self.J = ckpt.restart(self.model)
        if getattr(self.model, "optimizer", None) is None:
            self.compile()
        self.history = self.fit(self.J["epoch"] if self.J else 0, *callbacks, ckpt)
        ckpt.report_final()
        return self

    def weights(self) -> list[float]:
        return numpy.concatenate([each.flatten() for each in self.model.get_weights()]).tolist()


def epochs(folder: Path) -> list[int]:
    return [entry.epoch for entry in Series.read(folder / "ckpts").entries()]


@pytest.mark.parametrize("compiled", [True, False])
def test_a_restart_is_as_if_there_had_been_none(keras: Any, tmp_path: Path, compiled: bool) -> None:
    """The optimizer comes back too, also where the model is compiled after the restart, as many programs do."""
    whole = Training(keras, tmp_path / "whole").run().weights()
    Training(keras, tmp_path / "parts", epochs=2).run()
    again = Training(keras, tmp_path / "parts", seed=9, compiled=compiled).run()
    assert again.J["epoch"] == 2
    assert again.history.epoch == [2, 3]
    assert again.weights() == whole


def test_a_callback_of_the_keras_in_use(keras: Any, tmp_path: Path) -> None:
    ckpt = candle.CandleCkptKeras({"ckpt_save_interval": 1, "ckpt_directory": str(tmp_path)})
    assert isinstance(ckpt, keras.callbacks.Callback)
    assert isinstance(candle.CandleCheckpointCallback(str(tmp_path), checksum_model=True), keras.callbacks.Callback)
    assert candle.CandleCheckpointCallback(str(tmp_path), checksum_model=True).policy.checksum


def test_metrics_of_each_epoch_and_best(keras: Any, tmp_path: Path) -> None:
    done = Training(keras, tmp_path, ckpt_save_best_metric="val_mae").run()
    note = json.loads((tmp_path / "ckpts/last/ckpt-info.json").read_text())
    assert note["metrics"].keys() >= {"loss", "mae", "val_loss", "val_mae"}
    assert note["metrics"]["val_mae"] == pytest.approx(done.history.history["val_mae"][-1])
    best = int(numpy.argmin(done.history.history["val_mae"])) + 1
    assert os.readlink(tmp_path / "ckpts/best") == f"epochs/{best:03d}"


def test_a_metric_that_is_not_there_is_said_once(keras: Any, tmp_path: Path, capsys) -> None:
    Training(keras, tmp_path, ckpt_save_best_metric="val_auc").run()
    assert capsys.readouterr().out.count("there is no val_auc among") == 1
    assert epochs(tmp_path) == [1, 2, 3, 4]


def test_an_early_stop_is_saved(keras: Any, tmp_path: Path) -> None:
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(training.model, "stop_training", True)
    )
    training = Training(keras, tmp_path, ckpt_save_interval=3, ckpt_save_best=False)
    training.run(stop)
    assert epochs(tmp_path) == [1]


def test_sigterm_inside_an_epoch_ends_the_training_and_loses_only_that_epoch(keras: Any, tmp_path: Path) -> None:
    def kill(batch: int, logs: Any) -> None:
        if training.model.optimizer.iterations.numpy() == 10:  # in the third epoch
            os.kill(os.getpid(), signal.SIGTERM)

    training = Training(keras, tmp_path, ckpt_save_best=False, epochs=50)
    training.run(keras.callbacks.LambdaCallback(on_train_batch_end=kill))
    assert epochs(tmp_path) == [1, 2]
    assert int(training.model.optimizer.iterations.numpy()) < 13
    assert Training(keras, tmp_path, epochs=3).run().J["epoch"] == 2


def test_a_model_of_candle_restarts(keras: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights alone, as in CANDLE: nothing of the file's configuration is run."""
    old = Training(keras, tmp_path / "elsewhere", epochs=1).run()
    place = tmp_path / "ckpts/epochs/003"
    place.mkdir(parents=True)
    old.model.save(str(place / "model.h5"))
    (place / "ckpt-info.json").write_text('{"epoch": 3, "best_metric_last": Infinity, "model_file": "model.h5"}')
    new = Training(keras, tmp_path, seed=5)
    ckpt = candle.CandleCkptKeras(new.params)
    ckpt.set_model(new.model)
    J = ckpt.restart(new.model)
    assert (J["epoch"], J["best_metric_last"]) == (3, None)
    assert new.weights() == old.weights()
    new.fit(3, ckpt)
    assert [e.epoch for e in Series.read(tmp_path / "ckpts").entries() if e.complete] == [4]
    (place / "model.h5").write_bytes(b"no HDF5")
    for folder in (tmp_path / "ckpts/epochs/004", tmp_path / "ckpts/last"):
        folder.unlink() if folder.is_symlink() else None
    with pytest.raises(InvalidInputError, match="no HDF5 file"):
        ckpt.build_model(str(place / "model.h5"))


def test_the_native_copy_loads_in_keras(keras: Any, tmp_path: Path) -> None:
    done = Training(keras, tmp_path, epochs=1, ckpt_native_copy=True, ckpt_checksum=True).run()
    model = keras.models.load_model(str(tmp_path / "ckpts/last/model.h5"), compile=False)
    assert numpy.concatenate([each.flatten() for each in model.get_weights()]).tolist() == done.weights()


def test_multi_gpu_checkpoint_saves_the_model_inside(keras: Any, tmp_path: Path) -> None:
    inner = Training(keras, tmp_path).model
    inputs = keras.Input((4,))
    outer = keras.Model(inputs, keras.layers.Dense(1)(inner(inputs)))
    callback = candle.MultiGPUCheckpoint(str(tmp_path / "m.keras"))
    callback.set_model(outer)
    assert callback.model is inner
    callback.set_model(inner)
    assert callback.model is inner


def test_the_function_and_the_class_of_2022(keras: Any, tmp_path: Path) -> None:
    Training(keras, tmp_path, epochs=2).run()
    new = Training(keras, tmp_path, seed=6)
    J = candle.restart(new.params, new.model)
    assert J["epoch"] == 2
    new.params["ckpt_best_metric_last"] = J["best_metric_last"]
    new.fit(J["epoch"], candle.CandleCheckpointCallback(new.params, verbose=True))
    assert epochs(tmp_path) == [1, 2, 3, 4]


def test_a_subclass_with_files_of_its_own(keras: ModuleType, tmp_path: Path) -> None:
    class Mine(candle.CandleCkptKeras):
        model_file = "mine.npz"
        built = 0

        def write_model_backend(self, model: Any, epoch: int) -> None:
            numpy.savez(self.model_file, *model.get_weights())

        def build_model(self, model_file: str) -> None:
            with numpy.load(model_file) as arrays:
                self.model.set_weights([arrays[name] for name in arrays])
            type(self).built += 1

    first = Training(keras, tmp_path, epochs=2)
    for part in (first, Training(keras, tmp_path, seed=5, epochs=3)):
        ckpt = Mine(part.params, verbose=False)
        ckpt.set_model(part.model)
        J = ckpt.restart(part.model)
        if J is not None:
            assert J["model_file"] == "mine.npz"
            assert all(map(numpy.array_equal, part.model.get_weights(), first.model.get_weights()))
        part.fit(J["epoch"] if J else 0, ckpt)
    assert Mine.built == 1
    assert [entry.epoch for entry in Series.read(tmp_path / "ckpts").entries()] == [1, 2, 3]
    assert (tmp_path / "ckpts/last/mine.npz").is_file()


def test_a_model_and_its_note_by_hand(keras: ModuleType, tmp_path: Path) -> None:
    class Watched(candle.CandleCkptKeras):
        def build_model(self, model_file: str) -> None:
            super().build_model(model_file)

    training = Training(keras, tmp_path)
    ckpt = Watched(training.params, verbose=False)
    ckpt.set_model(training.model)
    assert ckpt.model is training.model
    ckpt.write_model(tmp_path / "out", 4)
    before = training.model.get_weights()
    training.model.set_weights([numpy.zeros_like(each) for each in before])
    ckpt.build_model(str(tmp_path / "out/model.h5"))
    assert all(map(numpy.array_equal, training.model.get_weights(), before))
    assert json.loads((tmp_path / "out/ckpt-info.json").read_text())["epoch"] == 4


def test_a_cyclic_rate(keras: ModuleType, tmp_path: Path) -> None:
    training = Training(keras, tmp_path, epochs=2)
    cyclic = candle.CyclicLR(base_lr=0.0, max_lr=1.0, step_size=4)
    history = training.fit(0, cyclic)
    assert cyclic.history["lr"] == [0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0]
    assert history.history["lr"] == [1.0, 0.0]
    assert float(training.model.optimizer.learning_rate.numpy()) == 0.0
    with pytest.raises(InvalidInputError, match="no cyclic learning rate"):
        candle.clr_callback("up")
