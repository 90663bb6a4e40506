"""What a tensor costs, not its bytes: state dicts of many tensors of four bytes each."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.measure import Row, Subject, alternate

_MAKE: Final = """
import sys, torch
torch.save({f"layer.{i}.scale": torch.tensor([float(i)]) for i in range(int(sys.argv[2]))}, sys.argv[1])
"""

_COUNT: Final = 100_000
_CONVERT, _VALIDATE, _MEMORY, _LINEAR = 12, 5, 300, 2.2


def rows(folder: Path, rounds: int) -> list[Row]:
    """Measure conversion and validation of many tensors, and of half as many: the cost must be linear."""
    half, whole = (_subjects(folder, count) for count in (_COUNT // 2, _COUNT))
    alternate([*half, *whole], max(1, rounds // 2))
    (small, _), (convert, validate) = half, whole
    growth = convert.processor / small.processor
    count = f"{_COUNT:,} tensors of 4 bytes"
    return [
        Row(
            f"convert {count}, processor time",
            f"{convert.processor:.1f} s",
            f"half as many: {small.processor:.1f} s",
            f"{growth:.2f}x",
            f"≤ {_CONVERT} s, ≤ {_LINEAR}x",
            convert.processor <= _CONVERT and growth <= _LINEAR,
        ),
        Row("its memory", f"{convert.memory:.0f} MB", "", "", f"≤ {_MEMORY} MB", convert.memory <= _MEMORY),
        Row(
            f"validate {count}, processor time",
            f"{validate.processor:.1f} s",
            f"its memory: {validate.memory:.0f} MB",
            "",
            f"≤ {_VALIDATE} s",
            validate.processor <= _VALIDATE,
        ),
    ]


def _subjects(folder: Path, count: int) -> tuple[Subject, Subject]:
    native, common = folder / f"t{count}.pt", folder / f"t{count}.candle"
    subprocess.run([sys.executable, "-c", _MAKE, str(native), str(count)], check=True)
    command = [sys.executable, "-m", "candle_spec"]

    def clean() -> None:
        shutil.rmtree(common, ignore_errors=True)

    convert = Subject("convert", [*command, "convert", "-q", str(native), str(common)], clean)
    return convert, Subject("validate", [*command, "validate", "-q", str(common)])
