"""How long the matrix of all repositories takes for a real model."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import Row, Subject, alternate
from tools.fetch_corpus import fetch

_MAKE = "import sys; from candle_spec import convert; convert(sys.argv[1], sys.argv[2])"
_BOUND = 0.5


def rows(folder: Path, rounds: int) -> list[Row]:
    """Measure ``readiness`` of the demo's model for every template, as a command of its own."""
    import subprocess

    checkpoint = folder / "oncomark.candle"
    subprocess.run([sys.executable, "-c", _MAKE, str(fetch("oncomark")), str(checkpoint)], check=True)
    empty = Subject("python -c pass", [sys.executable, "-c", "pass"])
    # It ends with 1 while something is missing, which is what it is for.
    command = "import sys; from candle_spec.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass"
    ready = Subject("readiness", [sys.executable, "-c", command, "readiness", str(checkpoint)])
    alternate([empty, ready], max(rounds, 3))
    return [
        Row(
            "`readiness` of the demo's model, all repositories",
            f"{ready.seconds * 1000:.0f} ms",
            f"python -c pass: {empty.seconds * 1000:.0f} ms",
            f"{ready.seconds * 1000:.0f} ms",
            f"≤ {_BOUND * 1000:.0f} ms",
            ready.seconds <= _BOUND,
        )
    ]
