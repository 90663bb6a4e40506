"""Lightning and the Trainer of Hugging Face on two processes: one is killed, both go on, to the same bits."""

import pytest

import candle_spec
from candle_spec.series.series import Series
from tests.helpers.trainings.killer import EPOCHS
from tests.helpers.trainings.processes import result, torchrun
from tests.helpers.trainings.team_trainers import STEPS

pytestmark = pytest.mark.framework


def train(trainer, folder, kill):
    return torchrun(2, "team_trainers", trainer, folder, kill)


@pytest.mark.parametrize("trainer", ["lightning", "transformers"])
def test_two_processes_killed_and_started_again(trainer, tmp_path):
    pytest.importorskip(trainer)
    folder = tmp_path / "run" / "ckpts"
    folder.parent.mkdir()
    assert train(trainer, folder, 3 * STEPS - 1).returncode != 0
    reached = Series.read(folder).entries()[-1].epoch
    assert 1 <= reached < EPOCHS
    again = train(trainer, folder, 0)
    words = result(again)
    assert again.stderr.count(f"restarting from epoch {reached} ") == 1
    assert (int(words[1]), int(words[3])) == (EPOCHS - reached, EPOCHS)
    assert words[0] == words[2]
    series = Series.read(folder)
    assert series.last().epoch == EPOCHS
    assert series.verify() == []
    assert not candle_spec.validate(series.last().path).errors
    rng = candle_spec.load(series.last().path).state("numpy")["rng_state"]
    assert sorted(rng) == ["0", "1"]
