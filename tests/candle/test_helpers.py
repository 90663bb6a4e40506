"""What CANDLE programs import besides: files, tables, noise, builders of both frameworks."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from candle_spec import candle
from candle_spec.candle import tables
from candle_spec.errors import CorruptFileError, InvalidInputError, MissingPathError


def test_import_loads_no_framework() -> None:
    code = (
        "import sys; from candle_spec import candle; candle.keras_default_config(); "
        "print([m for m in ('torch', 'keras', 'tensorflow', 'numpy', 'pandas') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_name_of_all_is_there() -> None:
    for name in candle.__all__:
        assert getattr(candle, name) is not None


def test_a_name_that_is_not_here_says_where_it_is() -> None:
    with pytest.raises(AttributeError, match="candle_lib"):
        candle.plot_history  # noqa: B018


class TestFiles:
    def test_nothing_is_downloaded_unasked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CANDLE_DATA_DIR", str(tmp_path))
        with pytest.raises(MissingPathError, match="nothing is downloaded unasked") as caught:
            candle.get_file("x.csv", "https://example.org/x.csv", cache_subdir="Pilot1")
        assert "https://example.org/x.csv" in caught.value.hint
        assert caught.value.location == str(tmp_path / "Pilot1" / "x.csv")

    def test_a_local_file_and_its_md5(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CANDLE_DATA_DIR", str(tmp_path))
        (tmp_path / "Pilot1").mkdir()
        path = tmp_path / "Pilot1" / "x.csv"
        path.write_bytes(b"1,2\n")
        md5 = hashlib.md5(b"1,2\n").hexdigest()
        assert candle.get_file("x.csv", "https://x/x.csv", md5_hash=md5, cache_subdir="Pilot1") == str(path)
        assert candle.fetch_file("https://x/x.csv", "Pilot1") == str(path)
        with pytest.raises(CorruptFileError, match="MD5"):
            candle.get_file("x.csv", "https://x/x.csv", md5_hash="0" * 32, datadir=str(path.parent))

    def test_a_download_that_is_allowed(self, tmp_path: Path) -> None:
        (tmp_path / "source.csv").write_bytes(b"data")
        origin = (tmp_path / "source.csv").as_uri()
        path = candle.get_file("y.csv", origin, datadir=str(tmp_path / "cache"), download=True)
        assert Path(path).read_bytes() == b"data"
        assert [each.name for each in (tmp_path / "cache").iterdir()] == ["y.csv"]

    @pytest.mark.parametrize(("kind", "end"), [("gztar", ".tar.gz"), ("zip", ".zip")])
    def test_archives(self, tmp_path: Path, kind: str, end: str) -> None:
        (tmp_path / "in" / "d").mkdir(parents=True)
        (tmp_path / "in" / "d" / "f").write_text("x")
        (tmp_path / "c").mkdir()
        shutil.make_archive(str(tmp_path / "c" / "d"), kind, tmp_path / "in")
        found = candle.get_file(f"d{end}", "https://x", datadir=str(tmp_path / "c"), unpack=True)
        assert (Path(found) / "f").read_text() == "x"


class TestTables:
    def test_scaling(self) -> None:
        table = numpy.array([[1.0, 5.0], [-2.0, 5.0]])
        assert tables.scale(table, "minabs").tolist() == [[0.5, 1.0], [-1.0, 1.0]]
        assert tables.scale(table, "minmax").tolist() == [[1.0, 0.0], [0.0, 0.0]]
        assert tables.scale(table, "std")[:, 0].tolist() == [1.0, -1.0]
        assert tables.scale(table, "none") is table
        with pytest.raises(InvalidInputError, match="minabs, minmax"):
            tables.scale(table, "log")

    def test_csv(self, tmp_path: Path) -> None:
        (tmp_path / "train.csv").write_text("id,kind,a,b\n1,x,1,10\n2,y,2,20\n3,x,3,30\n4,y,4,40\n")
        (tmp_path / "test.csv").write_text("id,kind,a,b\n5,y,5,50\n")
        found = candle.load_csv_data(
            str(tmp_path / "train.csv"), str(tmp_path / "test.csv"), y_cols=["kind"], onehot_cols=["kind"],
            drop_cols=["id"], scaling="minmax", validation_split=0.25, return_dataframe=False, return_header=True,
        )  # fmt: skip
        x_train, y_train, x_val, _, x_test, y_test, x_header, y_header = found
        assert (x_train.shape, x_val.shape, x_test.shape) == ((3, 2), (1, 2), (1, 2))
        assert x_test.tolist() == [[1.0, 1.0]]
        assert y_train.tolist() == [[1, 0], [0, 1], [1, 0]]
        assert y_test.tolist() == [[0, 1]]
        assert (x_header, y_header) == (["a", "b"], ["kind_x", "kind_y"])

    def test_shuffled_rows_keep_their_labels(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("y,a\n" + "".join(f"{i},{i}\n" for i in range(50)))
        x, y, *_ = candle.load_csv_data(
            str(tmp_path / "t.csv"), y_cols=["y"], shuffle=True, return_dataframe=False, seed=1.0
        )
        assert x[:, 0].tolist() == y[:, 0].tolist() != list(range(50))

    def test_no_targets(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
        x, y, *_ = candle.load_csv_data(str(tmp_path / "t.csv"), return_dataframe=False)
        assert (x.shape, y.shape) == ((2, 2), (2, 0))


class TestNoise:
    def test_labels(self) -> None:
        labels = numpy.eye(2)[[0, 1, 0, 1]]
        flipped, share = candle.label_flip(labels.copy(), 1.0)
        assert (flipped.tolist(), share) == ((1 - labels).tolist(), 1.0)
        assert candle.label_flip(labels.copy(), 0.0)[1] == 0.0
        x = numpy.array([[0.0], [9.0], [0.0], [9.0]])
        flipped, share = candle.label_flip_correlated(labels.copy(), 1.0, x, 0, 5.0)
        assert share == 0.5
        assert flipped[0].tolist() == labels[0].tolist()

    def test_features(self) -> None:
        x = numpy.zeros((200, 2), "float32")
        assert candle.add_gaussian_noise(x, 5, 0.1).mean() == pytest.approx(5, abs=0.1)
        noisy = candle.add_column_noise(x, 1.0, [1])
        assert not noisy[:, 0].any()
        assert noisy[:, 1].any()


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
