"""What CANDLE programs import besides: files, tables, noise, builders of both frameworks."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy
import pytest

from candle_spec import candle
from candle_spec.candle import cyclic
from candle_spec.errors import (
    CorruptFileError,
    InvalidInputError,
    MissingDependencyError,
    MissingPathError,
    ServiceError,
    UnsafeContentError,
    UnsupportedFormatError,
)


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
        candle.combat_batch_effect_removal  # noqa: B018


class TestCandleLib:
    """Where it is installed, it gives the names that are not here."""

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.package = tmp_path / "candle"
        self.package.mkdir()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "candle", raising=False)
        yield
        sys.modules.pop("candle", None)

    def install(self, text: str, file: str = "parsing_utils.py") -> None:
        (self.package / "__init__.py").write_text(text)
        (self.package / file).write_text("")

    def test_its_own_objects(self) -> None:
        self.install("def combat_batch_effect_removal(): pass\ndef set_seed(seed): raise AssertionError\n")
        assert candle.combat_batch_effect_removal is sys.modules["candle"].combat_batch_effect_removal
        assert candle.set_seed.__module__ == "candle_spec.candle.helpers"  # ours stay ours
        with pytest.raises(AttributeError, match="has no 'made_up'"):
            candle.made_up  # noqa: B018

    def test_one_that_cannot_be_imported(self) -> None:
        self.install("raise Exception('No backend has been specified.')")
        with pytest.raises(AttributeError, match="No backend has been specified"):
            candle.combat_batch_effect_removal  # noqa: B018

    def test_a_stranger_of_that_name_is_not_imported(self) -> None:
        self.install("combat_batch_effect_removal = 1", "flames.py")
        with pytest.raises(AttributeError, match="candle_lib"):
            candle.combat_batch_effect_removal  # noqa: B018
        assert "candle" not in sys.modules


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a folder with ``x.csv``; no test reaches for a network."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "x.csv").write_bytes(b"1,2\n")
    return (tmp_path / "served").as_uri() + "/"


class TestFiles:
    @pytest.fixture(autouse=True)
    def _cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = tmp_path / "data"
        monkeypatch.setenv("CANDLE_DATA_DIR", str(self.cache))
        monkeypatch.delenv("CANDLE_DOWNLOAD", raising=False)

    def test_what_the_program_asks_for_is_fetched_once(self, url: str, capsys) -> None:
        for _ in range(3):
            path = candle.get_file("x.csv", url + "x.csv", cache_subdir="Pilot1")
            assert path == str(self.cache / "Pilot1" / "x.csv")
            assert Path(path).read_bytes() == b"1,2\n"
        assert candle.fetch_file(url + "x.csv", "Pilot1") == path
        assert capsys.readouterr().out == f"Downloading data from {url}x.csv\n"
        names = sorted(each.name for each in (self.cache / "Pilot1").iterdir())
        assert names == [".x.csv.sha256", "x.csv"]

    def test_a_changed_file_in_the_cache(self, url: str) -> None:
        path = Path(candle.get_file("x.csv", url + "x.csv"))
        path.write_bytes(b"1,3\n")
        with pytest.raises(CorruptFileError, match="not the file that was fetched"):
            candle.get_file("x.csv", url + "x.csv")

    def test_downloads_can_be_forbidden(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CANDLE_DOWNLOAD", "0")
        with pytest.raises(MissingPathError, match="may not be downloaded") as caught:
            candle.get_file("x.csv", url + "x.csv", cache_subdir="Pilot1")
        assert url in caught.value.hint
        assert caught.value.location == str(self.cache / "Pilot1" / "x.csv")

    def test_md5(self, url: str) -> None:
        md5 = hashlib.md5(b"1,2\n").hexdigest()
        with pytest.raises(CorruptFileError, match="has not the MD5"):
            candle.get_file("x.csv", url + "x.csv", md5_hash="0" * 32)
        assert not (self.cache / "common" / "x.csv").exists()
        path = candle.get_file("x.csv", url + "x.csv", md5_hash=md5)
        with pytest.raises(CorruptFileError, match="MD5"):
            candle.get_file("x.csv", "https://x/x.csv", md5_hash="0" * 32, datadir=str(Path(path).parent))

    def test_a_place_that_has_it_not(self, url: str) -> None:
        with pytest.raises(ServiceError, match="cannot be fetched"):
            candle.get_file("y.csv", url + "y.csv")
        assert list((self.cache / "common").iterdir()) == []

    @pytest.mark.parametrize("name", ["../x.csv", "/etc/passwd", "a/../../x", ""])
    def test_names_that_leave_the_folder(self, name: str) -> None:
        with pytest.raises(InvalidInputError, match="leaves the folder"):
            candle.get_file(name, "https://x/x.csv")

    def test_an_address_that_is_none(self) -> None:
        with pytest.raises(InvalidInputError, match="no address"):
            candle.get_file("x.csv", "x.csv")
        with pytest.raises(UnsupportedFormatError, match="needs a login"):
            candle.get_file("x.csv", "https://modac.cancer.gov/api/v2/dataObject/x.csv")

    @pytest.mark.parametrize(("kind", "end"), [("gztar", ".tar.gz"), ("zip", ".zip")])
    @pytest.mark.parametrize("word", ["unpack", "untar"])
    def test_archives(self, tmp_path: Path, url: str, kind: str, end: str, word: str) -> None:
        (tmp_path / "in" / "d").mkdir(parents=True)
        (tmp_path / "in" / "d" / "f").write_text("x")
        shutil.make_archive(str(tmp_path / "served" / "d"), kind, tmp_path / "in")
        for _ in range(2):
            found = candle.get_file(f"d{end}", f"{url}d{end}", **{word: True})
            assert (Path(found) / "f").read_text() == "x"
            (tmp_path / "served" / f"d{end}").unlink(missing_ok=True)  # the second time, it is in the cache

    def test_archives_that_leave_the_folder(self, tmp_path: Path) -> None:
        folder = self.cache / "common"
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            archive.writestr("../harmed", "x")
        link = zipfile.ZipInfo("b/link")
        link.external_attr = 0o120777 << 16
        with zipfile.ZipFile(folder / "b.zip", "w") as archive:
            archive.writestr(link, "/etc")
        with tarfile.open(folder / "c.tar.gz", "w:gz") as archive:
            member = tarfile.TarInfo("../harmed")
            archive.addfile(member)
        for name in ("a.zip", "b.zip", "c.tar.gz"):
            with pytest.raises(UnsafeContentError, match="not unpacked"):
                candle.get_file(name, "https://x")
        assert not (self.cache / "harmed").exists()
        (folder / "e.zip").write_bytes(b"no archive")
        with pytest.raises(CorruptFileError, match="cannot be unpacked"):
            candle.get_file("e.zip", "https://x")


class TestArrays:
    def test_scaling(self) -> None:
        table = numpy.array([[1.0, 5.0], [-2.0, 5.0]])
        assert candle.scale_array(table, "maxabs").tolist() == [[0.5, 1.0], [-1.0, 1.0]]
        assert candle.scale_array(table, "minmax").tolist() == [[1.0, 0.0], [0.0, 0.0]]
        assert candle.scale_array(table, "std")[:, 0].tolist() == [1.0, -1.0]
        assert candle.scale_array(table, "none") is candle.scale_array(table) is table
        with pytest.raises(InvalidInputError, match="maxabs, minmax"):
            candle.scale_array(table, "log")

    def test_gaps(self) -> None:
        table = numpy.array([[1.0, 4.0], [numpy.nan, 2.0], [3.0, numpy.nan]])
        assert candle.impute_and_scale_array(table).tolist() == [[1.0, 4.0], [2.0, 2.0], [3.0, 3.0]]
        assert candle.impute_and_scale_array(table, "minmax")[1].tolist() == [0.5, 0.0]
        assert numpy.isnan(table[1, 0])
        with pytest.raises(InvalidInputError, match="column 1 holds no value"):
            candle.impute_and_scale_array([[1.0, numpy.nan]])

    def test_classes(self) -> None:
        one_hot = candle.to_categorical([0, 2, 1])
        assert one_hot.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
        assert candle.to_categorical([0], 4).shape == (1, 4)
        assert candle.convert_to_class(one_hot).tolist() == [0, 2, 1]
        assert candle.discretize_array(numpy.arange(10), 5).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.framework
class TestTables:
    def test_csv(self, tmp_path: Path) -> None:
        (tmp_path / "train.csv").write_text("id,kind,a,b\n1,x,1,10\n2,y,2,20\n3,x,3,30\n4,y,4,40\n")
        (tmp_path / "test.csv").write_text("id,kind,a,b\n5,y,5,50\n")
        found = candle.load_csv_data(
            str(tmp_path / "train.csv"), str(tmp_path / "test.csv"), y_cols=["kind"], onehot_cols=["kind"],
            drop_cols=["id", "kind"], scaling="minmax", validation_split=0.25, return_dataframe=False,
            return_header=True,
        )  # fmt: skip
        x_train, y_train, x_val, _, x_test, y_test, x_header, y_header = found
        assert (x_train.shape, x_val.shape, x_test.shape) == ((3, 2), (1, 2), (1, 2))
        assert x_test.tolist() == [[1.0, 1.0]]
        assert y_train.tolist() == [[1, 0], [0, 1], [1, 0]]
        assert y_test.tolist() == [[0, 1]]
        assert (x_header, y_header) == (["a", "b"], ["kind:x", "kind:y"])

    def test_shuffled_rows_keep_their_labels(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("y,a\n" + "".join(f"{i},{i}\n" for i in range(50)))
        x, y = candle.load_csv_data(
            str(tmp_path / "t.csv"), y_cols=["y"], shuffle=True, return_dataframe=False, seed=1.0
        )
        assert x[:, 0].tolist() == y[:, 0].tolist() != list(range(50))

    def test_the_tables_that_there_are(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n3,4,5\n")
        path = str(tmp_path / "t.csv")
        assert [part.shape for part in candle.load_csv_data(path, return_dataframe=False)] == [(2, 3)]
        x, x_val = candle.load_csv_data(path, x_cols=[0, "c"], validation_split=0.5)
        assert (list(x.columns), x.to_numpy().tolist(), x_val.to_numpy().tolist()) == (["a", "c"], [[1, 3]], [[3, 5]])
        assert [len(each.columns) for each in candle.load_csv_data(path, path, y_cols="a", n_cols=1)] == [1, 1, 1, 1]

    def test_classes_of_a_column(self, tmp_path: Path) -> None:
        rows = "".join(f"c{i},{i % 3},{i},{i * 2}\n" for i in range(20))
        for name in ("train", "test"):
            (tmp_path / f"{name}.csv").write_text(f"case_id,cancer_type,g1,g2\n{rows}")
        given = [str(tmp_path / "train.csv"), str(tmp_path / "test.csv")]
        keywords = {"class_col": ["cancer_type"], "drop_cols": ["case_id", "cancer_type"], "scaling": "minmax"}
        (x, y), (x_val, y_val), (x_test, _) = candle.load_Xy_one_hot_data2(*given, **keywords)
        assert (x.shape, y.shape, x_val.shape, y_val.shape) == ((18, 2), (18, 3), (2, 2), (2, 3))
        assert x_val[:, 0].tolist() == [0.0, pytest.approx(1 / 19)]  # the first rows, as in CANDLE
        assert (x.dtype, x_test.shape) == (numpy.float32, (20, 2))
        (_, numbers), *_ = candle.load_Xy_data2(*given, **keywords)
        assert numbers.tolist() == y.argmax(axis=1).tolist()
        by_number = candle.load_Xy_one_hot_data2(*given, 1, [0], scaling="minmax")
        assert numpy.array_equal(by_number[0][0], x)


class TestNoise:
    """The numbers are those of candle_lib with the same seeds: drawn one by one, by Python's generator."""

    def test_labels(self) -> None:
        labels = numpy.eye(2)[[0, 1, 0, 1]]
        flipped, share = candle.label_flip(labels.copy(), 1.0)
        assert (flipped.tolist(), share) == ((1 - labels).tolist(), 1.0)
        assert candle.label_flip(labels.copy(), 0.0)[1] == 0.0
        x = numpy.array([[0.0], [9.0], [0.0], [9.0]])
        flipped, share = candle.label_flip_correlated(labels.copy(), 1.0, x, 0, 5.0)
        assert share == 0.5
        assert flipped[0].tolist() == labels[0].tolist()

    def test_the_same_seed_flips_the_same_labels(self) -> None:
        labels = numpy.eye(2)[[0] * 50]
        random.seed(7)
        expected = [row for row in range(50) if random.random() < 0.3]
        random.seed(7)
        flipped, share = candle.label_flip(labels.copy(), 0.3)
        assert numpy.flatnonzero(flipped[:, 1]).tolist() == expected
        assert share == len(expected) / 50
        x = numpy.arange(50.0)[:, None]
        random.seed(7)
        draws = [random.random() < 0.3 for _ in range(20)]
        random.seed(7)
        flipped, _ = candle.label_flip_correlated(labels.copy(), 0.3, x, [0], 29.5)
        assert numpy.flatnonzero(flipped[:, 1]).tolist() == [30 + i for i, drawn in enumerate(draws) if drawn]

    def test_two_columns_one_after_the_other(self) -> None:
        labels, x = numpy.eye(2)[[0, 0]], numpy.array([[1.0, 1.0], [1.0, 0.0]])
        flipped, share = candle.label_flip_correlated(labels, 1.0, x, [0, 1], 0.5)
        assert (flipped[:, 0].tolist(), share) == ([1.0, 0.0], 0.5)  # the first is flipped back

    def test_features(self) -> None:
        x = numpy.zeros((200, 2), "float32")
        noisy = candle.add_gaussian_noise(x, 5, 0.1)
        assert (noisy.mean(), noisy.dtype) == (pytest.approx(5, abs=0.1), x.dtype)
        noisy = candle.add_column_noise(x.copy(), 0.0, 1.0, [1], "uniform")
        assert not noisy[:, 0].any()
        assert -1 <= noisy[:, 1].min() < -0.5 < 0.5 < noisy[:, 1].max() <= 1
        noisy = candle.add_cluster_noise(x.copy(), 0.0, 1.0, [0], "gaussian", [3, 4], 1.0)
        assert numpy.flatnonzero(noisy).tolist() == [6, 8]
        assert not candle.add_cluster_noise(x.copy(), 0.0, 1.0, [0], "gaussian", [3, 4], 0.0).any()
        with pytest.raises(InvalidInputError, match="gaussian or uniform"):
            candle.add_column_noise(x, 0.0, 1.0, [1], "pink")

    @pytest.mark.parametrize(
        ("params", "features", "labels"),
        [
            ({}, 0, 0),
            ({"add_noise": False, "label_noise": 1.0}, 0, 0),
            ({"add_noise": True, "label_noise": 1.0}, 0, 4),
            ({"add_noise": True, "label_noise": 1.0, "noise_correlated": True, "feature_col": [0],
              "feature_threshold": 2.5}, 0, 1),
            ({"add_noise": True, "label_noise": 0.0, "noise_gaussian": True, "std_dev": 0.5}, 8, 0),
            ({"add_noise": True, "noise_column": True, "std_dev": 0.5, "feature_col": [1]}, 4, 0),
            ({"add_noise": True, "noise_cluster": True, "std_dev": 0.5, "feature_col": [1], "sample_ids": [2]}, 0, 0),
        ],
    )  # fmt: skip
    def test_by_hyperparameters(self, params: dict, features: int, labels: int) -> None:
        x, y = numpy.arange(8.0).reshape(4, 2) % 4 + numpy.arange(4.0)[:, None] % 1, numpy.eye(2)[[0, 1, 0, 1]]
        x[:, 0] = [0, 1, 2, 3]
        new_x, new_y = candle.add_noise(x.copy(), y.copy(), params)
        assert int((new_x != x).sum()) == features
        assert int((new_y != y).any(axis=1).sum()) == labels


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
