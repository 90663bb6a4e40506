"""What CANDLE programs import besides: plots, rates, builders of both frameworks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy
import pytest

from candle_spec import candle
from candle_spec.candle import cyclic
from candle_spec.errors import InvalidInputError, MissingDependencyError


class TestPlots:
    class History:
        epoch: ClassVar = [0, 1, 2]
        history: ClassVar = {"loss": [3, 2, 1], "val_loss": [3, 2.5, 2], "lr": [0.1, 0.01, 0.001]}

    @pytest.mark.framework
    def test_each_is_a_picture(self, tmp_path: Path) -> None:
        out = str(tmp_path / "new" / "m")
        candle.plot_history(out, self.History, "loss", title="t")
        candle.plot_history(out + "2", self.History, "lr", val=False)
        candle.plot_scatter(numpy.random.rand(9, 2), numpy.arange(9), out)
        candle.plot_array([1, 2], "x", "y", "t", out + ".pdf")
        candle.plot_metrics(self.History, skip_ep=1, outdir=str(tmp_path / "new"), add_lr=True)
        names = ["loss.png", "m.pdf", "m.plot.loss.png", "m.png", "m2.plot.lr.png"]
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
        starts = {path.name: path.read_bytes()[:4] for path in (tmp_path / "new").iterdir()}
        assert {start for name, start in starts.items() if name.endswith("png")} == {b"\x89PNG"}
        assert starts["m.pdf"] == b"%PDF"

    def test_without_matplotlib(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(MissingDependencyError, match=r"candle-spec\[candle\]"):
            candle.plot_history("x", self.History)


class TestCyclicRate:
    def test_arguments(self, capsys: pytest.CaptureFixture[str]) -> None:
        params = {"clr_mode": "trng1", "clr_base_lr": 1e-4, "clr_max_lr": 1e-3, "clr_gamma": 0.9, "warmup_lr": True}
        assert candle.clr_check_args(params)
        assert candle.clr_set_args(params) == {"mode": "trng1", "base_lr": 1e-4, "max_lr": 1e-3, "gamma": 0.9}
        assert params["warmup_lr"] is False
        assert "warmup_lr is turned off" in capsys.readouterr().out
        assert candle.clr_set_args({"clr_mode": "trng1"})["mode"] is None
        assert not candle.clr_check_args({})

    @pytest.mark.parametrize(
        ("mode", "rates"),
        [
            ("triangular", [0.0, 0.5, 1.0, 0.5, 0.0, 0.5, 1.0]),
            ("triangular2", [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5]),
            ("exp_range", [0.0, 0.25, 0.25, 0.0625, 0.0, 0.015625, 0.015625]),
        ],
    )
    def test_the_rate(self, mode: str, rates: list[float]) -> None:
        scale, kind = cyclic._scales(mode, 0.5)
        assert [cyclic.rate(batch, 0.0, 1.0, 2, scale, kind) for batch in range(7)] == rates


OPTIMIZERS = ["sgd", "rmsprop", "adagrad", "adadelta", "adam"]


INITIALIZERS = ["constant", "uniform", "normal", "glorot_uniform", "glorot_normal", "lecun_uniform", "he_normal"]


@pytest.mark.framework
class TestPyTorch:
    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_optimizers(self, name: str) -> None:
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
        model[0].requires_grad_(False)
        optimizer = candle.build_optimizer(model, name, 0.25, candle.keras_default_config())
        assert type(optimizer).__name__.lower() == name
        assert optimizer.param_groups[0]["lr"] == 0.25
        assert len(optimizer.param_groups[0]["params"]) == 2
        assert (
            candle.build_pytorch_optimizer(model, name, None, candle.keras_default_config()).param_groups[0]["lr"] > 0
        )

    @pytest.mark.parametrize("name", INITIALIZERS)
    def test_initial_weights(self, name: str) -> None:
        import torch

        weights = torch.full((50, 40), 9.0)
        assert candle.pytorch_initialize(weights, name, candle.keras_default_config(), 1, 0.5) is weights
        assert not (weights == 9.0).any()

    def test_losses_and_activations(self) -> None:
        import torch

        for name in ("mse", "binary_crossentropy", "categorical_crossentropy", "smoothL1"):
            assert isinstance(candle.build_loss(name), torch.nn.Module)
        assert candle.build_activation("relu")(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]
        with pytest.raises(InvalidInputError, match="there are"):
            candle.get_pytorch_function("made up")

    def test_seeds(self) -> None:
        import torch

        drawn = []
        for _ in range(2):
            candle.set_seed(7102.0)
            drawn.append((torch.rand(1).item(), numpy.random.rand()))
        assert drawn[0] == drawn[1]


@pytest.mark.framework
class TestKeras:
    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_optimizers(self, name: str) -> None:
        optimizer = candle.build_optimizer(name, 0.25, candle.keras_default_config())
        assert type(optimizer).__name__.lower() == name
        assert float(optimizer.learning_rate) == 0.25
        assert candle.build_optimizer(name, None, candle.keras_default_config()) is not None

    @pytest.mark.parametrize("name", INITIALIZERS)
    def test_initial_weights(self, name: str) -> None:
        values = candle.build_initializer(name, candle.keras_default_config(), 7102.0, 0.5)((4, 3))
        assert tuple(values.shape) == (4, 3)

    def test_metrics(self) -> None:
        y, p = numpy.array([1.0, 2.0, 3.0]), numpy.array([1.0, 2.0, 4.0])
        assert float(candle.r2(y, p)) == pytest.approx(0.5)
        assert float(candle.mse(y, p)) == pytest.approx(1 / 3)
        assert float(candle.mae(y, p)) == pytest.approx(1 / 3)
        assert float(candle.corr(y, p)) == pytest.approx(numpy.corrcoef(y, p)[0, 1], abs=1e-4)

    def test_callbacks(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        import keras

        model = keras.Sequential([keras.Input((2,)), candle.PermanentDropout(0.5), keras.layers.Dense(1)])
        candle.register_permanent_dropout()
        assert candle.compute_trainable_params(model)["trainable_params"] == 3
        model.compile(loss="mse")
        lines: list[str] = []
        monitor = candle.CandleRemoteMonitor({"output_dir": str(tmp_path), "run_id": "R1"})
        history = model.fit(
            numpy.ones((4, 2)), numpy.ones(4), epochs=5, verbose=0,
            callbacks=[candle.TerminateOnTimeOut(0), candle.LoggingCallback(lines.append), monitor],
        )  # fmt: skip
        assert len(history.epoch) == 1
        assert "Timeout==>" in capsys.readouterr().out
        assert lines[0].startswith("[Epoch: 0] loss: ")
        assert json.loads((tmp_path / "run.R1.json").read_text())[0]["epoch"] == 0


def test_threads_are_limited_where_both_numbers_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[str, int] = {}
    threading = SimpleNamespace(
        set_intra_op_parallelism_threads=lambda count: limits.update(intra=count),
        set_inter_op_parallelism_threads=lambda count: limits.update(inter=count),
    )
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=SimpleNamespace(threading=threading)))
    monkeypatch.setenv("NUM_INTRA_THREADS", "3")
    monkeypatch.delenv("NUM_INTER_THREADS", raising=False)
    candle.set_parallelism_threads()
    assert limits == {}
    monkeypatch.setenv("NUM_INTER_THREADS", "2")
    candle.set_parallelism_threads()
    assert limits == {"intra": 3, "inter": 2}


def test_a_line_that_says_how_far_a_loop_is(capsys: pytest.CaptureFixture[str]) -> None:
    bar = candle.Progbar(3, interval=60)
    for _ in range(3):
        bar.add(1, [("loss", 0.5)])
    assert capsys.readouterr().out == "\r1/3 - loss: 0.5000\r3/3 - loss: 0.5000\n"
    candle.Progbar(3, verbose=0).update(3)
    assert capsys.readouterr().out == ""
