"""CANDLE's checkpoint classes for PyTorch: names, lines, notes, modes, old layouts."""

from __future__ import annotations

import json
import os
import signal
import warnings
import zlib
from pathlib import Path

import pytest
import torch

from candle_spec import candle
from candle_spec.callbacks import pytorch
from candle_spec.errors import CandleSpecError, MissingPathError
from candle_spec.series.series import Series
from tests.helpers.trainings.torch_training import Training, epochs, note

pytestmark = [pytest.mark.framework, pytest.mark.filterwarnings("ignore:this process has trained")]


def test_a_restart_is_as_if_there_had_been_none(tmp_path: Path) -> None:
    whole = Training(tmp_path / "whole", epochs=6).run().weights()
    Training(tmp_path / "parts", epochs=3).run()
    resumed = Training(tmp_path / "parts", seed=99, epochs=6).run()
    assert resumed.weights() == whole
    assert resumed.ckpt.J["epoch"] == 3


def test_what_restart_returns(tmp_path: Path) -> None:
    Training(tmp_path, epochs=3, ckpt_metadata="node 7").run([0.5, 0.25, 0.75])
    J = Training(tmp_path).ckpt.restart()
    assert (J["epoch"], J["best_metric_last"], J["save_best_metric"], J["metadata"]) == (3, 0.25, "val_loss", "node 7")
    assert J["metrics"] == {"val_loss": 0.75}
    assert J["model_file"] == "model.safetensors"
    assert J["checksum"] == "__DISABLED__"
    assert J["state_digest"] == Series.read(tmp_path / "ckpts").last().state_digest
    assert J["timestamp"][:2] == "20"


def test_notes_are_the_history_with_the_values_of_each_epoch(tmp_path: Path) -> None:
    Training(tmp_path, epochs=3).run([0.5, float("nan"), 0.75])
    notes = [note(tmp_path, f"epochs/{epoch:03d}") for epoch in (1, 2, 3)]
    assert [each["metrics"]["val_loss"] for each in notes] == [0.5, {"$float": "nan"}, 0.75]
    assert [each["best_metric_last"] for each in notes] == [0.5, 0.5, 0.5]
    assert notes[0]["time_elapsed"] == "__FIRST__"
    assert isinstance(notes[2]["time_elapsed"], float)
    assert notes[0]["timestamp_utc"].endswith("+00:00")


def test_the_lines_that_tools_parse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Training(tmp_path, epochs=2, ckpt_checksum="True", ckpt_keep_limit=1, ckpt_save_best=False).run()
    Training(tmp_path, epochs=3, ckpt_checksum="True").run()
    out = capsys.readouterr().out.splitlines()
    assert "writing final epoch 2 ..." in out
    assert "checkpoints list: [2]" in out
    assert "restarting from epoch: 2" in out
    assert sum(line.startswith("model wrote: ") for line in out) == 3
    assert sum(line.startswith("checksummed: ") for line in out) == 4  # three saves, one restart
    log = (tmp_path / "ckpts/ckpt.log").read_text()
    assert " CandleCkpt: restarting from epoch: 2\n" in log


def test_the_checksum_is_that_of_the_file_named(tmp_path: Path) -> None:
    Training(tmp_path, epochs=1, ckpt_checksum=True).run()
    found = note(tmp_path)
    assert found["model_file"] == "model.safetensors"
    assert int(found["checksum"]) == zlib.crc32((tmp_path / "ckpts/last/model.safetensors").read_bytes())


class TestModes:
    def test_off_auto_required(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert Training(tmp_path).ckpt.restart() is None
        assert "begins from scratch" in capsys.readouterr().out
        with pytest.raises(MissingPathError, match="a restart is required") as caught:
            Training(tmp_path, ckpt_restart_mode="required").ckpt.restart()
        assert str(tmp_path / "ckpts") in str(caught.value)
        Training(tmp_path, epochs=2).run()
        assert Training(tmp_path, ckpt_restart_mode="off").ckpt.restart() is None

    def test_best_epoch_path(self, tmp_path: Path) -> None:
        Training(tmp_path, epochs=4).run([4.0, 1.0, 3.0, 2.0])
        for mode, epoch in (("best", 2), ("3", 3), (1, 1), (str(tmp_path / "ckpts/epochs/001"), 1), ("last", 4)):
            assert Training(tmp_path, ckpt_restart_mode=mode).ckpt.restart()["epoch"] == epoch

    def test_rolling_back_by_re_linking_last(self, tmp_path: Path) -> None:
        Training(tmp_path, epochs=4).run()
        (tmp_path / "ckpts/last").unlink()
        (tmp_path / "ckpts/last").symlink_to("epochs/002")
        assert Training(tmp_path).ckpt.restart()["epoch"] == 2

    def test_restart_works_where_nothing_is_saved(self, tmp_path: Path) -> None:
        """Programs for inference use the three calls to load a model."""
        first = Training(tmp_path, epochs=1).run()
        other = Training(tmp_path, seed=4, ckpt_save_interval=0)
        assert other.ckpt.restart()["epoch"] == 1
        assert other.weights() == first.weights()

    def test_sigterm_saves_and_ends(self, tmp_path: Path) -> None:
        training = Training(tmp_path, ckpt_save_interval=100, ckpt_save_best=False)
        training.ckpt.restart()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(SystemExit) as caught:
            training.epoch(0)
        assert caught.value.code == 143
        assert epochs(tmp_path) == [1]

    def test_wall_time_saves_and_asks_to_stop(self, tmp_path: Path) -> None:
        training = Training(
            tmp_path, ckpt_save_interval=100, ckpt_save_best=False, ckpt_wall_time=1, ckpt_wall_margin=1
        )
        training.epoch(0)
        training.ckpt.close()
        assert training.ckpt.stop_training
        assert epochs(tmp_path) == [1]

    def test_in_the_background(self, tmp_path: Path) -> None:
        Training(tmp_path, epochs=4, ckpt_async="True", ckpt_checksum=True).run([4.0, 1.0, 3.0, 2.0])
        assert epochs(tmp_path) == [1, 2, 3, 4]
        for epoch, value in ((1, 4.0), (2, 1.0), (4, 2.0)):
            found = note(tmp_path, f"epochs/{epoch:03d}")
            assert (found["epoch"], found["metrics"]["val_loss"]) == (epoch, value)

    def test_save_check_saves_nothing(self, tmp_path: Path) -> None:
        ckpt = Training(tmp_path, ckpt_save_interval=2, ckpt_skip_epochs=3).ckpt
        assert [ckpt.save_check(epoch, "-", 1.0) for epoch in (2, 3, 4)] == [False, True, True]
        assert ckpt.save_check_best(4, "-", 1.0)
        assert (ckpt.enabled(), ckpt.disabled()) == (True, False)
        assert not (tmp_path / "ckpts").exists()


class TestNativeCopyAndOldLayouts:
    def old(self, folder: Path, root: str = "ckpts", **change: object) -> Training:
        """Write what CANDLE would: model.h5 by torch.save, its note, absolute links."""
        training = Training(folder / "elsewhere", epochs=2).run()
        place = folder / root / "epochs" / "007"
        place.mkdir(parents=True)
        state = {"epoch": 7, "model_state_dict": training.model.state_dict(), "loss": 0}
        torch.save({**state, "optimizer_state_dict": training.optimizer.state_dict()}, place / "model.h5")
        about = {"epoch": 7, "save_best_metric": "val_loss", "best_metric_last": 0.25, "model_file": "model.h5",
                 "checksum": str(zlib.crc32((place / "model.h5").read_bytes())), "timestamp": "2023-06-30 13:57:26",
                 "time_elapsed": 1.5, "metadata": None}  # fmt: skip
        (place / "ckpt-info.json").write_text(json.dumps(about | change))
        (folder / root / "last").symlink_to(place)
        return training

    @pytest.mark.parametrize("root", ["ckpts", "save/ckpts"])
    def test_old_layouts_restart(self, tmp_path: Path, root: str, capsys: pytest.CaptureFixture[str]) -> None:
        old = self.old(tmp_path, root)
        new = Training(tmp_path, seed=9, epochs=9, ckpt_checksum=True, ckpt_restart_mode="required")
        J = new.ckpt.restart(new.model)
        assert (J["epoch"], J["best_metric_last"], J["timestamp"]) == (7, 0.25, "2023-06-30 13:57:26")
        assert new.weights() == old.weights()
        assert new.optimizer.state_dict()["state"][0]["step"] == old.optimizer.state_dict()["state"][0]["step"]
        out = capsys.readouterr().out
        assert "restarting from epoch: 7" in out
        assert "checksummed:" in out
        new.epoch(7, 0.5)
        new.epoch(8, 0.5)
        new.ckpt.close()
        assert [entry.epoch for entry in Series.read(tmp_path / "ckpts").entries() if entry.complete] == [8, 9]
        assert not (tmp_path / "ckpts/best").exists()  # neither is better than 0.25
        assert Training(tmp_path).ckpt.restart()["epoch"] == 9
        assert (tmp_path / root / "epochs/007/model.h5").is_file()

    def test_a_damaged_old_checkpoint_is_no_restart_from_scratch(self, tmp_path: Path) -> None:
        self.old(tmp_path, checksum="17")
        with pytest.raises(CandleSpecError, match="CRC-32"):
            Training(tmp_path, ckpt_checksum=True).ckpt.restart()

    def test_a_hostile_pickle_is_not_run(self, tmp_path: Path) -> None:
        class Harm:
            def __reduce__(self):
                return os.system, (f"touch {tmp_path}/harmed",)

        self.old(tmp_path)
        path = tmp_path / "ckpts/epochs/007/model.h5"
        state = torch.load(path, weights_only=False)
        torch.save({**state, "loss": Harm()}, path)
        training = Training(tmp_path)
        assert training.ckpt.restart()["epoch"] == 7
        assert not (tmp_path / "harmed").exists()

    def test_the_native_copy_is_what_candle_writes(self, tmp_path: Path) -> None:
        training = Training(tmp_path, epochs=2, ckpt_native_copy=True, ckpt_checksum=True).run()
        native = torch.load(tmp_path / "ckpts/last/model.h5", weights_only=True)
        assert sorted(native) == ["epoch", "loss", "model_state_dict", "optimizer_state_dict"]
        assert native["epoch"] == 2
        assert torch.equal(native["model_state_dict"]["0.weight"], training.model[0].weight)
        found = note(tmp_path)
        assert found["model_file"] == "model.h5"
        assert int(found["checksum"]) == zlib.crc32((tmp_path / "ckpts/last/model.h5").read_bytes())


def test_weights_of_another_run_and_their_lineage(tmp_path: Path) -> None:
    parent = Training(tmp_path / "parent", epochs=2).run()
    source = tmp_path / "parent/ckpts/last"
    child = Training(tmp_path / "child", seed=7, epochs=1, initial_weights=str(source), node="1.2")
    assert child.ckpt.restart() is None
    pytorch.restore(source, child.model)
    assert child.weights() == parent.weights()
    child.epoch(0)
    child.ckpt.close()
    lineage = json.loads((tmp_path / "child/ckpts/last/candle-checkpoint.json").read_text())["lineage"]
    manifest = json.loads((source / "candle-checkpoint.json").read_text())
    assert lineage["parent_checkpoint"] == manifest["weights"]["state_digest"]
    assert lineage["parent_run"] == manifest["lineage"]["run_id"]
    assert lineage["node"] == "1.2"


def test_the_function_of_2021(tmp_path: Path) -> None:
    first = Training(tmp_path, epochs=2).run()
    other = Training(tmp_path, seed=8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        J = candle.restart(other.params, {"model": other.model, "optimizer": other.optimizer})
    assert J["epoch"] == 2
    assert other.weights() == first.weights()
