"""What programs do by hand with a checkpoint object of CANDLE's: keep, delete, link, write, ask."""

from __future__ import annotations

import json
import os
import warnings
import zlib
from pathlib import Path

import numpy
import pytest

from candle_spec import candle
from candle_spec.errors import CandleSpecError, CorruptFileError, InvalidInputError
from candle_spec.series.series import Series
from tests.helpers.trainings.arrays import PARAMS, Arrays, last, sound, started, train

pytestmark = pytest.mark.filterwarnings("ignore:this process has trained")


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
