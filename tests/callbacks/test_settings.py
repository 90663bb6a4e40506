"""The settings that every callback takes: what they say wins, and all of it reaches the checkpoint."""

from dataclasses import FrozenInstanceError

import pytest

from candle_spec.callbacks import Settings
from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.series.series import Series
from candle_spec.series.store import RunIdentity
from tests.helpers.trainings.counter import Counter, recording


def test_what_they_say_wins_over_what_the_framework_knows():
    known = Settings().filled(name="Net", rank=2)
    assert (known.name, known.rank) == ("Net", 2)
    said = Settings(name="uno", rank=0).filled(name="Net", rank=2)
    assert (said.name, said.rank) == ("uno", 0)
    assert Settings().filled().rank is None
    with pytest.raises(FrozenInstanceError):
        said.name = "other"


def test_all_of_them_reach_the_checkpoint(tmp_path):
    lines, saves = [], []
    settings = Settings(
        name="uno",
        model_description={"title": "Response to drugs"},
        run=RunIdentity("EXP1.RUN0", experiment="EXP1"),
        asynchronous=False,
        say=lines.append,
        on_saved=(saves.append,),
    )
    with recording(Recorder.of(Counter(), tmp_path / "ckpts", None, settings)) as made:
        made.epoch_end(1, {"val_loss": 1.0})
        assert [done.path.name for done in saves] == ["001"]
    manifest = Series.read(tmp_path / "ckpts").restart_point("last").checkpoint.manifest
    assert (manifest["name"], manifest["title"]) == ("uno", "Response to drugs")
    assert manifest["lineage"]["experiment"] == "EXP1"
    assert lines[0].startswith("checkpoints: ")
