"""The snapshot: laid out as the files will be, aligned, equal to what a direct write gives, honest about memory."""

import numpy as np
import pytest

from candle_spec.checkpoint.contents import Contents, Framework, Group
from candle_spec.series.saves.arena import PAGE, Arena, file_image
from candle_spec.series.saves.file_writer import FileWriter
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.weights.live import array_leaf
from candle_spec.weights.shards import plan_group
from candle_spec.weights.sources import MemoryBytes, plain


def state_of(**arrays: np.ndarray) -> TrainingState:
    tensors = [array_leaf(value).named("model", name) for name, value in arrays.items()]
    tensors.append(plain("model", "made", "U8", (3,), MemoryBytes(b"abc")))
    contents = Contents(Framework("numpy"), [Group("model", "model")], tensors)
    return TrainingState(1, contents)


def planned(state: TrainingState):
    return [plan_group("model", state.contents.tensors, {"format": "np"})]


def written(state: TrainingState) -> bytes:
    """The file as the ordinary writer makes it."""
    (plan,) = planned(state)
    (file,) = plan.files
    parts = (b"".join(file.parts[key].part.data.blocks()) for key in file.header.entries)
    return file.head + b"".join(parts)


ARRAYS = {
    "whole": np.arange(100_000, dtype=np.float32),
    "transposed": np.arange(12, dtype=np.float64).reshape(3, 4).T,
    "sliced": np.arange(40, dtype=np.int16).reshape(5, 8)[:, ::2],
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "complex": np.array([1 + 2j, 3 - 4j]),
    "big_endian": np.arange(5, dtype=">i4"),
}


def test_the_image_is_the_file_and_its_parts_stand_in_it():
    live = state_of(**ARRAYS)
    expected = written(live)
    frozen = Arena().snapshot(live, planned)
    assert not frozen.why_live
    assert written(frozen.state) == expected
    (plan,) = planned(frozen.state)
    image = file_image(plan.files[0])
    assert image is not None
    assert bytes(image.view[: image.size]) == expected
    assert len(image.view) % PAGE == 0
    assert not any(image.view[image.size :])
    assert np.frombuffer(image.view, np.uint8).ctypes.data % PAGE == 0


def test_the_copy_does_not_follow_the_training():
    weights = np.ones(1000, np.float32)
    frozen = Arena().snapshot(state_of(weights=weights), planned)
    before = written(frozen.state)
    weights[:] = 2
    assert written(frozen.state) == before
    assert written(state_of(weights=weights)) != before


def test_large_tensors_are_copied_in_pieces():
    large = np.random.default_rng(0).integers(0, 255, (20 << 20) + 5, dtype=np.uint8)
    live = state_of(large=large, small=np.arange(3))
    assert written(Arena(jobs=2).snapshot(live, planned).state) == written(live)


def test_the_memory_is_used_again_and_what_was_behind_a_smaller_file_is_zero():
    arena = Arena()
    arena.snapshot(state_of(large=np.full(50_000, 255, np.uint8)), planned)
    size = arena.size
    small = arena.snapshot(state_of(small=np.full(10, 255, np.uint8)), planned)
    assert arena.size == size
    (plan,) = planned(small.state)
    image = file_image(plan.files[0])
    assert image is not None
    assert not any(image.view[image.size :])


def test_the_series_writes_a_snapshot_from_where_it_stands(tmp_path, monkeypatch):
    large = np.random.default_rng(0).integers(0, 255, (18 << 20) + 77, dtype=np.uint8)
    live = state_of(large=large, **ARRAYS)
    with Series.create_or_open(tmp_path / "live") as series:
        expected = series.save(live)
    with Series.create_or_open(tmp_path / "frozen") as series:
        frozen = Arena().snapshot(live, series.plan).state
        monkeypatch.setattr(FileWriter, "_aligned", lambda self, size: pytest.fail("the bytes were moved again"))
        saved = series.save(frozen)
        assert series.verify() == []
    assert saved.manifest["files"] == expected.manifest["files"]


def test_a_live_state_has_no_image():
    (plan,) = planned(state_of(**ARRAYS))
    assert file_image(plan.files[0]) is None


def test_another_plan_than_that_of_the_snapshot_has_no_image():
    frozen = Arena().snapshot(state_of(**ARRAYS), planned)
    other = plan_group("model", frozen.state.contents.tensors, {"format": "pt", "more": "words"})
    assert file_image(other.files[0]) is None


@pytest.mark.parametrize("free", [0, 100 << 20])
def test_short_memory_is_said_and_nothing_is_copied(free):
    arena = Arena(available=lambda: free)
    live = state_of(**ARRAYS)
    frozen = arena.snapshot(live, planned)
    assert "MiB of memory are free" in frozen.why_live
    assert arena.size == 0
    assert frozen.state is live


def test_an_arena_that_is_large_enough_asks_for_no_memory():
    free = [1 << 40]
    arena = Arena(available=lambda: free[0])
    arena.snapshot(state_of(**ARRAYS), planned)
    free[0] = 0
    assert not arena.snapshot(state_of(**ARRAYS), planned).why_live
