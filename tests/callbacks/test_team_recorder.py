"""The recorder in several processes: the same decisions in all, and one checkpoint."""

import numpy as np
import pytest

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.settings import Settings
from candle_spec.callbacks._recording.team import TeamRecorder
from candle_spec.errors import CandleSpecError
from candle_spec.series.series import Series
from tests.helpers.series.teams import together
from tests.helpers.trainings.counter import Counter, recording


def made(team, folder, lines, *, crewed=True, **params):
    params = {"ckpt_save_interval": 1, **params}
    return TeamRecorder.of(Counter(True), folder, params, Settings(say=lines.append), team=team, crewed=crewed)


@pytest.mark.parametrize("crewed", [True, False])
def test_steps_epochs_and_a_restart(crewed, tmp_path):
    folder, lines = tmp_path / "ckpts", []

    def train(team):
        with recording(made(team, folder, lines, crewed=crewed, ckpt_save_steps=4)) as recorder:
            recorder.restart()
            first = recorder.step or 0
            saved = [step for step in range(first + 1, first + 7) if recorder.step_end(step)]
            assert recorder.epoch_end(recorder.epoch + 1, {"val_loss": 1.0}, step=first + 6)
            return saved, (recorder.past.best, recorder.past.epoch, recorder.past.step)

    assert together(2, train) == [([4], (1.0, 1, 6))] * 2
    assert together(2, train) == [([10], (1.0, 2, 12))] * 2
    names = [entry.name for entry in Series.read(folder).entries()]
    assert names == ["000-s00000004", "001", "001-s00000010", "002"]
    assert sum(line.startswith("restarting from epoch 1 ") for line in lines) == 1
    assert Series.read(folder).verify() == []


def test_what_asks_the_first_process_to_stop_stops_all(tmp_path):
    def train(team):
        with recording(made(team, tmp_path / "ckpts", [])) as recorder:
            if not team.rank:
                recorder.stop("SIGTERM")
            return recorder.must_stop(), recorder.stop_reason

    assert together(2, train) == [(True, "SIGTERM")] * 2


def test_a_state_that_one_process_cannot_open_fails_in_all(tmp_path):
    (tmp_path / "file").write_text("in the way")

    def train(team):
        with recording(made(team, tmp_path / "file" / "ckpts", [])) as recorder:
            return recorder

    outcome = together(2, train)
    assert isinstance(outcome[0], OSError | CandleSpecError)
    assert isinstance(outcome[1], CandleSpecError)
    assert "another process" in str(outcome[1])


def test_a_recorder_that_began_alone_joins_the_others(tmp_path):
    folder = tmp_path / "ckpts"

    def train(team):
        settings = Settings(rank=team.rank, say=[].append)
        alone = Recorder.of(Counter(), folder, {"ckpt_save_interval": 1}, settings)
        alone.start()
        recorder = TeamRecorder.joined(alone, team, crewed=False)
        assert TeamRecorder.joined(recorder, team, crewed=False) is recorder
        recorder.adapter.weights = np.full(4, 7.0)
        recorder.epoch_end(1, {"val_loss": 1.0})
        recorder.close()

    assert together(2, train) == [None, None]
    assert [entry.epoch for entry in Series.read(folder).entries()] == [1]
