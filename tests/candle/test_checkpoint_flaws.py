"""CANDLE's checkpoint class for PyTorch: each flaw of the original as a test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from candle_spec import candle
from candle_spec.errors import InvalidInputError
from tests.helpers.trainings.torch_training import Training, epochs, note

pytestmark = [pytest.mark.framework, pytest.mark.filterwarnings("ignore:this process has trained")]


class TestFlaws:
    """Those of candle_lib, none of which may come back."""

    def test_accuracy_can_be_best(self, tmp_path: Path) -> None:
        Training(tmp_path, ckpt_save_best_metric="val_accuracy").run([0.1, 0.9, 0.3, 0.4, 0.5])
        assert os.readlink(tmp_path / "ckpts/best") == "epochs/002"
        assert note(tmp_path)["best_metric_last"] == 0.9

    def test_any_metric_by_name_or_direction(self, tmp_path: Path) -> None:
        for folder, name, direction, best in (("a", "wibble", "+", 2), ("b", "wibble", "-", 1), ("c", "pcc", "", 2)):
            training = Training(tmp_path / folder, ckpt_save_best_metric=name, epochs=2)
            for number, value in enumerate((0.1, 0.9)):
                training.ckpt.ckpt_epoch(number, value, direction)
            training.ckpt.close()
            assert os.readlink(tmp_path / folder / "ckpts/best") == f"epochs/{best:03d}"

    def test_interval_0_saves_nothing_and_says_so_at_start_and_end(self, tmp_path: Path, capsys) -> None:
        Training(tmp_path, ckpt_save_interval=0).run()
        assert capsys.readouterr().out.count("ckpt_save_interval is 0") >= 2
        assert not (tmp_path / "ckpts").exists()

    def test_exponential_and_all_really_work(self, tmp_path: Path) -> None:
        Training(tmp_path / "all", epochs=8, ckpt_keep_mode="all", ckpt_keep_limit=1).run()
        assert epochs(tmp_path / "all") == list(range(1, 9))
        Training(tmp_path / "exp", epochs=16, ckpt_keep_mode="exponential", ckpt_save_best=False).run()
        assert epochs(tmp_path / "exp") == [8, 12, 14, 15, 16]

    def test_weights_only_really_works(self, tmp_path: Path) -> None:
        saved = Training(tmp_path, epochs=1, ckpt_save_weights_only=True).run()
        assert not (tmp_path / "ckpts/last/optimizer.safetensors").exists()
        other = Training(tmp_path, seed=5, ckpt_save_weights_only=True)
        assert other.ckpt.restart()["epoch"] == 1
        assert other.weights() == saved.weights()

    @pytest.mark.parametrize("damage", ["dangling", "missing", "no model", "flipped"])
    def test_a_broken_last_is_no_restart_from_scratch(self, tmp_path: Path, damage: str) -> None:
        Training(tmp_path, epochs=3, ckpt_min_copies=1).run()
        last = tmp_path / "ckpts/last"
        if damage in ("dangling", "missing"):
            last.unlink()
            if damage == "dangling":
                last.symlink_to("epochs/777")
        elif damage == "no model":
            (tmp_path / "ckpts/epochs/003/model.safetensors").unlink()
        else:
            path = tmp_path / "ckpts/epochs/003/optimizer.safetensors"
            data = bytearray(path.read_bytes())
            data[-5] ^= 1
            path.write_bytes(data)
        J = Training(tmp_path).ckpt.restart()
        assert J["epoch"] == (3 if damage in ("dangling", "missing") else 2)

    def test_saved_without_a_checksum_restarted_with_one(self, tmp_path: Path) -> None:
        Training(tmp_path, epochs=1).run()
        assert Training(tmp_path, ckpt_checksum=True).ckpt.restart()["epoch"] == 1

    def test_timestamp_last(self, tmp_path: Path) -> None:
        Training(tmp_path, epochs=1, ckpt_timestamp_last="2026-01-01 00:00:00").run()
        assert note(tmp_path)["time_elapsed"] != "__FIRST__"
        with pytest.raises(InvalidInputError, match="ckpt_timestamp_last"):
            Training(tmp_path, ckpt_timestamp_last="yesterday").ckpt.restart()

    @pytest.mark.parametrize("how", ["move", "copy"])
    def test_the_tree_can_be_moved_and_copied(self, tmp_path: Path, how: str) -> None:
        Training(tmp_path / "a", epochs=2).run([0.1, 0.5])
        if how == "move":
            shutil.move(tmp_path / "a", tmp_path / "b")
        else:
            shutil.copytree(tmp_path / "a", tmp_path / "b", symlinks=True)
        assert (tmp_path / "b/ckpts/best").resolve() == tmp_path / "b/ckpts/epochs/001"
        assert Training(tmp_path / "b").ckpt.restart()["epoch"] == 2

    def test_the_limit_counts_over_restarts_and_the_best_of_earlier_parts_stays(self, tmp_path: Path) -> None:
        values = [9.0, 1.0, *([5.0] * 18)]
        for last in (5, 10, 15, 20):
            Training(tmp_path, epochs=last, ckpt_keep_limit=2).run(values)
        assert epochs(tmp_path) == [2, 19, 20]
        assert os.readlink(tmp_path / "ckpts/best") == "epochs/002"

    def test_an_ignored_initial_epoch_is_said(self, tmp_path: Path) -> None:
        Training(tmp_path, epochs=3).run()
        again = Training(tmp_path)
        again.ckpt.restart()
        with pytest.warns(RuntimeWarning, match="restored to epoch 3, the training goes on as epoch 0"):
            again.epoch(0)

    def test_restart_before_set_model(self, tmp_path: Path) -> None:
        first = Training(tmp_path, epochs=1).run()
        other = Training(tmp_path, seed=3)
        ckpt = candle.CandleCkptPyTorch(other.params)
        assert ckpt.restart(other.model)["epoch"] == 1
        assert other.weights() == first.weights()
        with pytest.raises(InvalidInputError, match="set_model was not called"):
            candle.CandleCkptPyTorch(other.params).restart()

    def test_folds_in_one_directory_are_told_apart_or_warned_of(self, tmp_path: Path) -> None:
        Training(tmp_path, epochs=2).run()
        with pytest.warns(RuntimeWarning, match="another fold or model needs a ckpt_directory of its own"):
            Training(tmp_path, seed=2, epochs=2).ckpt.restart()

    def test_the_constructor_has_no_side_effects(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        params: dict = {"ckpt_save_interval": 1, "ckpt_directory": None}
        for _ in range(3):
            candle.CandleCkptPyTorch(params, logger=None)
        assert params == {"ckpt_save_interval": 1, "ckpt_directory": None}
        assert list(tmp_path.iterdir()) == []

    def test_a_relative_directory_and_no_logger(self, tmp_path: Path, monkeypatch, capsys) -> None:
        monkeypatch.chdir(tmp_path)
        training = Training(tmp_path, epochs=1, ckpt_directory="c/d")
        training.ckpt = candle.CandleCkptPyTorch(training.params, logger=None)
        training.ckpt.set_model(training.model, training.optimizer)
        training.run()
        assert (tmp_path / "c/d/ckpt.log").is_file()
        assert not (tmp_path / "c/d/c").exists()
        assert capsys.readouterr().out == ""

    def test_lines_do_not_repeat(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for name in ("a", "b", "c"):
            Training(tmp_path / name, epochs=1).run()
        assert capsys.readouterr().out.count("model wrote:") == 3
        assert (tmp_path / "a/ckpts/ckpt.log").read_text().count("model wrote:") == 1

    def test_an_early_end_is_saved(self, tmp_path: Path) -> None:
        training = Training(tmp_path, ckpt_save_interval=4, ckpt_save_best=False)
        for number in range(3):
            training.epoch(number)
        training.ckpt.on_train_end()
        assert epochs(tmp_path) == [3]

    def test_another_model_is_refused(self, tmp_path: Path) -> None:
        Training(tmp_path, epochs=1).run()
        ckpt = candle.CandleCkptPyTorch(Training(tmp_path).params)
        ckpt.set_model(torch.nn.Linear(3, 3))
        with pytest.raises(InvalidInputError, match="of another model"):
            ckpt.restart()

    def test_changed_hyperparameters_are_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Training(tmp_path, epochs=1, learning_rate=0.1).run()
        Training(tmp_path, learning_rate=0.2).ckpt.restart()
        assert "learning_rate was 0.1, is 0.2" in capsys.readouterr().out
        with pytest.raises(InvalidInputError, match="learning_rate was"):
            Training(tmp_path, learning_rate=0.2, ckpt_on_change="refuse").ckpt.restart()

    def test_another_optimizer_leaves_the_weights(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first = Training(tmp_path, epochs=1).run()
        other = Training(tmp_path, seed=2)
        groups = [{"params": [each]} for each in other.model.parameters()]
        other.ckpt.set_model({"model": other.model, "optimizer": torch.optim.Adam(groups)})
        assert other.ckpt.restart()["epoch"] == 1
        assert "only the weights were restored" in capsys.readouterr().out
        assert other.weights() == first.weights()
