"""Proof 4: a flipped bit anywhere is found, shared or not, and the restart goes on from a checkpoint that is sound."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from candle_spec.canonical import loads
from candle_spec.errors import CorruptFileError
from candle_spec.series.series import Series
from tests.helpers.series.operations import copy, damage
from tests.helpers.series.states import branch_of, check_sound, open_series, settings, state

BLOCK = 4096
SIZE = 3000
"""Elements: the files have several blocks."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a series in which every checkpoint shares the frozen file."""
    return make(tmp_path_factory.mktemp("shared") / "ckpts", min_copies=1)


@pytest.fixture(scope="module")
def separate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a series in which the newest two share nothing."""
    return make(tmp_path_factory.mktemp("separate") / "ckpts", min_copies=2)


def make(folder: Path, min_copies: int) -> Path:
    with open_series(folder, min_copies=min_copies) as series:
        for epoch in (1, 2, 3):
            series.save(state(epoch, size=SIZE))
    return folder


def blocks(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield a place in every block of every file of the newest checkpoint."""
    for path in sorted(each for each in (folder / "epochs/003").rglob("*") if each.is_file()):
        size = path.stat().st_size
        for start in range(0, size, BLOCK):
            yield path.relative_to(folder), min(size - 1, start + (start // BLOCK * 977) % BLOCK)


@pytest.mark.slow
def test_every_block_without_sharing(separate: Path, place: Path) -> None:
    """The restart is from epoch 3 itself, where a good copy of the file is left, else from epoch 2."""
    count = 0
    for name, at in blocks(separate):
        folder = damaged(separate, place / "flipped", name, at)
        assert any(str(fault.path).endswith("003") for fault in Series.read(folder).verify()) or not sealed(folder)
        with open_series(folder) as series:
            point = series.restart_point("required")
            assert point is not None
            epoch, branch = branch_of(point.path)
            assert (epoch, branch) in ((3, 0), (2, 0))
            assert point.passed_over or "copied from another checkpoint" in point.why
            series.mark_restarted(point)
            series.save(state(4, size=SIZE))
            assert check_sound(series)[4] == 0
        shutil.rmtree(folder)
        count += 1
    assert count > 20


def test_every_block_with_everything_shared(shared: Path, place: Path) -> None:
    """With ``min_copies=1`` a bad block of the shared file is in every checkpoint: only then is nothing left."""
    lost = 0
    for name, at in blocks(shared):
        folder = damaged(shared, place / "flipped", name, at)
        everywhere = (folder / name).stat().st_nlink == 3
        with open_series(folder) as series:
            if everywhere:
                lost += 1
                with pytest.raises(CorruptFileError, match="there is no sound checkpoint to restart from"):
                    series.restart_point("required")
                assert series.entries() == ()
                assert len(list((folder / ".candle/bad").iterdir())) == 3
            else:
                point = series.restart_point("required")
                assert point is not None
                assert branch_of(point.path) == (2, 0)
        shutil.rmtree(folder)
    assert lost > 5


def damaged(source: Path, folder: Path, name: Path, at: int) -> Path:
    copy(source, folder)
    damage(folder / name, at)
    return folder


def sealed(folder: Path) -> bool:
    """Whether the newest checkpoint still counts as one."""
    return any(entry.epoch == 3 and entry.complete for entry in Series.read(folder).entries())


def test_the_record_is_made_again(separate: Path, place: Path) -> None:
    folder = place / "ckpts"
    copy(separate, folder)
    run = loads((folder / ".candle/series.json").read_bytes(), location="")["run_id"]
    for at in range(0, (folder / ".candle/series.json").stat().st_size, 37):
        damage(folder / ".candle/series.json", at)
        with open_series(folder) as series:
            assert series.run_id == run
            assert [entry.epoch for entry in series.entries()] == [1, 2, 3]
            assert not any(entry.superseded for entry in series.entries())


def test_a_good_copy_repairs(separate: Path, place: Path) -> None:
    folder = place / "ckpts"
    copy(separate, folder)
    name = "model-00002-of-00002.safetensors"
    damage(folder / "epochs/003" / name, -1)
    with open_series(folder) as series:
        assert [fault.file for fault in series.verify()] == [name, name]  # epoch 1 holds the same file
        assert series.repair() == {"001": [name], "003": [name]}
        assert check_sound(series) == {1: 0, 2: 0, 3: 0}
        assert series.repair() == {}


def test_a_damaged_file_is_not_shared_with_paranoia(place: Path) -> None:
    folder = place / "ckpts"
    for every, sound in ((1, True), (0, False)):
        with Series.create_or_open(folder, settings=settings(paranoid_every=every)) as series:
            series.save(state(1))
            damage(folder / "epochs/001/model-00002-of-00002.safetensors", -1)
            series.save(state(2))
            assert (series.verify(2) == []) is sound
        shutil.rmtree(folder)


def test_nothing_is_set_aside_when_the_series_is_only_read(separate: Path, place: Path) -> None:
    folder = damaged(separate, place / "ckpts", Path("epochs/003/optimizer.safetensors"), 300)
    point = Series.read(folder).restart_point()
    assert point is not None
    assert point.path.name == "002"
    assert (folder / "epochs/003").is_dir()
