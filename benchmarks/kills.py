"""Kill a save before each call that changes the file system, flip bits in what it saved: does the restart notice?

Run as ``python -m benchmarks.kills FOLDER ENGINE CALLS FLIPS`` below ``LD_PRELOAD`` (:mod:`tools.dying`): prints a
:class:`Score` as JSON. The process imports the framework once; each save and each restart is a fork of it.
"""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.kill_engines import ENGINES, Engine
from tools import dying

ROOT = Path(__file__).parents[1]

CALLS = 30
"""Calls that are tried at most, evenly over the save."""

FLIPS = 30
"""Bits that are flipped, one at a time, in the middle of the largest file."""

OLD, NEW = {1.0}, {2.0}


@dataclass(frozen=True)
class Score:
    """What became of one engine's saves.

    Attributes:
        calls: Calls of the second save.
        tried: How many of them the process died before.
        whole: After how many the restart found the old or the new state, whole.
        mixed: After how many it gave a mixture without a word.
        flips: Bits that were flipped.
        noticed: How many of them a restart did not take for the state.
    """

    calls: int
    tried: int
    whole: int
    mixed: int
    flips: int
    noticed: int


def scores(
    folder: Path, engines: Collection[str] = ENGINES, calls: int = CALLS, flips: int = FLIPS
) -> dict[str, Score]:
    """Measure the engines that are installed; nothing where processes cannot be made to die."""
    if not dying.is_possible():
        return {}
    library = dying.build(folder)
    found = {}
    for name in engines:
        work = folder / "kills"
        work.mkdir()
        command = [sys.executable, "-m", "benchmarks.kills", str(work), name, str(calls), str(flips)]
        environment = {**os.environ, **dying.preloaded(library)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
        shutil.rmtree(work)
        if done.returncode == 0:
            found[name] = Score(**json.loads(done.stdout.splitlines()[-1]))
        elif "ModuleNotFoundError" not in done.stderr:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stderr}")
    return found


def measure(work: Path, engine: Engine, tried: int, flips: int) -> Score:
    """Try ``tried`` calls of a second save, and ``flips`` bits of a first one."""
    first, run = work / "first", work / "run"
    run.mkdir()
    _must(_forked(lambda: engine.save(run, 1, _never)), 0)
    run.rename(first)
    calls = _count(engine, first, run)
    points = sorted({round(1 + n * (calls - 1) / max(1, tried - 1)) for n in range(tried)})
    verdicts = [verdict for point in points if (verdict := _killed(engine, first, run, point)) is not None]
    noticed = sum(_flipped(engine, first, run, random.Random(seed)) for seed in range(flips))
    whole = sum(verdict in (OLD, NEW) for verdict in verdicts)
    mixed = sum(bool(verdict) and verdict not in (OLD, NEW) for verdict in verdicts)
    return Score(calls, len(verdicts), whole, mixed, flips, noticed)


def _never() -> None:
    pass


def _fresh(first: Path, run: Path) -> None:
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(first, run, symlinks=True)


def _count(engine: Engine, first: Path, run: Path) -> int:
    _fresh(first, run)
    told = run.with_name("calls")

    def save() -> None:
        engine.save(run, 2, partial(dying.arm, run, 1_000_000))
        told.write_text(str(dying.calls()))

    _must(_forked(save), 0)
    if _restarted(engine, run) != NEW:
        raise RuntimeError("a save that nobody disturbed is not found")
    return int(told.read_text())


def _killed(engine: Engine, first: Path, run: Path, at: int) -> set[float] | None:
    """Return what a restart finds; ``None`` where the save made fewer calls this time, as those with threads may."""
    _fresh(first, run)
    code = _forked(lambda: engine.save(run, 2, partial(dying.arm, run, at)))
    if code == 0:
        return None
    _must(code, dying.CODE)
    return _restarted(engine, run)


def _flipped(engine: Engine, first: Path, run: Path, chance: random.Random) -> bool:
    _fresh(first, run)
    largest = max((path for path in run.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[chance.randrange(len(data) // 4, len(data) * 3 // 4)] ^= 1 << chance.randrange(8)
    largest.write_bytes(data)
    return not _restarted(engine, run)


def _restarted(engine: Engine, run: Path) -> set[float]:
    """Return the numbers that a restart finds; none where it finds nothing or fails."""
    told = run.with_name("found")
    told.unlink(missing_ok=True)
    _forked(lambda: told.write_text(json.dumps(sorted(engine.found(run)))))
    return set(json.loads(told.read_text())) if told.exists() else set()


def _must(code: int, expected: int) -> None:
    if code != expected:
        raise RuntimeError(f"the process ended with {code} instead of {expected}")


def _forked(do: Callable[[], object]) -> int:
    """Run something in a fork; return its exit code."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    try:
        do()
    except BaseException:  # noqa: BLE001 - the fork must not go on as its parent would
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    made = ENGINES[sys.argv[2]]()
    print(json.dumps(asdict(measure(Path(sys.argv[1]), made, int(sys.argv[3]), int(sys.argv[4])))))
