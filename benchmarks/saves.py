"""What a durable save costs the processor, against one sha256 pass over the same state.

Run as ``python -m benchmarks.saves FOLDER MEGABYTES ROUNDS``: prints, as JSON, seconds of processor time (all threads)
and of the wall, the least of the rounds: ``{name: [processor, wall]}``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.engine_peers import CandleSpec, layers, sync_tree, torch_save
from benchmarks.measure import Row

_OURS, _HASH, _TORCH = "candle-spec", "one sha256 pass", "torch.save + fsync"
_PASSES: Final = 1.5
_SMALL: Final = 2


def rows(folder: Path, rounds: int) -> list[Row]:
    """Measure a save of 0.5 GB in passes, and one of 3 MB against ``torch.save``."""
    large, small = (_worker(folder, size, rounds) for size in (500, 3))
    passes = large[_OURS][0] / large[_HASH][0]
    times = small[_OURS][1] / small[_TORCH][1]
    return [
        Row(
            "durable save of 0.5 GB, processor time",
            f"{large[_OURS][0]:.2f} s",
            f"{_HASH}: {large[_HASH][0]:.2f} s",
            f"{passes:.2f} passes",
            f"≤ {_PASSES}",
            passes <= _PASSES,
        ),
        Row(
            "durable save of 3 MB",
            f"{1000 * small[_OURS][1]:.1f} ms",
            f"{_TORCH}: {1000 * small[_TORCH][1]:.1f} ms",
            f"{times:.2f}x",
            f"≤ {_SMALL}x",
            times <= _SMALL,
        ),
    ]


def _worker(folder: Path, megabytes: int, rounds: int) -> dict[str, list[float]]:
    work = folder / "saves"
    work.mkdir()
    command = [sys.executable, "-m", "benchmarks.saves", str(work), str(megabytes), str(3 * rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.rmtree(work)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(work: Path, megabytes: int, rounds: int) -> dict[str, list[float]]:
    """Measure a series, a pass and ``torch.save`` by turns; the first round warms up what each prepares."""
    state = layers(megabytes)
    own, torch = CandleSpec(state, work / "series"), torch_save(state)
    one = work / "one"

    def peer() -> None:
        torch(one)
        sync_tree(one)

    def hashed() -> None:
        for tensor in state.values():
            hashlib.sha256(memoryview(tensor.numpy()).cast("B")).digest()

    subjects: dict[str, Callable[[], None]] = {_OURS: lambda: own(one), _HASH: hashed, _TORCH: peer}
    found: dict[str, list[list[float]]] = {name: [] for name in subjects}
    for _ in range(rounds + 1):
        for name, act in subjects.items():
            one.mkdir()
            for tensor in state.values():
                tensor.add_(1)
            os.sync()
            found[name].append(_spent(act))
            shutil.rmtree(one)
        own.clean()
    return {name: [min(each) for each in zip(*spent[1:], strict=True)] for name, spent in found.items()}


def _spent(act: Callable[[], None]) -> list[float]:
    processor, wall = time.process_time(), time.perf_counter()
    act()
    return [time.process_time() - processor, time.perf_counter() - wall]


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
