"""Saved by steps: each under its own name, in order, and killed inside an epoch the training goes on from there."""

import signal

import pytest

from candle_spec.series.series import Series
from tests.helpers.trainings.killer import BATCHES, EPOCHS
from tests.helpers.trainings.processes import result, run

pytestmark = pytest.mark.framework


def go(program, tmp_path, kill_at):
    folder = tmp_path / "run" / "ckpts"
    folder.parent.mkdir()
    killed = run(program, folder, kill_at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    before = [(entry.name, entry.epoch, entry.step) for entry in Series.read(folder).entries()]
    again = run(program, folder, 0)
    words = result(again)
    assert words[0] == words[2], "it ends otherwise than without the interruption"
    return before, Series.read(folder), again.stderr, int(words[1])


def test_a_loop_of_steps_alone(tmp_path):
    pytest.importorskip("jax")
    before, series, said, trained = go("jax_steps", tmp_path, 11)
    assert before == [("000-s00000003", 0, 3), ("000-s00000006", 0, 6), ("000-s00000009", 0, 9)]
    assert "epochs/000-s00000009" in said
    assert trained == EPOCHS * BATCHES - 9
    # The end is saved, though it is no multiple of three; five are kept, and the best.
    assert [entry.step for entry in series.entries()][-2:] == [15, 16]
    assert series.last().step == 16
    assert series.best().metrics["loss"] == min(entry.metrics["loss"] for entry in series.entries())


def test_the_trainer_goes_on_inside_an_epoch(tmp_path):
    """Killed in step 11, saved at 9, which is the first step of the third epoch; steps are saved with their metrics."""
    pytest.importorskip("transformers")
    before, series, said, _ = go("transformers_steps", tmp_path, 11)
    assert before == [("000-s00000003", 0, 3), ("001-s00000006", 1, 6), ("002-s00000009", 2, 9)]
    assert "epochs/002-s00000009" in said
    assert [(entry.name, entry.step) for entry in series.entries()][-2:] == [("003-s00000015", 15), ("004", 16)]
    assert series.entries()[-2].metrics["eval_loss"] > 0
