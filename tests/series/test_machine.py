"""Proof 5: whatever is done to a series, in any order, the invariants hold.

I1 every visible checkpoint verifies; I2 an acknowledged one is there unless it was pruned or replaced; I3 the newest
and the best are never pruned; I4 nothing outside the run changes; I5 what is restored is what was saved, bit for bit,
all of one moment; I6 the disk holds no more than what is live, but for what was set aside.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from candle_spec.errors import InvalidInputError, WriteFailedError
from candle_spec.series.series import Series
from tests.helpers.series.faults import Crash, Dying, Refusing
from tests.helpers.series.operations import copy, damage
from tests.helpers.series.states import branch_of, open_series, state

_MEMORY = Path("/dev/shm")


class Machine(RuleBasedStateMachine):
    """A training that saves, goes back, is killed and tidied up, beside another one in the same parent folder."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
        self.folder = self.base / "run" / "ckpts"
        self.other = self.base / "other" / "ckpts"
        self.saved: dict[int, int] = {}
        self.kept: set[int] = set()
        self.best = 0
        self.epoch = 0
        self.branch = 0
        self.series: Series | None = None

    @initialize()
    def begin(self) -> None:
        with open_series(self.other) as other:
            other.save(state(1, branch=9))
        self.stamp = self.look(self.other)
        self.series = open_series(self.folder, dedup_from=[self.other])

    def look(self, folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "lock"
        }

    @property
    def opened(self) -> Series:
        assert self.series is not None
        return self.series

    def newest(self) -> int:
        last = self.opened.last()
        return last.epoch if last else 0

    @rule(best=st.booleans())
    def save(self, best: bool) -> None:
        self.epoch += 1
        saved = self.opened.save(state(self.epoch, branch=self.branch), best=best)
        assert saved.path.name == f"{self.epoch:03d}"
        self.note(best)

    def note(self, best: bool = False) -> None:
        if self.saved.get(self.epoch) != self.branch:
            self.kept.discard(self.epoch)
            self.best = 0 if self.best == self.epoch else self.best
        self.saved[self.epoch] = self.branch
        self.best = self.epoch if best else self.best

    @precondition(lambda self: self.saved)
    @rule()
    def save_the_same_again(self) -> None:
        if self.saved.get(self.epoch) == self.branch:
            assert self.opened.save(state(self.epoch, branch=self.branch)).unchanged

    @rule(call=st.integers(0, 45), halfway=st.booleans())
    def die_in_a_save(self, call: int, halfway: bool) -> None:
        self.opened.close()
        dying = Dying(call, halfway=halfway)
        self.series = None
        done = False
        try:
            with open_series(self.folder, dying) as series:
                series.save(state(self.epoch + 1, branch=self.branch))
                done = True
        except Crash:
            pass
        self.series = open_series(self.folder)
        found = {entry.epoch: branch_of(entry.path)[1] for entry in self.opened.entries()}
        if done or found.get(self.epoch + 1) == self.branch != self.saved.get(self.epoch + 1):
            self.epoch += 1
            self.note()
            self.opened.save(state(self.epoch, branch=self.branch))  # last may not have got that far

    @rule(call=st.integers(0, 40), code=st.sampled_from([5, 28, 122]))
    def be_refused_in_a_save(self, call: int, code: int) -> None:
        self.opened.close()
        refusing = Refusing(call, code)
        try:
            with open_series(self.folder, refusing) as series:
                series.save(state(self.epoch + 1, branch=self.branch))
        except WriteFailedError:
            self.series = open_series(self.folder)
            self.opened.save(state(self.epoch + 1, branch=self.branch))
        else:
            self.series = open_series(self.folder)
        self.epoch += 1
        self.note()

    @precondition(lambda self: self.saved)
    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.saved)))
        point = self.opened.restart_point(str(epoch))
        assert point is not None
        assert branch_of(point.path) == (epoch, self.saved[epoch])
        self.opened.mark_restarted(point)
        self.epoch = epoch
        self.branch += 1

    @precondition(lambda self: self.saved)
    @rule()
    def restart(self) -> None:
        self.opened.close()
        self.series = open_series(self.folder)
        point = self.opened.restart_point("auto")
        assert point is not None
        assert point.entry is not None
        self.opened.mark_restarted(point)
        self.epoch = point.entry.epoch
        self.branch += 1

    @precondition(lambda self: self.saved)
    @rule(data=st.data(), tag=st.sampled_from(["", "published"]))
    def keep(self, data: st.DataObject, tag: str) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.saved)))
        self.opened.tag(epoch, f"{tag}-{epoch}") if tag else self.opened.pin(epoch)
        self.kept.add(epoch)

    @rule(data=st.data())
    def prune(self, data: st.DataObject) -> None:
        keep = data.draw(st.sets(st.sampled_from(sorted(self.saved)))) if self.saved else set()
        planned = self.opened.prune(keep, dry_run=True)
        done = self.opened.prune(keep)
        assert planned == done
        removed = {int(name) for name in done.removed}
        assert not removed & (keep | self.kept | {self.newest(), self.best})
        for epoch in removed:
            del self.saved[epoch]

    @precondition(lambda self: len(self.saved) > 1)
    @rule(at=st.integers(0, 200))
    def spoil_the_newest(self, at: int) -> None:
        """A flipped bit in what only the newest holds: the restart is from another one, or from the repaired one."""
        epoch = self.newest()
        path = self.folder / "epochs" / f"{epoch:03d}" / "optimizer.safetensors"
        if epoch in self.kept or epoch == self.best or path.stat().st_nlink > 1:
            return
        damage(path, at)
        self.opened.close()
        self.series = open_series(self.folder)
        point = self.opened.restart_point("auto")
        assert point is not None
        assert point.entry is not None
        if point.entry.epoch != epoch:
            del self.saved[epoch]
        self.opened.mark_restarted(point)
        self.epoch, self.branch = point.entry.epoch, self.branch + 1
        self.opened.set_last(self.epoch)

    @rule()
    def move_elsewhere(self) -> None:
        """A copy of the tree is a series, wherever it stands."""
        self.opened.close()
        elsewhere = self.base / f"copy-{len(os.listdir(self.base))}" / "ckpts"
        copy(self.folder, elsewhere)
        self.folder = elsewhere
        self.series = open_series(self.folder)

    @invariant()
    def holds(self) -> None:
        if self.series is None:
            return
        assert self.opened.verify() == []  # I1
        found = dict(branch_of(entry.path) for entry in self.opened.entries())  # I5
        assert found == self.saved  # I2, I3
        assert self.look(self.other) == self.stamp  # I4
        assert os.listdir(self.folder / ".candle/staging") == []  # I6
        assert os.listdir(self.folder / ".candle/trash") == []
        if self.saved:
            try:
                point = self.opened.restart_point("required")
            except InvalidInputError as error:
                raise AssertionError(str(error)) from error
            assert point is not None
            assert not point.passed_over

    def teardown(self) -> None:
        if self.series is not None:
            self.series.close()
        shutil.rmtree(self.base)


TestMachine = pytest.mark.slow(Machine.TestCase)
TestMachine.settings = settings(
    max_examples=15,
    stateful_step_count=18,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
