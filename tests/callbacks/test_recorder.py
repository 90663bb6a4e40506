"""The recorder: when it saves, what it says, how it stops, and that nothing that fails is lost."""

import errno
import os
import signal

import numpy as np
import pytest

from candle_spec.errors import InvalidInputError, MissingPathError, WriteFailedError
from candle_spec.series.candle_files import ckpt_info
from candle_spec.series.series import Series
from tests.helpers.trainings.counter import Clock, Counter, recorder, recording


def epochs_of(folder):
    return [entry.epoch for entry in Series.read(folder).entries()]


def test_one_line_at_the_start_says_everything(tmp_path):
    lines = []
    with recording(recorder(tmp_path / "ckpts", lines, ckpt_keep_limit=3)):
        pass
    assert len(lines) == 1
    for word in ("each epoch", "better val_loss", str(tmp_path / "ckpts"), "newest 3", "restart: auto"):
        assert word in lines[0]


def test_what_a_repository_will_miss_is_said_at_the_start(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-site-profile"))
    lines = []
    with recording(recorder(tmp_path / "ckpts", lines, ckpt_repositories="modac nowhere")):
        pass
    first = next(line for line in lines if line.startswith("modac: "))
    assert "access_group" in first
    assert "candle-model.yaml" in first
    assert "framework" not in first
    assert any(line.startswith("nowhere: its readiness cannot be said") for line in lines)

    (tmp_path / "candle-model.yaml").write_text(
        "extensions:\n  https://w3id.org/candle-spec/repositories/modac/1:\n    access_group: Pilot_1\n"
    )
    lines.clear()
    with recording(recorder(tmp_path / "ckpts", lines, ckpt_repositories="modac")):
        pass
    second = next(line for line in lines if line.startswith("modac: "))
    assert "access_group" not in second
    assert second != first


def test_interval_and_keep_policy(tmp_path):
    folder = tmp_path / "ckpts"
    with recording(recorder(folder, ckpt_save_interval=2, ckpt_keep_limit=2, epochs=9)) as made:
        for epoch in range(1, 10):
            made.epoch_end(epoch, {"val_loss": abs(epoch - 3.0)})
    # 3 is the best; 8 and 9 (the planned end) are the newest.
    assert epochs_of(folder) == [3, 8, 9]
    assert Series.read(folder).best().epoch == 3


def test_every_checkpoint_holds_the_note_that_candles_tools_read(tmp_path):
    folder = tmp_path / "ckpts"
    with recording(recorder(folder, ckpt_metadata="a study")) as made:
        for epoch, loss in ((1, 3.0), (2, 1.0), (3, 2.0)):
            made.epoch_end(epoch, {"val_loss": loss}, step=epoch * 10)
        made.step_end(35)
        made.train_end()
    entries = Series.read(folder).entries()
    notes = [ckpt_info.read(entry.path / ckpt_info.NAME) for entry in entries]
    assert [note.epoch for note in notes] == [1, 2, 3, 3]
    assert [note.best_metric_last for note in notes[:3]] == [3.0, 1.0, 1.0]
    assert [note.metrics.get("val_loss") for note in notes[:3]] == [3.0, 1.0, 2.0]
    assert [note.extra["step"] for note in notes] == [10, 20, 30, 35]
    assert [note.extra["state_digest"] for note in notes] == [entry.state_digest for entry in entries]
    assert notes[0].time_elapsed == ckpt_info.FIRST
    assert float(notes[1].time_elapsed) >= 0
    assert {note.metadata for note in notes} == {"a study"}
    assert all((entry.path / note.model_file).is_file() for entry, note in zip(entries, notes, strict=True))
    assert entries[-1].name == "003-s00000035"


def test_a_restart_goes_on_with_history_and_best(tmp_path):
    folder, lines = tmp_path / "ckpts", []
    first = Counter()
    with recording(recorder(folder, adapter=first)) as made:
        for epoch, loss in ((1, 3.0), (2, 1.0)):
            first.weights += 1
            made.epoch_end(epoch, {"val_loss": loss}, step=epoch * 10)
    second = Counter()
    with recording(recorder(folder, lines, adapter=second)) as made:
        restart = made.restart()
        assert (restart.epoch, restart.step, restart.metrics) == (2, 20, {"val_loss": 1.0})
        assert made.history == [{"epoch": 1, "val_loss": 3.0}, {"epoch": 2, "val_loss": 1.0}]
        made.epoch_end(3, {"val_loss": 2.0})
    assert second.weights.tolist() == [2.0] * 4
    assert any("restarting from epoch 2" in line and "restored: model" in line for line in lines)
    assert Series.read(folder).best().epoch == 2
    assert [entry.attempt for entry in Series.read(folder).entries()] == [1, 1, 2]


def test_mode_off_starts_anew_and_required_refuses_to(tmp_path):
    folder = tmp_path / "ckpts"
    with recording(recorder(folder)) as made:
        made.epoch_end(1, {"val_loss": 1.0})
    with recording(recorder(folder, ckpt_restart_mode="off")) as made:
        assert made.restart() is None
    with (
        recording(recorder(tmp_path / "none", ckpt_restart_mode="required")) as made,
        pytest.raises(MissingPathError),
    ):
        made.restart()


def test_other_ranks_restore_and_save_nothing(tmp_path):
    folder = tmp_path / "ckpts"
    with recording(recorder(folder, adapter=Counter())) as made:
        made.epoch_end(1, {"val_loss": 1.0})
    lines, other = [], Counter()
    other.weights += 7
    with recording(recorder(folder, lines, adapter=other, rank=1)) as made:
        assert made.restart().epoch == 1
        assert made.epoch_end(2, {"val_loss": 0.5}) is False
    assert other.weights.tolist() == [0.0] * 4
    assert epochs_of(folder) == [1]
    assert not any(line.startswith("checkpoints:") for line in lines)


def test_a_metric_that_is_not_measured_is_said_once(tmp_path):
    lines = []
    with recording(recorder(tmp_path / "ckpts", lines)) as made:
        made.epoch_end(1, {"loss": 1.0})
        made.epoch_end(2, {"loss": 1.0})
    assert [line for line in lines if "val_loss is not measured (loss)" in line] == lines[1:]


def test_interval_zero_saves_nothing_and_says_so_twice(tmp_path):
    lines = []
    with recording(recorder(tmp_path / "ckpts", lines, ckpt_save_interval=0)) as made:
        made.epoch_end(1, {"val_loss": 1.0})
        made.train_end()
    assert sum("NO checkpoint" in line for line in lines) >= 2
    assert not (tmp_path / "ckpts").exists()


def test_sigterm_saves_and_stops_and_usr1_saves_and_goes_on(tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1)
    with recording(recorder(tmp_path / "ckpts", ckpt_save_interval=100)) as made:
        assert made.epoch_end(1) is False
        os.kill(os.getpid(), signal.SIGUSR1)
        assert made.epoch_end(2) is True
        assert (made.stop_reason, made.epoch_end(3)) == ("", False)
        os.kill(os.getpid(), signal.SIGTERM)
        assert made.epoch_end(4) is True
        assert made.stop_reason == "SIGTERM"
    assert epochs_of(tmp_path / "ckpts") == [2, 4]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1)) == before


def test_the_wall_time_limit_saves_and_stops(tmp_path):
    clock = Clock()
    limits = {"ckpt_save_interval": 100, "ckpt_wall_time": 100, "ckpt_wall_margin": 20}
    with recording(recorder(tmp_path / "ckpts", clock=clock, **limits)) as made:
        clock.now = 79
        assert made.epoch_end(1) is False
        clock.now = 81
        assert made.epoch_end(2) is True
        assert made.stop_reason == "wall-time limit"


@pytest.mark.parametrize("inside", [False, True])
def test_a_signal_inside_an_epoch(tmp_path, inside):
    folder = tmp_path / "ckpts"
    with recording(recorder(folder, adapter=Counter(inside))) as made:
        made.epoch_end(1, {"val_loss": 1.0}, step=10)
        os.kill(os.getpid(), signal.SIGTERM)
        # Where the loader cannot go on inside an epoch, the checkpoint of its beginning is the better one.
        assert made.step_end(11) is inside
        assert made.stopped_inside
    assert [(e.epoch, e.step) for e in Series.read(folder).entries()] == [(1, 10), *([(1, 11)] if inside else [])]


def test_steps_are_a_reason_too(tmp_path):
    folder = tmp_path / "ckpts"
    with recording(recorder(folder, adapter=Counter(True), ckpt_save_interval=0, ckpt_save_steps=4)) as made:
        saved = [step for step in range(1, 10) if made.step_end(step)]
    assert saved == [4, 8]


def test_changed_hyperparameters_are_said_or_refused(tmp_path):
    folder, lines = tmp_path / "ckpts", []
    with recording(recorder(folder, learning_rate=0.1, epochs=3)) as made:
        made.epoch_end(1, {"val_loss": 1.0})
    with recording(recorder(folder, lines, learning_rate=0.2, epochs=9)) as made:
        made.restart()
    assert any("learning_rate was 0.1, is 0.2" in line for line in lines)
    assert not any("epochs was" in line for line in lines)
    with (
        recording(recorder(folder, learning_rate=0.2, ckpt_on_change="refuse")) as made,
        pytest.raises(InvalidInputError, match="hyperparameters changed"),
    ):
        made.restart()


def test_weights_only_keeps_no_training_state(tmp_path):
    folder = tmp_path / "ckpts"
    with recording(recorder(folder, ckpt_save_weights_only=True)) as made:
        made.epoch_end(1, {"val_loss": 1.0})
    state = Series.read(folder).restart_point("last").checkpoint.document["training_state"]
    assert state["resume_grade"] == "inference-only"
    assert "state_tree" not in state
    assert "as the settings ask for" in state["parts"]["metric"]["reason"]


def test_the_manifest_says_where_the_model_comes_from(tmp_path):
    folder = tmp_path / "study" / "ckpts"
    with recording(recorder(folder, learning_rate=0.1)) as made:
        made.epoch_end(1, {"val_loss": 1.0})
    manifest = Series.read(folder).restart_point("last").checkpoint.document
    assert manifest["name"] == "study"
    assert manifest["training"]["hyperparameters"]["learning_rate"] == 0.1
    assert manifest["environment"]["packages"]["numpy"] == np.__version__
    sources = {row["pointer"]: row["source"] for row in manifest["field_sources"]}
    assert sources["/training/hyperparameters"] == "config"
    assert {"/environment", "/name", "/dates/trained"} <= sources.keys()


def test_a_failed_save_comes_up_at_the_next_epoch(tmp_path, monkeypatch):
    made = recorder(tmp_path / "ckpts", ckpt_on_full="raise").start()
    error = WriteFailedError("cannot write")
    error.__cause__ = OSError(errno.ENOSPC, "full")
    real = Series.save
    failures = [error]
    monkeypatch.setattr(
        Series, "save", lambda *a, **k: (_ for _ in ()).throw(failures.pop()) if failures else real(*a, **k)
    )
    made.epoch_end(1, {"val_loss": 1.0})
    made._opened._writer._wait()
    with pytest.raises(WriteFailedError):
        made.epoch_end(2, {"val_loss": 1.0})
    made.epoch_end(3, {"val_loss": 0.5})
    made.close()
    assert epochs_of(tmp_path / "ckpts") == [3]


def test_a_full_disk_is_pruned_down_to_newest_and_best(tmp_path, monkeypatch):
    made = recorder(tmp_path / "ckpts", ckpt_keep_mode="all").start()
    for epoch, loss in ((1, 3.0), (2, 1.0), (3, 2.0), (4, 2.5)):
        made.epoch_end(epoch, {"val_loss": loss})
    made.series()
    error = WriteFailedError("cannot write")
    error.__cause__ = OSError(errno.ENOSPC, "full")
    real, failures = Series.save, [error]
    monkeypatch.setattr(
        Series, "save", lambda *a, **k: (_ for _ in ()).throw(failures.pop()) if failures else real(*a, **k)
    )
    made.adapter.weights += 1
    made.epoch_end(5, {"val_loss": 4.0})
    made.close()
    assert epochs_of(tmp_path / "ckpts") == [2, 4, 5]
