"""``CandleCkpt`` as the base of a program's own class, and what programs may do with a checkpoint object by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy
import pytest

from candle_spec import candle
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.errors import CandleSpecError, CorruptFileError, InvalidInputError
from candle_spec.problems import Severity
from candle_spec.series.series import Series
from candle_spec.validation import validate

PARAMS = {"model_name": "m", "ckpt_save_interval": 1, "epochs": 5}

pytestmark = pytest.mark.filterwarnings("ignore:this process has trained")


class Arrays(candle.CandleCkpt):
    """A back end of a program's own: arrays in one file."""

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


class TestBackEnd:
    def test_the_file_is_the_payload_of_a_sound_checkpoint(self, tmp_path: Path) -> None:
        train(tmp_path, epochs=2, ckpt_checksum=True).report_final()
        checkpoint = sound(last(tmp_path))
        weights = checkpoint.document["weights"]
        assert (weights["kind"], weights["payload"]) == ("payload", [{"role": "model", "path": "model.npz"}])
        record = next(each for each in checkpoint.document["files"] if each["path"] == "model.npz")
        assert record["role"] == "payload"
        note = json.loads((last(tmp_path) / "ckpt-info.json").read_text())
        assert note["model_file"] == "model.npz"
        assert int(note["checksum"]) == zlib.crc32((last(tmp_path) / "model.npz").read_bytes())
        assert checkpoint.document["training_state"]["resume_grade"] == "inference-only"
        assert list((tmp_path / "ckpts/.candle/staging").iterdir()) == []

    def test_a_restart_is_as_if_there_had_been_none(self, tmp_path: Path) -> None:
        numpy.random.seed(3)
        whole = train(tmp_path / "whole").model["w"].tolist()
        numpy.random.seed(3)
        train(tmp_path / "parts", epochs=2).close()
        numpy.random.seed(99)
        resumed = train(tmp_path / "parts")
        assert resumed.model["w"].tolist() == whole
        assert resumed.J["epoch"] == 2

    def test_killed_while_it_writes(self, tmp_path: Path, root: Path) -> None:
        code = (
            "import os, signal, sys\n"
            "sys.path.insert(0, sys.argv[2])\n"
            "from tests.candle.test_checkpoint_subclass import Arrays, train\n"
            "from pathlib import Path\n"
            "class Killed(Arrays):\n"
            "    def write_model_backend(self, model, epoch):\n"
            "        if epoch == 3:\n"
            "            Path(self.model_file).write_bytes(b'half')\n"
            "            os.kill(os.getpid(), signal.SIGKILL)\n"
            "        super().write_model_backend(model, epoch)\n"
            "train(Path(sys.argv[1]), kind=Killed)\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(root)], capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
        assert len(list((tmp_path / "ckpts/.candle/staging").iterdir())) == 1
        assert not (tmp_path / "ckpts/epochs/003").exists()
        ckpt = train(tmp_path)
        assert ckpt.J["epoch"] == 2
        assert list((tmp_path / "ckpts/.candle/staging").iterdir()) == []
        ckpt.close()
        sound(last(tmp_path))

    def test_the_default_name_and_a_function_that_adds_an_ending(self, tmp_path: Path) -> None:
        class Default(Arrays):
            model_file = "model.h5"

        train(tmp_path, kind=Default, epochs=1).close()
        assert (last(tmp_path) / "model.h5.npz").is_file()
        ckpt = started(tmp_path, Default, {"w": numpy.full(3, 9.0)})
        assert ckpt.restart()["model_file"] == "model.h5.npz"
        assert ckpt.model["w"].max() < 9
        assert ckpt.model_file == "model.h5"

    def test_a_model_of_several_files(self, tmp_path: Path) -> None:
        class Folder(Arrays):
            model_file = "saved"

            def write_model_backend(self, model, epoch):
                Path(self.model_file, "variables").mkdir(parents=True)
                numpy.save(Path(self.model_file, "variables", "w.npy"), model["w"])
                Path(self.model_file, "graph.txt").write_text("w")

            def build_model(self, model_file):
                assert (Path(model_file) / "graph.txt").read_text() == "w"
                return {"w": numpy.load(Path(model_file) / "variables" / "w.npy")}

        first = train(tmp_path, kind=Folder, epochs=2)
        first.close()
        assert len(sound(last(tmp_path)).document["weights"]["payload"]) == 2
        ckpt = started(tmp_path, Folder)
        ckpt.restart()
        assert ckpt.model["w"].tolist() == first.model["w"].tolist()

    def test_files_of_one_stem(self, tmp_path: Path) -> None:
        class Stem(Arrays):
            model_file = "model.ckpt"

            def write_model_backend(self, model, epoch):
                numpy.savez(f"{self.model_file}.data.npz", **model)
                Path(f"{self.model_file}.index").write_text("w")

            def build_model(self, model_file):
                assert Path(f"{model_file}.index").read_text() == "w"

        train(tmp_path, kind=Stem, epochs=1).close()
        sound(last(tmp_path))
        assert started(tmp_path, Stem).restart()["epoch"] == 1

    def test_weights_only(self, tmp_path: Path) -> None:
        train(tmp_path, epochs=1, ckpt_save_weights_only=True).close()
        assert sorted(path.name for path in last(tmp_path).iterdir()) == [
            "candle-checkpoint.json", "ckpt-info.json", "model.npz",
        ]  # fmt: skip
        sound(last(tmp_path))
        assert started(tmp_path, ckpt_save_weights_only=True).restart()["epoch"] == 1

    def test_unchanged_files_are_shared(self, tmp_path: Path) -> None:
        class Frozen(Arrays):
            def write_model_backend(self, model, epoch):
                super().write_model_backend(model, epoch)
                path = Path(self.model_file)
                path.with_name("encoder.bin").write_bytes(bytes(100_000))

        train(tmp_path, kind=Frozen, epochs=4, ckpt_min_copies=1).close()
        held = {os.stat(tmp_path / f"ckpts/epochs/00{epoch}/encoder.bin").st_ino for epoch in (1, 2, 3, 4)}
        assert len(held) == 1

    def test_a_flipped_bit_in_the_file_is_found(self, tmp_path: Path) -> None:
        train(tmp_path, epochs=3).close()
        path = tmp_path / "ckpts/epochs/003/model.npz"
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        data[100] ^= 4
        path.write_bytes(data)
        assert started(tmp_path).restart()["epoch"] == 2

    def test_in_the_background(self, tmp_path: Path) -> None:
        train(tmp_path, ckpt_async=True, ckpt_keep_mode="all").close()
        assert [entry.epoch for entry in Series.read(tmp_path / "ckpts").entries()] == [1, 2, 3, 4, 5]
        sound(last(tmp_path))

    def test_a_checkpoint_of_candles_own(self, tmp_path: Path) -> None:
        place = tmp_path / "ckpts" / "epochs" / "004"
        place.mkdir(parents=True)
        numpy.savez(place / "model.npz", w=numpy.ones(3))
        (place / "ckpt-info.json").write_text(json.dumps({"epoch": 4, "model_file": "model.npz", "checksum": "1"}))
        (tmp_path / "ckpts" / "last").symlink_to(place)
        ckpt = started(tmp_path)
        assert ckpt.restart()["epoch"] == 4
        assert ckpt.model["w"].tolist() == [1, 1, 1]

    @pytest.mark.framework
    def test_a_pickle_is_declared_and_never_run_by_us(self, tmp_path: Path) -> None:
        import joblib
        from sklearn import linear_model

        class Sklearn(candle.CandleCkpt):
            model_file = "model.joblib"

            def write_model_backend(self, model, epoch):
                joblib.dump(model, self.model_file)

            def build_model(self, model_file):
                return joblib.load(model_file)

        model = linear_model.SGDRegressor(random_state=1)
        x, y = numpy.random.rand(20, 3), numpy.random.rand(20)
        ckpt = started(tmp_path, Sklearn, model, epochs=3)
        for epoch in range(3):
            model.partial_fit(x, y)
            ckpt.ckpt_epoch(epoch, "-", 1.0)
        ckpt.close()
        checkpoint = sound(last(tmp_path))
        assert checkpoint.document["model"]["framework"]["name"] == "scikit-learn"
        assert any(each["file"] == "model.joblib" for each in checkpoint.document["security"]["inert_pickle"])
        assert next(each["role"] for each in checkpoint.document["files"] if each["path"] == "model.joblib") == "code"
        again = started(tmp_path, Sklearn, linear_model.SGDRegressor())
        assert again.restart()["epoch"] == 3
        assert numpy.array_equal(again.model.coef_, model.coef_)

    @pytest.mark.framework
    def test_subclasses_of_the_torch_class(self, tmp_path: Path) -> None:
        import torch

        class Mine(candle.CandleCkptPyTorch):
            model_file = "weights.bin"

            def write_model_backend(self, model, epoch):
                Path(self.model_file).write_bytes(model["model"].weight.detach().numpy().tobytes())

            def build_model(self, model_file):
                data = torch.frombuffer(bytearray(Path(model_file).read_bytes()), dtype=torch.float32)
                self.model["model"].weight.data = data.reshape(2, 2)

        first = torch.nn.Linear(2, 2)
        ckpt = Mine({**PARAMS, "output_dir": str(tmp_path)})
        ckpt.set_model(first)
        ckpt.ckpt_epoch(0, 0.5)
        ckpt.close()
        sound(last(tmp_path))
        second = torch.nn.Linear(2, 2)
        again = Mine({**PARAMS, "output_dir": str(tmp_path)})
        again.set_model(second)
        assert again.restart()["epoch"] == 1
        assert torch.equal(second.weight, first.weight)


class TestMistakes:
    def test_no_back_end(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInputError, match="has no write_model_backend"):
            started(tmp_path, candle.CandleCkpt).ckpt_epoch(0, "-", 1.0)

    @pytest.mark.parametrize(
        ("write", "message"),
        [
            (lambda path: None, "wrote nothing"),
            (lambda path: [path.with_name(each).write_text("x") for each in "ab"], "did not write model.npz, but a, b"),
            (lambda path: path.with_name("state.json").write_text("x"), "cannot be in a checkpoint"),
            (lambda path: path.with_name("rng.safetensors").write_text("x"), "cannot be in a checkpoint"),
            (lambda path: path.symlink_to("/etc/passwd"), "made a link"),
        ],
    )
    def test_files_that_cannot_be(self, tmp_path: Path, write, message: str) -> None:
        class Wrong(Arrays):
            def write_model_backend(self, model, epoch):
                write(Path(self.model_file))

        ckpt = started(tmp_path, Wrong)
        with pytest.raises(InvalidInputError, match=message):
            ckpt.ckpt_epoch(0, "-", 1.0)
        assert ckpt.model_file == "model.npz"
        ckpt.close()
        assert list((tmp_path / "ckpts/epochs").iterdir()) == []

    def test_an_error_of_the_programs_own_comes_up(self, tmp_path: Path) -> None:
        class Named(Arrays):
            def build_model(self, model_file):
                raise OSError("no such format")

        train(tmp_path, epochs=1).close()
        with pytest.raises(OSError, match="no such format"):
            started(tmp_path, Named).restart()

    @pytest.mark.framework
    def test_a_checkpoint_of_another_class(self, tmp_path: Path) -> None:
        import torch

        ckpt = candle.CandleCkptPyTorch({**PARAMS, "output_dir": str(tmp_path)})
        ckpt.set_model(torch.nn.Linear(2, 2))
        ckpt.ckpt_epoch(0, 0.5)
        ckpt.close()
        with pytest.raises(InvalidInputError, match="no file of the program's own"):
            started(tmp_path).restart()


class TestKeeping:
    def test_keep_clean_and_epochs(self, tmp_path: Path) -> None:
        ckpt = train(tmp_path, [5, 1, 3, 4, 6], ckpt_keep_limit=2)
        assert ckpt.epochs == [2, 4, 5]
        assert [ckpt.keep(epoch, 5, 0) for epoch in (1, 2, 3, 4, 5)] == [False, True, False, True, True]
        assert ckpt.clean(5) == (3, 0)
        assert ckpt.best_metric_last == 1.0
        ckpt.close()
        assert ckpt.epochs == [2, 4, 5]

    def test_delete_goes_through_the_series(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        ckpt = train(tmp_path, [5, 1, 3, 4, 6])
        ckpt.delete(3)
        assert ckpt.epochs == [1, 2, 4, 5]
        ckpt.delete(3)
        assert "there is no checkpoint of epoch 3" in capsys.readouterr().out
        for epoch, why in ((5, "last names it"), (2, "best names it")):
            with pytest.raises(InvalidInputError, match=why):
                ckpt.delete(epoch)
        ckpt.recorder.series().pin(4)
        with pytest.raises(InvalidInputError, match="it is pinned"):
            ckpt.delete(4)
        assert ckpt.epochs == [1, 2, 4, 5]

    def test_rolling_back_by_symlink(self, tmp_path: Path) -> None:
        ckpt = train(tmp_path)
        ckpts = tmp_path / "ckpts"
        ckpt.symlink(ckpts / "epochs/002", ckpts / "last")
        assert os.readlink(ckpts / "last") == "epochs/002"
        ckpt.symlink(ckpts / "epochs/003", ckpts / "best")
        assert os.readlink(ckpts / "best") == "epochs/003"
        with pytest.raises(InvalidInputError, match="a checkpoint of this training"):
            ckpt.symlink(tmp_path, ckpts / "last")
        with pytest.raises(InvalidInputError, match="only the series itself"):
            ckpt.symlink(tmp_path, ckpts / "epochs/009")
        ckpt.close()
        assert started(tmp_path).restart()["epoch"] == 2

    def test_other_links(self, tmp_path: Path) -> None:
        ckpt = started(tmp_path)
        (tmp_path / "a").mkdir()
        for name in ("a", "b", "a"):
            ckpt.symlink(tmp_path / name, tmp_path / "link")
            assert os.readlink(tmp_path / "link") == name
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "link"]

    def test_relpath(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        ckpt = started(tmp_path)
        assert ckpt.relpath(tmp_path / "a" / "b") == Path("a/b")
        assert ckpt.relpath(Path("/somewhere")) == Path("/somewhere")


class TestModelAndNoteByHand:
    def test_write_model(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        ckpt = started(tmp_path, ckpt_checksum=True, ckpt_metadata="node 7")
        ckpt.write_model(tmp_path / "out" / "here", 3)
        note = json.loads((tmp_path / "out/here/ckpt-info.json").read_text())
        crc = str(zlib.crc32((tmp_path / "out/here/model.npz").read_bytes()))
        assert (note["epoch"], note["model_file"], note["checksum"], note["metadata"]) == (
            3,
            "model.npz",
            crc,
            "node 7",
        )
        assert "model wrote:" in capsys.readouterr().out
        assert ckpt.checksum_file(tmp_path / "out/here/model.npz") == crc == ckpt.cksum_model
        J = ckpt.restart_json(tmp_path / "out/here")
        assert J["epoch"] == 3
        assert "restarting from epoch: 3" in capsys.readouterr().out

    def test_a_wrong_checksum(self, tmp_path: Path) -> None:
        ckpt = started(tmp_path, ckpt_checksum=True)
        ckpt.write_model(tmp_path / "out", 3)
        (tmp_path / "out/model.npz").write_bytes(b"other")
        with pytest.raises(CorruptFileError, match="CRC-32"):
            ckpt.restart_json(tmp_path / "out")

    def test_without_a_checksum(self, tmp_path: Path) -> None:
        ckpt = started(tmp_path)
        ckpt.write_model(str(tmp_path / "out"), 1)
        assert json.loads((tmp_path / "out/ckpt-info.json").read_text())["checksum"] == "__DISABLED__"

    @pytest.mark.parametrize("inside", ["epochs/001", "epochs/new", ".candle/staging"])
    def test_never_behind_the_back_of_the_series(self, tmp_path: Path, inside: str) -> None:
        ckpt = train(tmp_path, epochs=1)
        with pytest.raises(InvalidInputError, match="only the series itself writes here"):
            ckpt.write_model(tmp_path / "ckpts" / inside, 1)
        with pytest.raises(InvalidInputError, match="only the series itself writes here"):
            ckpt.write_json(tmp_path / "ckpts" / inside / "ckpt-info.json", 1)
        ckpt.close()
        sound(last(tmp_path))

    @pytest.mark.framework
    def test_of_torch_and_keras(self, tmp_path: Path) -> None:
        import torch

        model = torch.nn.Linear(2, 2)
        ckpt = candle.CandleCkptPyTorch({**PARAMS, "output_dir": str(tmp_path)})
        ckpt.set_model(model)
        ckpt.write_model(tmp_path / "torch", 2)
        native = torch.load(tmp_path / "torch/model.h5", weights_only=True)
        assert (native["epoch"], sorted(native["model_state_dict"])) == (2, ["bias", "weight"])
        before = model.weight.tolist()
        model.weight.data += 1
        ckpt.build_model(str(tmp_path / "torch/model.h5"))
        assert model.weight.tolist() == before


def test_what_would_be_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ckpt = Arrays({**PARAMS, "output_dir": str(tmp_path), "ckpt_save_best_metric": "wibble", "ckpt_save_interval": 4})
    ckpt.report_initial()  # before there is a model
    assert "every 4 epochs" in capsys.readouterr().out
    ckpt.set_model({"w": numpy.zeros(3)})
    ckpt.ckpt_epoch(0, "+", 1.0)
    assert [ckpt.save_check_best(2, "+", value) for value in (0.5, 2.0)] == [False, True]
    assert [ckpt.save_check(epoch, "+", 0.5) for epoch in (2, 4, 5)] == [False, True, True]
    fresh = Arrays({**PARAMS, "ckpt_save_best_metric": "wibble", "ckpt_best_metric_last": 1.0})
    assert [fresh.save_check_best(2, way, 0.5) for way in "+-"] == [False, True]


class TestParam:
    def ckpt(self, **params: object) -> candle.CandleCkpt:
        return Arrays({"ckpt_save_interval": 1, **params})

    def test_values_and_types(self) -> None:
        kinds = candle.ParamType
        ckpt = self.ckpt(a="5", b="True", c=2.0, d=None, e="x")
        assert ckpt.param("a", 1, kinds.INTEGER_GZ) == 5
        assert ckpt.param("b", False, kinds.BOOLEAN) is True
        assert ckpt.param("c", 1, kinds.INTEGER) == 2
        assert ckpt.param("d", 1, kinds.FLOAT) is None
        assert ckpt.param("e", "y", allowed=["x", "y"]) == "x"
        assert ckpt.param("f", 0.5, kinds.FLOAT_NN) == 0.5
        assert ckpt.param("a", "") == "5"

    @pytest.mark.parametrize(
        ("value", "kind"),
        [("x", "INTEGER"), (-1, "INTEGER_NN"), (0, "INTEGER_GZ"), (1.5, "INTEGER"), ("x", "FLOAT"), (-0.5, "FLOAT_NN"),
         ("maybe", "BOOLEAN"), ("nan", "FLOAT_NN")],
    )  # fmt: skip
    def test_wrong_types(self, value: object, kind: str) -> None:
        with pytest.raises(TypeError, match="a: "):
            self.ckpt(a=value).param("a", None, candle.ParamType[kind])

    def test_not_allowed_and_required(self) -> None:
        with pytest.raises(ValueError, match="a is one of x, y, not 'z'"):
            self.ckpt(a="z").param("a", "x", allowed=["x", "y"])
        with pytest.raises(CandleSpecError, match="b has to be set"):
            self.ckpt().param("b", candle.ParamRequired())

    def test_enabled_and_disabled(self) -> None:
        ckpt = self.ckpt(require_json="False", ckpt_checksum=True)
        assert (ckpt.enabled("require_json"), ckpt.disabled("require_json")) == (False, True)
        assert (ckpt.enabled("ckpt_checksum"), ckpt.disabled("ckpt_checksum")) == (True, False)
        assert (ckpt.enabled("other"), ckpt.disabled("other")) == (False, False)
        assert (ckpt.enabled(), ckpt.disabled()) == (True, False)


def test_the_public_methods_are_all_there() -> None:
    names = """scan_params report_initial ckpt_epoch save_check save_check_best write_model checksum write_json clean
        keep delete symlink relpath info debug on_train_end report_final param param_type_check param_type_check_bool
        param_type_check_int param_type_check_float param_allowed restart_json checksum_file restart build_model
        enabled disabled write_model_backend set_model""".split()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [name for name in names if not callable(getattr(candle.CandleCkpt, name, None))] == []


class TestNotesAlone:
    """``ckpt_save_weights_file`` False."""

    def notes(self, folder: Path) -> dict[str, dict]:
        return {
            path.parent.name: json.loads(path.read_text())
            for path in sorted((folder / "ckpts/epochs").glob("*/ckpt-info.json"))
        }

    def test_the_history_and_nothing_else(self, tmp_path: Path) -> None:
        ckpt = train(tmp_path, [5, 1, 3, 4, 6], ckpt_save_weights_file="False", ckpt_keep_limit=1)
        ckpt.report_final()
        notes = self.notes(tmp_path)
        assert [note["metrics"]["val_loss"] for note in notes.values()] == [5, 1, 3, 4, 6]
        assert [note["best_metric_last"] for note in notes.values()] == [5, 1, 1, 1, 1]
        assert all(note.keys().isdisjoint({"model_file", "checksum"}) for note in notes.values())
        assert isinstance(notes["002"]["time_elapsed"], float)
        assert sorted(path.name for path in (tmp_path / "ckpts").iterdir()) == ["ckpt.log", "epochs"]
        assert "NO checkpoint is saved" in (tmp_path / "ckpts/ckpt.log").read_text()

    def test_which_epochs_and_an_early_end(self, tmp_path: Path) -> None:
        ckpt = started(tmp_path, ckpt_save_weights_file=False, ckpt_save_interval=2, ckpt_save_best=False, epochs=9)
        saved = [ckpt.ckpt_epoch(epoch, "-", 1.0) for epoch in range(3)]
        assert saved == [False, True, False]
        ckpt.on_train_end()
        assert list(self.notes(tmp_path)) == ["002", "003"]

    def test_interval_0_writes_none(self, tmp_path: Path) -> None:
        train(tmp_path, ckpt_save_weights_file=False, ckpt_save_interval=0).report_final()
        assert not (tmp_path / "ckpts").exists()

    def test_started_again(self, tmp_path: Path) -> None:
        train(tmp_path, ckpt_save_weights_file=False, epochs=2).close()
        assert started(tmp_path, ckpt_save_weights_file=False).restart() is None  # no error, no restart: from scratch
        ckpt = started(tmp_path)
        assert ckpt.restart() is None
        ckpt.ckpt_epoch(0, "-", 1.0)  # and with weights in the same folder
        ckpt.close()
        assert [entry.epoch for entry in Series.read(tmp_path / "ckpts").entries()] == [1]
        sound(last(tmp_path))
        assert list(self.notes(tmp_path)) == ["001", "002"]

    def test_checkpoints_stay(self, tmp_path: Path) -> None:
        train(tmp_path, epochs=1).close()
        ckpt = started(tmp_path, ckpt_save_weights_file=False, ckpt_restart_mode="off")
        for epoch in range(2):
            ckpt.ckpt_epoch(epoch, "-", 1.0)
        ckpt.close()
        sound(last(tmp_path))
        assert "model_file" in self.notes(tmp_path)["001"]
        assert "model_file" not in self.notes(tmp_path)["002"]
        assert started(tmp_path).restart()["epoch"] == 1
