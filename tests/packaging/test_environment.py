"""It works where a batch job runs: read-only input, no home folder, a user that no table knows, no network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def native(tmp_path: Path) -> Path:
    """A small weights-only file of Keras 2 in a folder that cannot be written to."""
    folder = tmp_path / "input"
    folder.mkdir()
    with h5py.File(folder / "uno.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        group = file.create_group("dense")
        group.attrs["weight_names"] = [b"dense/kernel:0"]
        group.create_dataset("dense/kernel:0", data=np.arange(6, dtype="<f4").reshape(2, 3))
    folder.chmod(0o555)
    return folder / "uno.h5"


def strange_user() -> list[str]:
    """What makes a command run as a user that no table knows, without privileges and without a network.

    Nothing, where the system does not let us; then only the home folder is taken away.
    """
    words = ["unshare", "--user", "--map-user=54321", "--map-group=54321", "--net"]
    try:
        return words if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0 else []
    except FileNotFoundError:
        return []


def test_read_only_input_no_home_unknown_user(native: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "USER", "LOGNAME")}
    environment["PYTHONPATH"] = str(ROOT)
    command = [*strange_user(), sys.executable, "-m", "candle_spec", "convert", str(native)]
    result = subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert (out / "uno.h5.candle" / "candle-checkpoint.json").is_file()
    assert "L0-L5 ok" in result.stdout
