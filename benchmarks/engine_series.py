"""What only a series does: saves behind the training's back, shared files, a restart that verifies.

Run as ``python -m benchmarks.engine_series WHAT FOLDER MEGABYTES ROUNDS``; prints what was measured as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.engine_peers import layers, state_of

EPOCHS, FROZEN = 20, 0.8


def asynchronous(work: Path, megabytes: int, rounds: int) -> dict[str, Any]:
    """Seconds of a warm copy in memory and of what holds the training up; seconds of a step alone and during a save."""
    import numpy as np
    import torch

    from candle_spec.series.saves.background import BackgroundWriter
    from candle_spec.series.series import Series

    state = layers(megabytes)
    copies = [tensor.numpy().copy() for tensor in state.values()]
    weights = torch.randn(256, 256)
    found: dict[str, list[float]] = {"copy": [], "blocked": [], "step": [], "step_in_save": []}
    with Series.create_or_open(work) as series, BackgroundWriter(series, series.plan) as writer:
        for number in range(rounds + 1):
            for tensor in state.values():
                tensor.add_(1)
            begun = time.perf_counter()
            for copy, tensor in zip(copies, state.values(), strict=True):
                np.copyto(copy, tensor.numpy())
            copied = time.perf_counter() - begun
            alone = [_step(weights) for _ in range(200)]
            begun = time.perf_counter()
            future = writer.submit(state_of(state, number + 1))
            blocked = time.perf_counter() - begun
            during = []
            while not future.done():
                during.append(_step(weights))
            future.result()
            series.prune([number + 1])
            if number:
                found["copy"].append(copied)
                found["blocked"].append(blocked)
                found["step"].append(statistics.fmean(alone))
                found["step_in_save"].append(statistics.fmean(during or alone))
    return found


def _step(weights: Any) -> float:
    begun = time.perf_counter()
    weights @ weights
    return time.perf_counter() - begun


def disk(work: Path, megabytes: int, rounds: int) -> dict[str, Any]:
    """Bytes of a series of 20 epochs, 80 % frozen, against full copies: weights alone, and with Adam."""
    return {name: _bytes(work / name, megabytes, adam=name == "adam") for name in ("weights", "adam")}


def _bytes(work: Path, megabytes: int, *, adam: bool) -> tuple[int, int]:
    import torch

    from candle_spec.series.series import Series
    from candle_spec.series.store import StoreSettings

    state = layers(megabytes)
    names = list(state)
    frozen, trained = names[: int(len(names) * FROZEN)], names[int(len(names) * FROZEN) :]
    full = 0
    with Series.create_or_open(work, settings=StoreSettings(min_copies=1)) as series:
        for epoch in range(1, EPOCHS + 1):
            for name in trained:
                state[name].add_(1)
            moments = {f"{name}.{moment}": torch.full_like(state[name], epoch) for name in trained for moment in "mv"}
            series.save(state_of({**state, **(moments if adam else {})}, epoch, frozen))
        full = sum(entry.size for entry in series.entries())
    files = (path.stat() for path in work.rglob("*") if path.is_file())
    return sum({status.st_ino: status.st_size for status in files}.values()), full


def restart(work: Path, megabytes: int, rounds: int) -> dict[str, Any]:
    """Seconds to a verified state in memory, and to read the same files; both from the disk, not from its cache."""
    from candle_spec.series.series import Series

    with Series.create_or_open(work) as series:
        path = series.save(state_of(layers(megabytes), 1)).path
    found: dict[str, list[float]] = {"read": [], "restart": []}
    for number in range(rounds + 1):
        for name, what in (("read", _read), ("restart", _restart)):
            _drop(path)
            begun = time.perf_counter()
            what(path)
            if number:
                found[name].append(time.perf_counter() - begun)
    return found


def _read(path: Path) -> None:
    for file in path.rglob("*"):
        if file.is_file():
            file.read_bytes()


def _restart(path: Path) -> None:
    from candle_spec.series.series import Series

    point = Series.read(path.parents[1]).restart_point("last")
    if point is None:
        raise RuntimeError("there is nothing to restart from")
    for tensor in point.checkpoint.state_dict().values():
        tensor.sum()


def _drop(path: Path) -> None:
    for file in path.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def memory(work: Path, megabytes: int, rounds: int) -> dict[str, Any]:
    """Megabytes that the process grows by, at the peak: by a save, then by one in the background."""
    from candle_spec.series.saves.background import BackgroundWriter
    from candle_spec.series.series import Series

    state = layers(megabytes)
    with Series.create_or_open(work / "warm") as series:
        series.save(state_of(layers(3), 1))
    before = _peak()
    with Series.create_or_open(work / "series") as series:
        series.save(state_of(state, 1))
        saved = _peak()
        with BackgroundWriter(series, series.plan) as writer:
            for epoch in (2, 3):
                for tensor in state.values():
                    tensor.add_(1)
                writer.submit(state_of(state, epoch)).result()
    size = sum(tensor.nbytes for tensor in state.values()) / 1e6
    return {"size": size, "save": saved - before, "background": _peak() - before}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


WHAT: dict[str, Callable[[Path, int, int], dict[str, Any]]] = {
    "asynchronous": asynchronous,
    "disk": disk,
    "restart": restart,
    "memory": memory,
}

if __name__ == "__main__":
    print(json.dumps(WHAT[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
