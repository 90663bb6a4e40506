"""What is done to a series in the proofs: each operation starts from the same series and ends in a known one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from candle_spec.series.series import Series
from tests.helpers.series.states import check_sound, open_series, state

Branches = Mapping[int, int]


def start(folder: Path) -> None:
    """Make the series from which the operations start: three epochs, of which the first is tagged."""
    with open_series(folder) as series:
        for epoch in (1, 2, 3):
            series.save(state(epoch))
        series.tag(1, "first")
        series.set_best(3)


def copy(source: Path, target: Path) -> None:
    """Copy a series with its links."""
    seen: dict[int, Path] = {}
    for folder, _, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(parents=True, exist_ok=True)
        for name in [*files, *(each for each in os.listdir(folder) if Path(folder, each).is_symlink())]:
            old, new = Path(folder, name), here / name
            if os.path.lexists(new):
                continue
            inode = old.lstat().st_ino
            if old.is_symlink():
                new.symlink_to(os.readlink(old))
            elif inode in seen:
                os.link(seen[inode], new)
            else:
                shutil.copy2(old, new)
                seen[inode] = new


def damage(path: Path, at: int = -1) -> None:
    """Flip a bit of a file, whoever may write it."""
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(data)


def _redo(series: Series) -> None:
    series.save(state(3, branch=1))


def _roll_back(series: Series) -> None:
    series.mark_restarted(series.restart_point("1"))
    series.save(state(2, branch=1))


def _redo_tagged(series: Series) -> None:
    series.save(state(1, branch=1))


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: Its name.
        run: Does it.
        after: Branch of every epoch after it.
        last: The epochs that ``last`` may name after it was interrupted.
    """

    name: str
    run: Callable[[Series], object]
    after: Branches
    last: tuple[int, ...] = (3,)


BEFORE: Branches = {1: 0, 2: 0, 3: 0}

OPERATIONS = (
    Operation("save", lambda series: series.save(state(4), best=True), {**BEFORE, 4: 0}, (3, 4)),
    Operation("save-again", lambda series: series.save(state(3)), BEFORE),
    Operation("redo", _redo, {**BEFORE, 3: 1}),
    Operation("redo-tagged", _redo_tagged, {**BEFORE, 1: 1}, (1, 3)),
    Operation("roll-back", _roll_back, {**BEFORE, 2: 1}, (2, 3)),
    Operation("prune", lambda series: series.prune({3}), {1: 0, 3: 0}),
    Operation("tag", lambda series: series.tag(3, "published"), BEFORE),
    Operation("best", lambda series: series.set_best(2), BEFORE),
    Operation("roll-back-link", lambda series: series.set_last(2), BEFORE, (2, 3)),
)


def check_interrupted(series: Series, operation: Operation) -> None:
    """Check what an interrupted operation may leave: everything old, or new where it made something new."""
    found = check_sound(series)
    for epoch in BEFORE.keys() | operation.after.keys():
        allowed = {branches.get(epoch) for branches in (BEFORE, operation.after)}
        assert found.get(epoch) in allowed, (epoch, found)
    assert found.keys() <= BEFORE.keys() | operation.after.keys()
    last = series.last()
    assert last is not None
    assert last.epoch in operation.last
    assert series.best() is not None or operation.name == "redo"  # what best named may be gone
    point = series.restart_point("required")
    assert point is not None
    assert point.entry == last
    assert not point.passed_over


def check_clean(folder: Path) -> None:
    """Check that nothing private is left."""
    assert os.listdir(folder / ".candle/staging") == []
    assert os.listdir(folder / ".candle/trash") == []
    assert not (folder / ".candle/intent.json").exists()
    names = {name.removesuffix(".txt") for name in os.listdir(folder)}
    assert names - {"best"} == {".candle", "epochs", "last"}
    assert sorted(os.listdir(folder / ".candle")) == ["bad", "lock", "series.json", "staging", "trash"]
