"""Proof 2: after a power cut at any moment, all that was promised is there; and no fsync is for show."""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.series import record as records
from candle_spec.series.layout import Layout
from candle_spec.series.series import Series
from tests.helpers.series.power import Call, Disk, Image, Recording
from tests.helpers.series.states import open_series, state


@dataclass(frozen=True)
class Promise:
    """What must hold from a moment on.

    Attributes:
        branches: Branch of every epoch.
        last: Epoch that ``last`` names.
        tags: Tags that exist.
        attempts: Number of attempts.
        run: Id of the run.
    """

    branches: dict[int, int] = field(default_factory=dict)
    last: int = 0
    tags: frozenset[str] = frozenset()
    attempts: int = 1
    run: str = ""


class Violation(Exception):
    """A state after a power cut breaks a promise."""


def promised(series: Series, tags: frozenset[str]) -> Promise:
    last = series.last()
    record = records.read(Layout(series.path).record)
    branches = dict(told(entry.path) for entry in series.entries())
    return Promise(branches, last.epoch if last else 0, tags, len(record.attempts), series.run_id)


def told(path: Path) -> tuple[int, int]:
    """Return epoch and branch from the state tree: that every byte is the saved one, the digests have said."""
    held = Checkpoint(path).state(framework="numpy")
    return held["epoch"], held["branch"]


def story(folder: Path) -> list[Call]:
    """Make, save, share, tag, redo, prune, roll back, redo a tagged one; return all calls and promises."""
    recording = Recording(folder)
    with open_series(folder, recording) as series:
        recording.promise(promised(series, frozenset()))
        for epoch in (1, 2, 3):
            series.save(state(epoch))
            recording.promise(promised(series, frozenset()))
        series.tag(1, "first")
        tags = frozenset({"first"})
        recording.promise(promised(series, tags))
        series.save(state(3, branch=1))
        recording.promise(promised(series, tags))
        series.save(state(4))
        recording.promise(promised(series, tags))
        series.prune({4})
        recording.promise(promised(series, tags))
        series.mark_restarted(series.restart_point("1"))
        recording.promise(promised(series, tags))
        series.save(state(2, branch=1))
        recording.promise(promised(series, tags))
        series.tag(2, "second")
        recording.promise(promised(series, tags | {"second"}))
        series.save(state(1, branch=3))
        recording.promise(promised(series, frozenset({"second"})))
        series.save(state(5))
        recording.promise(promised(series, frozenset({"second"})))
        series.prune({5})
        recording.promise(promised(series, frozenset({"second"})))
    return recording.log


def check(image: Image, folder: Path, before: Promise, after: Promise) -> None:
    """Open what is left and compare it with what held before and will hold after the call that was under way."""
    shutil.rmtree(folder, ignore_errors=True)
    image.build(folder)
    try:
        with open_series(folder) as series:
            _compare(series, before, after)
    except (AssertionError, OSError, ValueError) as error:
        raise Violation(f"{before} -> {after}: {error}") from error


def _compare(series: Series, before: Promise, after: Promise) -> None:
    assert series.verify() == []
    found = dict(told(entry.path) for entry in series.entries() if entry.complete)
    for epoch in before.branches.keys() | after.branches.keys():
        allowed = {before.branches.get(epoch), after.branches.get(epoch)}
        assert found.get(epoch) in allowed, f"epoch {epoch} is {found.get(epoch)}"
    assert found.keys() <= before.branches.keys() | after.branches.keys()
    last = series.last()
    assert (last.epoch if last else 0) in {before.last, after.last}, f"last is {last}"
    if before.run:
        assert series.run_id == before.run
    record = records.read(Layout(series.path).record)
    tags = {mark.tag for mark in record.marks if any(entry.tags for entry in series.entries())}
    assert before.tags & after.tags <= tags
    assert len(record.attempts) >= min(before.attempts, after.attempts)
    if before.branches:
        assert series.restart_point("required", verify=False) is not None


def walk(log: Sequence[Call], without: int = -1) -> Iterator[tuple[int, Disk, Promise, Promise]]:
    """Yield the model after every call, with the promises before and after it; leave out one call."""
    promises = [(index, call.args[0]) for index, call in enumerate(log) if call.name == "promise"]
    disk = Disk()
    for index, call in enumerate(log):
        if call.name != "promise" and index != without:
            disk.do(call)
        before = next((value for at, value in reversed(promises) if at <= index), Promise(attempts=0))
        after = next((value for at, value in promises if at > index), before)
        yield index, disk, before, after


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    return story(tmp_path_factory.mktemp("story") / "ckpts")


@pytest.mark.slow
def test_power_may_fail_after_every_call(log: list[Call], place: Path) -> None:
    seen: set[Any] = set()
    chance = random.Random(4)
    for index, disk, before, after in walk(log):
        if log[min(index + 1, len(log) - 1)].name in ("open_new", "write", "make_folder", "link", "symlink"):
            continue  # the next moment has all that is undecided now, and more
        for outcome in disk.outcomes(1, chance):
            image = disk.image(outcome)
            key = hash(image), id(before), id(after)
            if key in seen:
                continue
            seen.add(key)
            try:
                check(image, place / "cut", before, after)
            except Violation as error:
                pytest.fail(f"power cut after call {index}, {log[index].name} {log[index].args[:1]}: {error}")
    assert len(seen) > 500


@pytest.mark.slow
def test_every_fsync_is_needed(log: list[Call], place: Path) -> None:
    needless = [site for site, index in sites(log).items() if not is_needed(log, index, place / "cut")]
    assert len(sites(log)) > 30
    assert needless == []


def sites(log: Sequence[Call]) -> dict[str, int]:
    """Return one fsync of every kind: the same one of another save of the same kind shows the same."""
    found: dict[str, int] = {}
    kinds = iter("make,first save,save,save,tag,redo,save,prune,restart,roll back,tag,kept,save,prune".split(","))
    kind = next(kinds)
    for index, call in enumerate(log):
        if call.name == "promise":
            kind = next(kinds, "")
        elif call.name == "sync" and call.args[0] != "..":
            path = re.sub("/[0-9]+-[0-9a-f]{8}", "/new", call.args[0])
            path = re.sub(r"staging-[0-9]+-[0-9a-f]{8}", "staging", path)
            found[f"{kind}: {path}"] = index
    return found


def is_needed(log: Sequence[Call], without: int, folder: Path) -> bool:
    """Whether some power cut breaks a promise when one fsync is left out."""
    seen: set[int] = set()
    # A promise that was just made is the first to be broken.
    for kinds, most in ((("promise",), 40), (("rename",), 150), ((), 150)):
        chance = random.Random(5)
        for index, disk, before, after in walk(log[: without + 60] if most > 40 else log, without):
            if index < without or (kinds and log[index].name not in kinds):
                continue
            for outcome in itertools.islice(disk.outcomes(2, chance), most):
                image = disk.image(outcome)
                key = hash((image, id(before), id(after)))
                if key in seen:
                    continue
                seen.add(key)
                try:
                    check(image, folder, before, after)
                except Violation:
                    return True
    return False


@pytest.mark.slow
def test_a_power_cut_while_the_redo_of_an_epoch_is_recovered(log: list[Call], place: Path) -> None:
    """The recovery is itself cut at every call: what it was to complete is completed by the next one."""
    intents = [i for i, call in enumerate(log) if call.name == "rename" and call.args[1].endswith("intent.json")]
    end = next(i for i in range(intents[0], len(log)) if log[i].name == "promise")
    for cut, disk, before, after in walk(log[: end + 1]):
        if cut < intents[0] or (cut - intents[0]) % 3:
            continue
        for number, outcome in enumerate(disk.outcomes(0, random.Random(6))):
            folder = place / f"{cut}-{number}"
            disk.image(outcome).build(folder)
            start, recording = Disk.of(folder), Recording(folder)
            with open_series(folder, recording):
                recovery = recording.log
            for call in recovery:
                start.do(call)
                for again in itertools.islice(start.outcomes(0, random.Random(7)), 6):
                    check(start.image(again), place / "again", before, after)
            shutil.rmtree(folder)
            if number >= 3:
                break
    assert os.listdir(place) in ([], ["again"])
