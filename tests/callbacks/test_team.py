"""Several processes, one checkpoint: killed, restarted on as many and on another number, DDP and FSDP alike."""

import os
import subprocess
import sys

import pytest

import candle_spec
from candle_spec.series.series import Series

pytest.importorskip("torch")
pytestmark = pytest.mark.framework


def torchrun(processes, kind, folder, epochs, kill_at=-1):
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    call += ["-m", "tests.callbacks.team_program", kind, str(folder), str(epochs), str(kill_at)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(call, capture_output=True, text=True, timeout=240, check=False, env=environment)


def result(run):
    assert run.returncode == 0, run.stderr[-3000:]
    finished, trained, whole = next(line for line in run.stdout.splitlines() if line.startswith("result ")).split()[1:]
    return finished, int(trained), whole


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_killed_restarted_and_restarted_on_more_processes(kind, tmp_path):
    folder = tmp_path / "run" / "ckpts"
    folder.parent.mkdir()
    killed = torchrun(2, kind, folder, 3, kill_at=1)
    assert killed.returncode != 0
    assert [entry.epoch for entry in Series.read(folder).entries()] == [1]
    again = torchrun(2, kind, folder, 3)
    finished, trained, whole = result(again)
    assert again.stderr.count("restarting from epoch 1 ") == 1
    assert trained == 2
    assert finished == whole
    more = torchrun(4, kind, folder, 4)
    _, trained, _ = result(more)
    assert trained == 1
    assert "rng (2 processes saved theirs, 4 are here)" in more.stderr
    check(folder)


def check(folder):
    series = Series.read(folder)
    assert [entry.epoch for entry in series.entries()] == [1, 2, 3, 4]
    assert series.verify() == []
    assert list((folder / ".candle" / "staging").iterdir()) == []
    last = series.last()
    assert not candle_spec.validate(last.path).errors
    checkpoint = candle_spec.load(last.path)
    assert checkpoint.manifest["training_state"]["resume_grade"] == "exactly-resumable"
    weights = checkpoint.state_dict(framework="numpy")
    assert {name: array.shape for name, array in weights.items()} == {
        "0.weight": (10, 6),
        "0.bias": (10,),
        "2.weight": (1, 10),
        "2.bias": (1,),
    }
    # A frozen tensor is in a file of its own, which later epochs share.
    assert any(entry.size > entry.unique_size for entry in series.entries())
