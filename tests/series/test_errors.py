"""Proof 3: whatever call the system refuses, what is saved stays good, the error is clear, the training can go on."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from candle_spec.atomic import Fs
from candle_spec.errors import WriteFailedError
from tests.helpers.series.faults import Counting, Refusing, Short, Without
from tests.helpers.series.operations import BEFORE, OPERATIONS, Operation, check_clean
from tests.helpers.series.states import check_sound, open_series, state
from tests.series.conftest import Fresh

CODES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EINTR, errno.EPERM)


def calls_of(folder: Path, operation: Operation) -> int:
    counting = Counting()
    with open_series(folder, counting) as series:
        operation.run(series)
    return len(counting.calls)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.slow
def test_refused_at_every_call(fresh: Fresh, operation: Operation) -> None:
    """Each call of a save is refused with every error; those of the rest with one after the other, once or for good."""
    for call in range(calls_of(fresh("counted"), operation)):
        turn = [(CODES[call % len(CODES)], call % 2 == 0)]
        for code, always in [(each, False) for each in CODES] if operation.name == "save" else turn:
            folder, refusing = fresh("refused"), Refusing(call, code, always=always)
            with open_series(folder, refusing) as series:
                done = attempt(series, operation)
                refusing.at = -1  # the disk is well again
                found = check_sound(series)
                for epoch in BEFORE:
                    allowed = {BEFORE[epoch], operation.after.get(epoch)}
                    # An interrupted replacement is completed by the next save.
                    assert found.get(epoch) in allowed or (folder / ".candle/intent.json").exists(), (call, code)
                if done:
                    assert found.keys() == operation.after.keys()
                assert series.restart_point("required") is not None
                assert attempt(series, operation), f"call {call}: it still fails when the disk is well again"
                assert check_sound(series) == dict(operation.after)
            open_series(folder).close()
            check_clean(folder)
            shutil.rmtree(folder)


def attempt(series: object, operation: Operation) -> bool:
    """Do it; a refusal has a message, a place and advice."""
    try:
        operation.run(series)  # type: ignore[arg-type]
    except WriteFailedError as error:
        refused = error
    else:
        return True
    assert refused.message.startswith("cannot write: ")
    assert refused.location
    assert refused.hint
    return False


def test_a_short_write_is_completed(fresh: Fresh) -> None:
    for call in range(0, calls_of(fresh("counted"), OPERATIONS[0]), 2):
        folder = fresh("short")
        with open_series(folder, Short(call)) as series:
            series.save(state(4))
            assert check_sound(series) == {**BEFORE, 4: 0}
        shutil.rmtree(folder)


def test_a_full_disk_is_seen_before_anything_is_touched(fresh: Fresh) -> None:
    class Full(Counting):
        def free_space(self, folder: Path) -> int:
            return 100

    full = Full()
    with open_series(fresh("full"), full) as series:
        with pytest.raises(WriteFailedError, match="bytes and 100 are free") as refused:
            series.save(state(4))
        assert "ckpt_keep_limit" in refused.value.hint
        assert full.calls == []
        assert check_sound(series) == BEFORE


@pytest.mark.parametrize("code", [errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EACCES])
def test_without_links_files_are_written_again(place: Path, code: int) -> None:
    with open_series(place / "ckpts", Without("link", "reflink", code=code)) as series:
        saved = [series.save(state(epoch)) for epoch in (1, 2, 3)]
        assert [each.shared_bytes for each in saved] == [0, 0, 0]
        assert check_sound(series) == BEFORE
    with open_series(place / "ckpts", Fs()) as series:
        assert series.save(state(4)).written_bytes > 0


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
def test_without_symbolic_links_last_is_a_text(place: Path, code: int) -> None:
    folder = place / "ckpts"
    with open_series(folder, Without("symlink", code=code)) as series:
        for epoch in (1, 2):
            series.save(state(epoch), best=epoch == 1)
        assert (folder / "last.txt").read_text() == "epochs/002\n"
        assert not (folder / "last").exists()
        last, best = series.last(), series.best()
        assert last is not None
        assert best is not None
        assert (last.epoch, best.epoch) == (2, 1)
        series.prune({2})
        assert check_sound(series) == {1: 0, 2: 0}
    with open_series(folder) as series:
        series.save(state(3))
    assert not (folder / "last.txt").exists()
    assert (folder / "last").is_symlink()
