"""A conversion that is killed leaves no half checkpoint under the final name, and the next one succeeds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from candle_spec.validation import validate

ROOT = Path(__file__).parents[2]

# Dies by SIGKILL before call number argv[3] that changes the file system.
KILLED = """
import os, signal, sys
from candle_spec.atomic import Fs
from candle_spec.conversion.convert import Options, convert
calls = 0
def counted(name):
    inner = getattr(Fs, name)
    def method(self, *args, **kwargs):
        global calls
        if calls == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return inner(self, *args, **kwargs)
    return method
for name in "open_new write copy_range sync_file sync_folder make_folder rename exchange remove_tree".split():
    setattr(Fs, name, counted(name))
convert(sys.argv[1], sys.argv[2], Options(overwrite=True))
print(calls)
"""


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("native") / "m.pt"
    torch.save({"model": {"w": torch.randn(64, 64), "b": torch.ones(3)}, "epoch": 3}, path)
    return path


def run(native: Path, target: Path, call: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, str(native), str(target), str(call)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("exists", [False, True], ids=["new", "replace"])
def test_killed_at_every_call(native: Path, tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "out" / "m.candle"
    target.parent.mkdir()
    if exists:
        assert run(native, target, -1).returncode == 0
        before = (target / "candle-checkpoint.json").read_bytes()
    total = int(run(native, tmp_path / "measure.candle", -1).stdout)
    assert total > 20
    for call in range(0, total, 3):
        assert run(native, target, call).returncode == -signal.SIGKILL
        if exists:
            assert validate(target).ok, f"killed before call {call}"
            assert (target / "candle-checkpoint.json").read_bytes()[:40] == before[:40]
        else:
            assert not target.exists() or validate(target).ok, f"killed before call {call}"
    assert run(native, target, -1).returncode == 0
    assert validate(target).ok
    assert sorted(path.name for path in target.parent.iterdir()) == ["m.candle"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_interrupted_leaves_nothing(tmp_path: Path) -> None:
    torch.save({f"w{i}": torch.randn(1000, 1000) for i in range(60)}, tmp_path / "big.pt")
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "candle_spec", "convert", str(tmp_path / "big.pt"), str(out / "big.candle")]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    deadline = time.monotonic() + 30
    while not list(out.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "nothing half-written" in errors
    assert list(out.iterdir()) == []
