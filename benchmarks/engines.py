"""Save a training's state: the series against the engines of the frameworks, and against the disk itself.

All engines of one size run in one process, in random order in each round; a ratio is the median of the rounds' ratios.
Like is compared with like: a peer stands there as it comes, and with everything made durable behind it. Beside the
speeds stands what kills and flipped bits do to each (:mod:`benchmarks.kills`).
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import kills
from benchmarks.engine_peers import DURABLE, OURS, RAW
from benchmarks.measure import Row, markdown

SIZES = ("3MB", "50MB", "500MB", "2GB")
LARGE = 500
"""From this size on (MB), the budgets of a durable save hold."""


def megabytes(size: str) -> int:
    """Return a size like ``50MB`` or ``0.5GB`` in megabytes.

    Raises:
        ValueError: It is none.
    """
    match = re.fullmatch(r"([0-9.]+)(MB|GB)", size.strip().upper())
    if match is None:
        raise ValueError(f"{size!r} is no size: 3MB, 0.5GB")
    return round(float(match[1]) * (1000 if match[2] == "GB" else 1))


def rows(folder: Path, sizes: Sequence[str], rounds: int) -> tuple[list[Row], str]:
    """Measure all sizes; what only a series does is measured once, at the largest.

    Returns:
        The lines with budgets, and the table of the engines.
    """
    saves = {size: _worker("engine_peers", folder, None, megabytes(size), rounds) for size in sizes}
    found = [row for size, seconds in saves.items() if megabytes(size) >= LARGE for row in _saves(size, seconds)]
    largest = max(sizes, key=megabytes)
    found += _background(folder, megabytes(largest), largest, rounds)
    found += _restart(folder, megabytes(largest), largest, rounds)
    found += _memory(folder, megabytes(largest), largest)
    return found + _disk(folder), _engines(saves, kills.scores(folder))


def _worker(module: str, folder: Path, *arguments: object) -> Any:
    work = folder / "engines"
    work.mkdir()
    words = [str(work) if argument is None else str(argument) for argument in arguments]
    command = [sys.executable, "-m", f"benchmarks.{module}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shutil.rmtree(work)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _saves(size: str, seconds: dict[str, list[float]]) -> list[Row]:
    own, raw = seconds[OURS], seconds[RAW]
    ratio = _ratio(own, raw)
    found = [_row(f"durable save of {size}", own, RAW, raw, f"{ratio:.2f}x", "≤ 1.10x", ratio <= 1.1)]
    peers = [name for name in seconds if name.endswith(DURABLE)]
    if peers:
        fastest = min(peers, key=lambda name: _ratio(seconds[name], own))
        faster = _ratio(seconds[fastest], own)
        what, shown = "the same, against the fastest durable peer", f"takes {faster:.2f}x as long"
        found.append(_row(what, own, fastest, seconds[fastest], shown, "> 1x", faster > 1))
    return found


def _engines(saves: dict[str, dict[str, list[float]]], scores: dict[str, kills.Score]) -> str:
    """Return the table of the engines: times of a durable save, of the largest as it comes, and what survives."""
    names = list(dict.fromkeys(name for seconds in saves.values() for name in seconds if not name.endswith(DURABLE)))
    names += [name for name in scores if name not in names]
    largest = max(saves, key=megabytes)
    head = ["engine", *(f"{size}, durable" for size in saves), f"{largest}, as it comes"]
    lines = [[name, *_times(name, saves, largest), *_survival(scores.get(name))] for name in names]
    return markdown([*head, "killed in a save: old or new, whole", "flipped bits noticed"], lines)


def _times(name: str, saves: dict[str, dict[str, list[float]]], largest: str) -> list[str]:
    always = name in (OURS, RAW)
    durable = [_against_raw(seconds, name if always else name + DURABLE) for seconds in saves.values()]
    return [*durable, "" if always else _against_raw(saves[largest], name)]


def _against_raw(seconds: dict[str, list[float]], name: str) -> str:
    if name not in seconds:
        return ""
    return f"{_milliseconds(seconds[name])}, {_ratio(seconds[name], seconds[RAW]):.2f}x"


def _survival(score: kills.Score | None) -> list[str]:
    if score is None:
        return ["", ""]
    mixed = f", {score.mixed} mixed" if score.mixed else ""
    return [f"{score.whole} of {score.tried}{mixed}", f"{score.noticed} of {score.flips}"]


def _row(
    what: str, own: Sequence[float], name: str, peer: Sequence[float], ratio: str, budget: str, holds: bool
) -> Row:
    return Row(what, _milliseconds(own), f"{name}: {_milliseconds(peer)}", ratio, budget, holds)


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} ms"


def _ratio(first: Sequence[float], second: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def _background(folder: Path, size: int, shown: str, rounds: int) -> list[Row]:
    found = _worker("engine_series", folder, "asynchronous", None, size, rounds)
    held, slow = _ratio(found["blocked"], found["copy"]), _ratio(found["step_in_save"], found["step"])
    large = size >= LARGE
    step, during = (f"{1e6 * statistics.median(found[name]):.0f} µs" for name in ("step", "step_in_save"))
    return [
        _row(
            f"what an asynchronous save of {shown} holds up",
            found["blocked"],
            "warm copy in memory",
            found["copy"],
            f"{held:.2f}x",
            "≤ 1.5x" if large else "",
            not large or held <= 1.5,
        ),
        Row(
            "a step while it is written",
            during,
            f"alone: {step}",
            f"{slow:.2f}x",
            "≤ 1.15x" if large else "",
            not large or slow <= 1.15,
        ),
    ]


def _restart(folder: Path, size: int, shown: str, rounds: int) -> list[Row]:
    found = _worker("engine_series", folder, "restart", None, size, rounds)
    ratio, large = _ratio(found["restart"], found["read"]), size >= LARGE
    what, budget = f"restart to a verified state of {shown}", "≤ 1.3x" if large else ""
    holds = not large or ratio <= 1.3
    return [_row(what, found["restart"], "reading the files", found["read"], f"{ratio:.2f}x", budget, holds)]


def _memory(folder: Path, size: int, shown: str) -> list[Row]:
    found = _worker("engine_series", folder, "memory", None, size, 1)
    against = f"the state: {found['size']:.0f} MB"
    return [
        Row(what, f"{found[key]:.0f} MB", against, f"{found[key] / found['size']:.2f}x", "", True)
        for what, key in ((f"memory for a save of {shown}", "save"), ("in the background", "background"))
    ]


def _disk(folder: Path) -> list[Row]:
    found = _worker("engine_series", folder, "disk", None, 20, 1)
    rows = []
    for name, expected in (("weights", 0.24), ("adam", 0.46)):
        used, full = found[name]
        what = "20 epochs, 80 % frozen, " + ("weights alone" if name == "weights" else "with Adam")
        ratio, limit = used / full, expected * 1.05
        measured, against = f"{used / 1e6:.0f} MB", f"full copies: {full / 1e6:.0f} MB"
        rows.append(Row(what, measured, against, f"{ratio:.2f}x", f"≤ {limit:.2f}x", ratio <= limit))
    return rows
