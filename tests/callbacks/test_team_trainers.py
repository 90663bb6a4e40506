"""Lightning and the Trainer of Hugging Face on two processes: one is killed, both go on, to the same bits."""

import os
import subprocess
import sys

import pytest

import candle_spec
from candle_spec.series.series import Series
from tests.helpers.trainings.programs import EPOCHS
from tests.helpers.trainings.team_trainers import STEPS

pytestmark = pytest.mark.framework


def torchrun(trainer, folder, kill):
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    call += ["-m", "tests.helpers.trainings.team_trainers", trainer, str(folder), str(kill)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(call, capture_output=True, text=True, timeout=240, check=False, env=environment)


@pytest.mark.parametrize("trainer", ["lightning", "transformers"])
def test_two_processes_killed_and_started_again(trainer, tmp_path):
    pytest.importorskip(trainer)
    folder = tmp_path / "run" / "ckpts"
    folder.parent.mkdir()
    assert torchrun(trainer, folder, 3 * STEPS - 1).returncode != 0
    reached = Series.read(folder).entries()[-1].epoch
    assert 1 <= reached < EPOCHS
    again = torchrun(trainer, folder, 0)
    assert again.returncode == 0, again.stderr[-3000:]
    assert again.stderr.count(f"restarting from epoch {reached} ") == 1
    words = next(line for line in again.stdout.splitlines() if line.startswith("result ")).split()
    assert (int(words[2]), int(words[4])) == (EPOCHS - reached, EPOCHS)
    assert words[1] == words[3]
    series = Series.read(folder)
    assert series.last().epoch == EPOCHS
    assert series.verify() == []
    assert not candle_spec.validate(series.last().path).errors
    rng = candle_spec.load(series.last().path).state("numpy")["rng_state"]
    assert sorted(rng) == ["0", "1"]
