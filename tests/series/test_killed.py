"""Proof 1: killed before or in the middle of any call, a series has every old checkpoint or the new one, complete."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.series.faults import Counting, Crash, Dying
from tests.helpers.series.operations import OPERATIONS, Operation, check_clean, check_interrupted
from tests.helpers.series.states import check_sound, open_series, state
from tests.series.conftest import Fresh

PARTLY = ("write", "copy_range", "remove_tree")
"""Calls that can be done in part; the others are one step for the file system."""


def calls_of(folder: Path, operation: Operation) -> list[str]:
    counting = Counting()
    with open_series(folder, counting) as series:
        opened = len(counting.calls)
        operation.run(series)
    assert opened == 0  # nothing to do for a series that was closed in order
    return counting.calls


def interrupt(folder: Path, operation: Operation, dying: Dying) -> None:
    with open_series(folder, dying) as series, pytest.raises(Crash):
        operation.run(series)


@pytest.mark.parametrize("halfway", [False, True], ids=["before", "halfway"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.slow
def test_killed_at_every_call(fresh: Fresh, operation: Operation, halfway: bool) -> None:
    calls = calls_of(fresh("counted"), operation)
    assert calls
    for call, kind in enumerate(calls):
        if halfway and kind not in PARTLY:
            continue
        folder = fresh(call)
        interrupt(folder, operation, Dying(call, halfway=halfway))
        with open_series(folder) as series:
            check_interrupted(series, operation)
            check_clean(folder)
            series.save(state(5))
            assert check_sound(series)[5] == 0
        shutil.rmtree(folder)


def test_killed_in_the_first_save_and_while_the_folders_are_made(place: Path) -> None:
    counting = Counting()
    with open_series(place / "counted", counting) as series:
        series.save(state(1))
    for call in range(len(counting.calls)):
        folder = place / str(call)
        with pytest.raises(Crash), open_series(folder, Dying(call)) as series:
            series.save(state(1))
        with open_series(folder) as series:
            assert check_sound(series) in ({}, {1: 0})
            series.save(state(1))
            series.set_best(1)
            assert check_sound(series) == {1: 0}
        check_clean(folder)


@pytest.mark.parametrize("name", ["redo", "prune"])
@pytest.mark.slow
def test_killed_again_while_the_first_kill_is_recovered(fresh: Fresh, name: str) -> None:
    operation = next(each for each in OPERATIONS if each.name == name)
    for call in range(len(calls_of(fresh("counted"), operation))):
        again = 0
        while True:
            folder, dying = fresh(f"{call}-{again}"), Dying(again)
            interrupt(folder, operation, Dying(call))
            try:
                with open_series(folder, dying):
                    break
            except Crash:
                with open_series(folder) as series:
                    check_interrupted(series, operation)
                    check_clean(folder)
            again += 1
