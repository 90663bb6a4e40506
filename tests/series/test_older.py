"""A training that an older version of the format began goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from candle_spec.canonical import pretty
from candle_spec.errors import CorruptFileError
from candle_spec.manifest import CURRENT
from candle_spec.series import record as records
from candle_spec.series.series import Series
from tests.helpers.kept import copied, versions
from tests.helpers.series.states import branch_of, check_sound, open_series, state

OLD = "1.0.0-dev.1"


def test_a_series_is_read_as_it_is(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    series = Series.read(folder)
    assert check_sound(series) == {1: 0, 2: 0, 3: 0}
    assert [(entry.name, entry.tags) for entry in series.entries()] == [("001", ("first",)), ("002", ()), ("003", ())]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_training_goes_on(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    with open_series(folder) as series:
        point = series.restart_point("auto")
        assert point is not None
        assert branch_of(point.path) == (3, 0)
        series.mark_restarted(point)
        series.save(state(4), best=True)
        assert check_sound(series) == {1: 0, 2: 0, 3: 0, 4: 0}
    assert versions(folder) == {"001": OLD, "002": OLD, "003": OLD, "004": CURRENT}
    shared = {path.name: path.stat().st_ino for path in (folder / "epochs" / "001").glob("model-*")}
    assert {path.stat().st_ino for path in (folder / "epochs" / "004").glob("model-*")} & set(shared.values())
    with open_series(folder) as series:
        assert len(series.entries()) == 4
        assert series.find("first").name == "001"
        assert series.prune([4]).removed == ("002", "003")
        assert series.verify() == []


def test_an_epoch_of_an_older_version_is_replaced(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    with open_series(folder) as series:
        series.save(state(3, branch=1))
        assert check_sound(series) == {1: 0, 2: 0, 3: 1}
    assert versions(folder)["003"] == CURRENT


def test_a_replacement_that_an_older_version_began_is_completed(tmp_path: Path) -> None:
    folder = copied("series", tmp_path)
    staging = folder / ".candle" / "staging"
    staging.mkdir()
    (folder / "epochs" / "003").rename(staging / "7-abc")
    intent = {"folder": "003", "staged": "7-abc", "aside": "003-x", "keep": False}
    header = {"$schema": f"urn:candle-spec:schemas:series-intent:{OLD}", "schema_version": OLD}
    (folder / ".candle" / "intent.json").write_bytes(pretty(header | intent))
    with open_series(folder) as series:
        assert check_sound(series) == {1: 0, 2: 0, 3: 0}


def test_a_record_that_was_changed_is_noticed(tmp_path: Path) -> None:
    path = copied("series", tmp_path) / ".candle" / "series.json"
    assert records.read(path).marks[0].tag == "first"
    document = json.loads(path.read_bytes())
    path.write_bytes(pretty({**document, "name": "another"}))
    with pytest.raises(CorruptFileError, match="changed after it was written"):
        records.read(path)
