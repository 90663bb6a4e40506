"""A training series is migrated with all that it is, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from candle_spec.conversion.migration.migrate import discard, migrate, planned
from candle_spec.digests import digest_json
from candle_spec.errors import CorruptFileError, InvalidInputError, SeriesInUseError
from candle_spec.manifest import CURRENT
from candle_spec.series.series import Series
from candle_spec.validation import validate
from tests.helpers.kept import copied, versions, weights_of
from tests.helpers.series.operations import damage
from tests.helpers.series.states import check_sound, open_series, state

OLD = "1.0.0-dev.1"


def inodes(series: Path) -> dict[str, int]:
    """Return which file each weights file really is."""
    return {path.relative_to(series).as_posix(): path.stat().st_ino for path in weights_of(series)}


@pytest.mark.parametrize("in_place", [True, False])
def test_a_series_is_migrated_with_all_that_it_is(tmp_path: Path, in_place: bool) -> None:
    folder = copied("series", tmp_path)
    (folder / "notes.txt").write_text("of the user")
    (folder / ".candle" / "bad").mkdir()
    (folder / ".candle" / "bad" / "002-x").write_text("set aside")
    before = inodes(folder)
    done = migrate(folder, None if in_place else tmp_path / "new")
    assert len(done.made) == 3
    assert set(versions(done.path).values()) == {CURRENT}
    assert done.path == (folder if in_place else tmp_path / "new")
    assert all(validate(path).ok for path in (done.path / "epochs").iterdir())
    assert {name: os.readlink(done.path / name) for name in ("last", "best")} == {
        "last": "epochs/003",
        "best": "epochs/003",
    }
    assert (done.path / "notes.txt").read_text() == "of the user"
    assert (done.path / ".candle" / "bad" / "002-x").read_text() == "set aside"
    after = inodes(done.path)
    assert len(set(after.values())) == len(set(before.values())) == 7, "one file for each content"
    assert (after == before) == in_place, "in its place, no weights file is written"
    with open_series(done.path) as series:
        assert check_sound(series) == {1: 0, 2: 0, 3: 0}
        assert series.find("first").name == "001", "a tag follows its checkpoint to its new seal"
        series.save(state(4))
    record = json.loads((done.path / ".candle" / "series.json").read_bytes())
    assert record["schema_version"] == CURRENT
    assert record["record_digest"] == digest_json({k: v for k, v in record.items() if k != "record_digest"})


def test_the_old_series_is_kept_until_it_is_discarded(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    done = migrate(folder)
    assert done.kept == tmp_path / "series.before-rc.1"
    assert check_sound(Series.read(done.kept)) == {1: 0, 2: 0, 3: 0}
    assert set(versions(done.kept).values()) == {OLD}
    assert discard(folder) == done.kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["series"]
    assert check_sound(Series.read(folder)) == {1: 0, 2: 0, 3: 0}
    assert migrate(folder).made == ()


def test_a_series_of_several_versions_becomes_one(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    with open_series(folder) as series:
        series.save(state(4))
    kept = (folder / "epochs" / "004" / "candle-checkpoint.json").read_bytes()
    assert [made.path.name for made in planned(folder)] == ["001", "002", "003"]
    assert len(migrate(folder).made) == 3
    assert (folder / "epochs" / "004" / "candle-checkpoint.json").read_bytes() == kept
    assert check_sound(Series.read(folder)) == {1: 0, 2: 0, 3: 0, 4: 0}


def test_a_series_that_a_training_writes_is_left_alone(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    with open_series(folder), pytest.raises(SeriesInUseError):
        migrate(folder)
    assert set(versions(folder).values()) == {OLD}


def test_a_damaged_checkpoint_is_named_and_nothing_is_changed(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    weights = folder / "epochs" / "002" / "optimizer.safetensors"
    damage(weights)
    with pytest.raises(CorruptFileError, match="it would not be valid") as caught:
        migrate(folder)
    assert "epochs/002" in caught.value.location
    weights.unlink()
    with pytest.raises(CorruptFileError, match=r"optimizer\.safetensors"):
        migrate(folder)
    with pytest.raises(CorruptFileError, match=r"optimizer\.safetensors"):
        list(planned(folder))
    assert set(versions(folder).values()) == {OLD}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["series"]


def test_one_checkpoint_of_a_series_is_migrated_elsewhere_only(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    with pytest.raises(InvalidInputError, match="migrated as a whole"):
        migrate(folder / "epochs" / "002")
    assert validate(migrate(folder / "epochs" / "002", tmp_path / "one").path).ok


def test_a_series_without_a_checkpoint_has_nothing_to_migrate(tmp_path: Path) -> None:
    with open_series(tmp_path / "new"):
        pass
    assert migrate(tmp_path / "new").made == ()
    assert not list(planned(tmp_path / "new"))


def test_a_checkpoint_within_an_epoch_counts(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    for name in ("001", "002"):
        migrate(folder / "epochs" / name, tmp_path / name)
    (folder / "epochs" / "003").rename(folder / "epochs" / "003-s00000030")
    shutil.rmtree(folder / "epochs" / "001")
    shutil.rmtree(folder / "epochs" / "002")
    assert [made.path.name for made in migrate(folder).made] == ["003-s00000030"]
