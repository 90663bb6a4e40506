"""Several processes, one checkpoint: killed, restarted on as many and on another number, DDP and FSDP alike."""

import json
import subprocess
import sys

import pytest

import candle_spec
from candle_spec.callbacks.pytorch import restore
from candle_spec.series.series import Series
from tests.helpers.trainings.processes import result, torchrun
from tests.helpers.trainings.team_program import net

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.framework


def train(processes, kind, folder, epochs, kill="never"):
    return torchrun(processes, "team_program", kind, folder, epochs, kill)


def outcome(run):
    finished, trained, whole = result(run)
    return finished, int(trained), whole


def test_killed_restarted_and_restarted_on_more_processes(tmp_path):
    kind = "ddp"
    folder = tmp_path / "run" / "ckpts"
    folder.parent.mkdir()
    killed = train(2, kind, folder, 3, kill="1:step")
    assert killed.returncode != 0
    assert [entry.epoch for entry in Series.read(folder).entries()] == [1]
    again = train(2, kind, folder, 3)
    finished, trained, whole = outcome(again)
    assert again.stderr.count("restarting from epoch 1 ") == 1
    assert trained == 2
    assert finished == whole
    more = train(4, kind, folder, 4)
    _, trained, _ = outcome(more)
    assert trained == 1
    assert "rng (2 processes saved theirs, 4 are here)" in more.stderr
    check(folder)
    alone(folder)


def test_sharded_parameters_are_saved_whole_and_sharded_anew(tmp_path):
    """A process dies in the middle of what it writes; nothing of it is seen, and the others write each byte once."""
    folder = tmp_path / "run" / "ckpts"
    folder.parent.mkdir()
    killed = train(2, "fsdp", folder, 3, kill="1:save")
    assert killed.returncode != 0
    assert [entry.epoch for entry in Series.read(folder).entries()] == [1]
    run = train(2, "fsdp", folder, 3)
    finished, trained, whole = outcome(run)
    assert trained == 2
    assert finished == whole
    written_once(run, folder)
    _, trained, _ = outcome(train(4, "fsdp", folder, 4))
    assert trained == 1
    check(folder)


def test_several_processes_go_on_from_what_one_saved(tmp_path):
    folder = tmp_path / "run" / "ckpts"
    folder.parent.mkdir()
    call = [sys.executable, "-m", "tests.helpers.trainings.team_program", "plain", str(folder), "1", "never"]
    subprocess.run(call, check=True, capture_output=True, timeout=240)
    run = train(2, "fsdp", folder, 2)
    assert outcome(run)[1] == 1
    assert "restored: model, optimizer" in run.stderr
    assert "rng (1 process saved its own, 2 are here)" in run.stderr


def written_once(run, folder):
    """Epochs 2 and 3: what the processes wrote is what the files hold that no earlier epoch has, and both wrote."""
    line = next(line for line in run.stdout.splitlines() if line.startswith("written "))
    rows = json.loads(line.partition(" ")[2])
    held = [
        {file.name: file.stat() for file in entry.path.glob("*.safetensors")} for entry in Series.read(folder).entries()
    ]
    seen = {status.st_ino for status in held[0].values()}
    unique = {s.st_ino: s.st_size for files in held[1:3] for s in files.values() if s.st_ino not in seen}
    assert sum(sum(row.values()) for row in rows) == sum(unique.values())
    assert all(rows)


def alone(folder):
    """One process without torchrun goes on from what four have saved."""
    model = net()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.5)
    restored = restore(Series.read(folder).last().path, model, optimizer)
    assert [part.name for part in restored.parts if part.restored][:2] == ["model", "optimizer"]
    steps = {int(state["step"]) for state in optimizer.state.values()}
    assert len(optimizer.state) == 5
    assert len(steps) == 1
    assert steps.pop() > 0
    assert optimizer.param_groups[0]["lr"] != 0.5


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
        "1.weight": (10,),
        "1.bias": (10,),
        "1.running_mean": (10,),
        "1.running_var": (10,),
        "1.num_batches_tracked": (),
        "3.weight": (1, 10),
        "3.bias": (1,),
    }
    # A frozen tensor is in a file of its own, which later epochs share.
    assert any(entry.size > entry.unique_size for entry in series.entries())
