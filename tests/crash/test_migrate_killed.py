"""A migration in place that is killed before, or in the middle of, any call leaves the old one or the new one whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from candle_spec.atomic import Fs, staging
from candle_spec.conversion.migration.migrate import discard, migrate
from candle_spec.digests import digest_file
from candle_spec.series.series import Series
from candle_spec.validation import validate
from tests.helpers.kept import copied
from tests.helpers.series.faults import Crash, Dying
from tests.helpers.series.states import check_sound

STEP = int(os.environ.get("CANDLE_SPEC_KILL_STEP", "5"))
"""Every so many calls are tried for a series; 1 in the nightly run."""


class DyingWithoutExchange(Dying):
    """On a system that cannot exchange two names."""

    def exchange(self, first: Path, second: Path) -> bool:
        return False


class WithoutExchange(Fs):
    def exchange(self, first: Path, second: Path) -> bool:
        return False


SYSTEMS: dict[str, tuple[type[Dying], type[Fs]]] = {
    "exchange": (Dying, Fs),
    "renames": (DyingWithoutExchange, WithoutExchange),
}


def files(folder: Path) -> dict[str, str]:
    """Return the digest of each file that is not about a lock."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.name != "lock")
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in found}


def killed(run: Callable[[Fs], object], fs: Dying) -> bool:
    """Run something on a file system that dies; whether it did."""
    try:
        run(fs)
    except Crash:
        return True
    return False


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a killed process left be seen as such, although this process lives."""
    monkeypatch.setattr(staging, "_owner_alive", lambda name: False)


def is_new(folder: Path, kind: str) -> bool:
    if kind == "series":
        return all(validate(path).ok for path in (folder / "epochs").iterdir())
    return validate(folder).ok


@pytest.mark.slow
@pytest.mark.usefixtures("gone")
@pytest.mark.parametrize("halfway", [False, True], ids=["before", "halfway"])
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("kind", ["described", "series"])
def test_killed_at_every_call(tmp_path: Path, kind: str, system: str, halfway: bool) -> None:
    dying, sound = SYSTEMS[system]
    counting = dying()
    first = copied(kind, tmp_path / "measure")
    migrate(first, fs=counting)
    total = len(counting.calls)
    assert total > 20
    for call in range(0, total, 1 if kind == "described" else STEP):
        where = tmp_path / str(call)
        path = copied(kind, where)
        before = files(path)
        kept = where / f"{kind}.before-rc.1"
        assert killed(lambda fs, path=path: migrate(path, fs=fs), dying(call, halfway=halfway)), call  # type: ignore[misc]
        old = [each for each in (path, kept) if each.is_dir() and files(each) == before]
        assert old, f"killed at call {call} ({counting.calls[call]}): the old one is gone"
        assert path not in old or not kept.exists() or is_new(kept, kind)
        assert path in old or not path.exists() or is_new(path, kind), f"killed at call {call}: half a new one"
        migrate(path, fs=sound())
        assert is_new(path, kind)
        assert files(kept) == before
        assert sorted(each.name for each in where.iterdir()) == [kind, kept.name]
        if kind == "series":
            assert check_sound(Series.read(path)) == {1: 0, 2: 0, 3: 0}


@pytest.mark.usefixtures("gone")
def test_discarding_that_is_killed_leaves_the_new_one(tmp_path: Path) -> None:
    for halfway in (False, True):
        for call in range(4):
            path = copied("plain", tmp_path / f"{call}{halfway}")
            migrate(path)
            assert killed(lambda fs, path=path: discard(path, fs=fs), Dying(call, halfway=halfway))  # type: ignore[misc]
            assert validate(path).ok
            migrate(path)  # tidies up
            kept = path.with_name("plain.before-rc.1")
            if kept.exists():
                discard(path)
            assert [each.name for each in path.parent.iterdir()] == ["plain"]
