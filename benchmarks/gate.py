"""A collection as its owner gates it: many manifests validated by one command, with one thread and with two."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.measure import Row, Subject, alternate, faster

_MAKE: Final = """
import sys, torch
torch.save({f"lin{i}.weight": torch.rand(8, 8) for i in range(8)}, sys.argv[1])
"""

_COUNT: Final = 2_000


def rows(folder: Path, rounds: int) -> list[Row]:
    """Measure L0 to L3 of two thousand checkpoints."""
    native, models = folder / "one.pt", folder / "models"
    subprocess.run([sys.executable, "-c", _MAKE, str(native)], check=True)
    command = [sys.executable, "-m", "candle_spec"]
    subprocess.run([*command, "convert", "-q", str(native), str(folder / "one.candle")], check=True)
    for number in range(_COUNT):
        shutil.copytree(folder / "one.candle", models / f"{number:04d}.candle")
    words = [*command, "validate", "-q", "--level", "L3", str(models)]
    one, two = (Subject(f"--jobs {jobs}", [*words, "--jobs", str(jobs)]) for jobs in (1, 2))
    alternate([one, two], max(1, rounds // 2))
    shutil.rmtree(models)
    return [faster(f"validate {_COUNT:,} manifests, L0-L3, --jobs 2", two, one, 1.8)]
