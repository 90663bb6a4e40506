"""How long the command takes to do almost nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Row, Subject, alternate, at_most

_MAKE = """
import sys, torch
torch.save({f"lin{i}.model.1.weight": torch.rand(1, 64 * i, 1, 1) for i in range(1, 6)}, sys.argv[1])
"""


def rows(folder: Path, rounds: int) -> list[Row]:
    """Measure ``--version`` and ``inspect`` of a 5 KB file against an empty Python."""
    small = folder / "small.pt"
    # Made in a process of its own: what this process holds counts into the peak memory of its children.
    subprocess.run([sys.executable, "-c", _MAKE, str(small)], check=True)
    python = [sys.executable, "-c", "pass"]
    command = [sys.executable, "-m", "candle_spec"]
    empty = Subject("python -c pass", python)
    version = Subject("--version", [*command, "--version"])
    inspect = Subject("inspect", [*command, "inspect", str(small)])
    alternate([empty, version, inspect], max(rounds, 3) * 3)
    extra = statistics.median(a.seconds - b.seconds for a, b in zip(inspect.runs, empty.runs, strict=True))
    return [
        at_most("`candle-spec --version`", version, empty, 2),
        Row(
            f"`inspect` of a {small.stat().st_size / 1000:.0f} KB file",
            f"{inspect.seconds * 1000:.0f} ms",
            f"python -c pass: {empty.seconds * 1000:.0f} ms",
            f"{extra * 1000:.0f} ms more",
            "≤ 120 ms more",
            extra <= 0.120,
        ),
    ]
