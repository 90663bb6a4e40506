"""The store of a training series: what is shared, what is superseded, what a checkpoint says of its run."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

import candle_spec
from candle_spec.checkpoint.contents import SideFile
from candle_spec.errors import InvalidInputError, MissingPathError
from candle_spec.series.series import Series
from candle_spec.series.store import RunIdentity, StoreSettings
from candle_spec.validation import validate
from tests.helpers.series.faults import Counting
from tests.helpers.series.operations import copy
from tests.helpers.series.states import branch_of, check_sound, open_series, settings, state

FROZEN_FILE = "model-00002-of-00002.safetensors"


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_every_checkpoint_is_valid_and_loads_through_last(tmp_path: Path) -> None:
    folder = tmp_path / "ckpts"
    with Series.create_or_open(folder) as series:
        for epoch in (1, 2, 3):
            series.save(state(epoch, metrics={"val_loss": math.nan if epoch == 2 else 0.5, "accuracy": math.inf}))
        metrics = [entry.metrics["val_loss"] for entry in series.entries()]
        assert math.isnan(metrics[1])
        assert metrics[2] == 0.5
        assert series.entries()[0].metrics["accuracy"] == math.inf
    for path in sorted((folder / "epochs").iterdir()):
        report = validate(path, strict_safe=True)
        assert report.errors == []
        assert all(result.state.value == "ok" for result in report.levels[:6])
    assert candle_spec.load(folder / "last").document["training_state"]["epoch"] == 3
    assert (folder / "last").readlink() == Path("epochs/003")


def test_plain_safetensors_reads_an_epoch(tmp_path: Path) -> None:
    import json

    from safetensors.numpy import load_file

    with open_series(tmp_path / "ckpts") as series:
        path = series.save(state(1)).path
    index = json.loads((path / "model.safetensors.index.json").read_bytes())
    assert set(index["weight_map"]) == {"encoder.weight", "head.weight"}
    assert load_file(path / index["weight_map"]["head.weight"])["head.weight"][0] == 1000


@pytest.mark.parametrize(("copies", "distinct"), [(1, 1), (2, 2), (3, 3)])
def test_the_newest_checkpoints_hold_the_frozen_file_apart(tmp_path: Path, copies: int, distinct: int) -> None:
    folder = tmp_path / "ckpts"
    with open_series(folder, min_copies=copies) as series:
        for epoch in range(1, 7):
            series.save(state(epoch))
        files = [folder / f"epochs/{epoch:03d}" / FROZEN_FILE for epoch in range(1, 7)]
        assert len({inode(path) for path in files}) == distinct
        assert len({inode(path) for path in files[-copies:]}) == copies
        assert check_sound(series) == dict.fromkeys(range(1, 7), 0)


def test_twenty_epochs_take_little_more_than_what_is_unique(tmp_path: Path) -> None:
    size = 20_000
    with open_series(tmp_path / "ckpts") as series:
        written = sum(series.save(state(epoch, size=size)).written_bytes for epoch in range(1, 21))
        unique = 4 * size * 4 + 20 * 2 * size * 4
        assert written <= 1.05 * unique
        assert sum(entry.unique_size for entry in series.entries()) < written


def test_what_does_not_change_is_found_without_being_told(tmp_path: Path) -> None:
    size = 4000
    with open_series(tmp_path / "ckpts") as series:
        shared = [series.save(state(epoch, size=size, stable=frozenset())).shared_bytes for epoch in range(1, 6)]
    assert shared[1] < size
    assert all(each > 16 * size for each in shared[3:])
    with open_series(tmp_path / "ckpts") as series:  # what was learned is seen in the checkpoints
        assert series.save(state(6, size=size, stable=frozenset())).shared_bytes > 16 * size


def test_a_hint_is_never_a_proof(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        series.save(state(1))
        series.save(state(2, stable=frozenset({("model", "head.weight"), ("model", "encoder.weight")})))
        assert check_sound(series) == {1: 0, 2: 0}


def test_files_of_another_run_are_shared(tmp_path: Path) -> None:
    parent, child = tmp_path / "parent/ckpts", tmp_path / "child/ckpts"
    with open_series(parent) as series:
        path, run = series.save(state(1)).path, series.run_id
        digest = series.entries()[0].state_digest
    who = RunIdentity(name="leave-one-out", parent_run=run, parent_checkpoint=digest, node="1.2", experiment="EXP000")
    with Series.create_or_open(child, settings=settings(dedup_from=[parent, tmp_path / "absent"]), run=who) as series:
        saved = series.save(state(1, branch=1))
        assert inode(saved.path / FROZEN_FILE) == inode(path / FROZEN_FILE)
        lineage = saved.manifest["lineage"]
        assert lineage == {
            "run_id": series.run_id,
            "attempt": 1,
            "series": "leave-one-out",
            "parent_run": run,
            "parent_checkpoint": digest,
            "node": "1.2",
            "experiment": "EXP000",
        }
        assert validate(saved.path).ok
    shutil.rmtree(parent)
    assert Series.read(child).verify() == []


def test_the_same_state_is_not_saved_twice(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        first = series.save(state(1))
        again = series.save(state(1))
        assert (again.unchanged, again.written_bytes, again.manifest) == (True, 0, first.manifest)


def test_the_same_tensors_with_another_state_are_saved_again(tmp_path: Path) -> None:
    """Counters of the training are a part of it: only tensors and tree together make the state."""
    changed = state(1)
    changed.contents.state["$dict"].append(["wait", 3])
    with open_series(tmp_path / "ckpts") as series:
        series.save(state(1))
        assert not series.save(changed).unchanged
        assert "wait" in series.entries()[0].path.joinpath("state.json").read_text()


def test_a_damaged_checkpoint_is_no_reason_not_to_save(tmp_path: Path) -> None:
    from tests.helpers.series.operations import damage

    with open_series(tmp_path / "ckpts") as series:
        path = series.save(state(1)).path
        damage(path / "optimizer.safetensors")
        assert not series.save(state(1)).unchanged
        assert check_sound(series) == {1: 0}


def test_going_back_supersedes_what_came_after(tmp_path: Path) -> None:
    folder = tmp_path / "ckpts"
    with open_series(folder) as series:
        for epoch in (1, 2, 3, 4):
            series.save(state(epoch))
        (folder / "last").unlink()
        (folder / "last").symlink_to(folder / "epochs/002")  # as people roll back: by an absolute link
    with open_series(folder) as series:
        point = series.restart_point("auto")
        assert point is not None
        assert point.entry is not None
        assert point.entry.epoch == 2
        series.mark_restarted(point)
        assert not any(entry.superseded for entry in series.entries())  # nothing was saved yet
        saved = series.save(state(3, branch=1))
        assert saved.manifest["lineage"]["attempt"] == 2
        assert saved.manifest["lineage"]["parent_digest"] == point.entry.state_digest
        assert [(entry.epoch, entry.superseded) for entry in series.entries()] == [
            (1, False),
            (2, False),
            (3, False),
            (4, True),
        ]
        series.save(state(4, branch=1))
        assert not any(entry.superseded for entry in series.entries())
        assert check_sound(series) == {1: 0, 2: 0, 3: 1, 4: 1}


def test_what_was_superseded_stays_so_when_the_later_attempt_is_pruned(tmp_path: Path) -> None:
    folder = tmp_path / "ckpts"
    with open_series(folder) as series:
        for epoch in (1, 2, 3, 4, 5):
            series.save(state(epoch))
        series.mark_restarted(series.restart_point("1"))
        series.save(state(2, branch=1))
        series.mark_restarted(series.restart_point("1"))
        series.save(state(3, branch=2))
        series.prune({1, 3, 4, 5})
    superseded = {entry.epoch for entry in Series.read(folder).entries() if entry.superseded}
    assert superseded == {4, 5}


def test_steps_within_an_epoch(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        names = [series.save(state(1, step=step)).path.name for step in (100, 150, 175)]
        names.append(series.save(state(2, step=200)).path.name)
        assert names == ["001", "001-s00000150", "001-s00000175", "002"]
        assert [entry.name for entry in series.entries()] == names
        point = series.restart_point("1")
        assert point is not None
        assert point.path.name == "001-s00000175"
        assert series.prune({"001", "002"}).removed == ("001-s00000150", "001-s00000175")


def test_pins_tags_and_pruning(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        for epoch in range(1, 7):
            series.save(state(epoch), best=epoch == 2)
        series.pin(1)
        series.tag(3, "published")
        plan = series.prune({6}, dry_run=True)
        assert plan.removed == ("004", "005")
        assert dict(plan.spared) == {"001": "it is pinned", "002": "best names it", "003": "it is tagged published"}
        assert len(series.entries()) == 6
        assert series.prune(set()).removed == ("004", "005")
        series.unpin(1)
        series.tag(2, "published")
        assert series.prune(set()).removed == ("001", "003")
        series.untag("published")
        with pytest.raises(InvalidInputError, match="there is no tag 'published'"):
            series.untag("published")
        with pytest.raises(InvalidInputError, match="is no tag"):
            series.tag(2, "Not A Tag")
        assert check_sound(series) == {2: 0, 6: 0}


def test_another_runs_checkpoint_is_never_pruned(tmp_path: Path) -> None:
    with open_series(tmp_path / "a/ckpts") as first:
        path = first.save(state(1)).path
    with open_series(tmp_path / "b/ckpts") as second:
        second.save(state(2))
        second.save(state(3))
    shutil.copytree(path, tmp_path / "b/ckpts/epochs/001")
    with open_series(tmp_path / "b/ckpts") as second:
        pruned = second.prune({3})
        assert pruned.removed == ("002",)
        assert pruned.spared == (("001", "another run saved it"),)


def test_a_copy_keeps_the_sharing_and_is_a_series(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        for epoch in (1, 2, 3):
            series.save(state(epoch), best=epoch == 2)
        series.tag(1, "first")
        copied = series.copy(tmp_path / "copy")
    assert copied.checkpoints == 3
    assert copied.shared_bytes > 0
    assert inode(tmp_path / "copy/epochs/001" / FROZEN_FILE) == inode(tmp_path / "copy/epochs/003" / FROZEN_FILE)
    shutil.rmtree(tmp_path / "ckpts")
    with open_series(tmp_path / "copy") as series:
        assert check_sound(series) == {1: 0, 2: 0, 3: 0}
        assert series.entries()[0].tags == ("first",)
        best, last = series.best(), series.last()
        assert best is not None
        assert last is not None
        assert (best.epoch, last.epoch) == (2, 3)


@pytest.mark.parametrize("links", [True, False], ids=["rsync -H", "cp -r"])
def test_any_copy_of_the_tree_goes_on(tmp_path: Path, links: bool) -> None:
    with open_series(tmp_path / "ckpts") as series:
        for epoch in (1, 2):
            series.save(state(epoch))
    if links:
        copy(tmp_path / "ckpts", tmp_path / "copy")
    else:
        shutil.copytree(tmp_path / "ckpts", tmp_path / "copy", symlinks=True)
    with open_series(tmp_path / "copy") as series:
        series.save(state(3))
        assert check_sound(series) == {1: 0, 2: 0, 3: 0}


def test_the_description_of_the_study_is_in_every_manifest(tmp_path: Path) -> None:
    about = {"name": "uno", "title": "Uno", "keywords": ["drug response"], "training": {"seed": 7}}
    with Series.create_or_open(tmp_path / "ckpts", settings=settings(), model_description=about) as series:
        saved = series.save(state(1))
    assert {key: saved.manifest[key] for key in about} == about
    sources = {entry["pointer"]: entry["source"] for entry in saved.manifest["field_sources"]}
    assert sources["/title"] == "user"
    assert sources["/model/framework"] == "environment"
    assert sources["/model/parameter_count"] == "file"
    assert validate(saved.path).ok


def test_a_document_about_the_files_is_written_with_them(tmp_path: Path) -> None:
    def describe(folder: Path, files: object) -> list[SideFile]:
        assert (folder / "optimizer.safetensors").is_file()
        return [SideFile("ckpt-info.json", b'{"epoch": 1}\n', "application/json", "document")]

    with open_series(tmp_path / "ckpts") as series:
        saved = series.save(state(1), document=describe)
    note = json.loads((saved.path / "ckpt-info.json").read_bytes())
    assert note == {"epoch": 1, "state_digest": saved.manifest["weights"]["state_digest"]}
    assert validate(saved.path).ok


def test_restart_modes(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        assert series.restart_point("off") is None
        assert series.restart_point("auto") is None
        with pytest.raises(MissingPathError):
            series.restart_point("required")
        for epoch in (1, 2, 3):
            series.save(state(epoch), best=epoch == 2)
        points = {mode: series.restart_point(mode) for mode in ("auto", "required", "last", "best", "1")}
        found = {mode: point.path.name for mode, point in points.items() if point}
        assert found == {"auto": "003", "required": "003", "last": "003", "best": "002", "1": "001"}
        with pytest.raises(MissingPathError, match="epoch 9"):
            series.restart_point("9")
        elsewhere = shutil.copytree(tmp_path / "ckpts/epochs/002", tmp_path / "elsewhere")
        point = series.restart_point(str(elsewhere))
        assert point is not None
        assert point.entry is None
        assert branch_of(point.path) == (2, 0)
        with pytest.raises(MissingPathError):
            series.restart_point(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("what", ["missing", "dangling", "a file"])
def test_without_a_good_last_the_newest_is_taken(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "ckpts"
    with open_series(folder) as series:
        for epoch in (1, 2):
            series.save(state(epoch))
    (folder / "last").unlink()
    if what == "dangling":
        (folder / "last").symlink_to("epochs/007")
    elif what == "a file":
        (folder / "last").write_text("nonsense")
    with open_series(folder) as series:
        point = series.restart_point("auto")
        assert point is not None
        assert point.path.name == "002"
        assert len(point.passed_over) == 1


def test_durability_off_and_group_sync_less(tmp_path: Path) -> None:
    counts = {}
    for durability in ("commit", "group", "off"):
        counting = Counting()
        chosen = StoreSettings(jobs=1, min_copies=1, durability=durability)  # type: ignore[arg-type]
        with Series.create_or_open(tmp_path / durability, settings=chosen, fs=counting) as series:
            counting.calls.clear()
            for epoch in range(1, 9):
                series.save(state(epoch))
            counts[durability] = counting.calls.count("sync_file")
            series.prune({8})
            assert check_sound(series) == {8: 0}
    assert counts["commit"] > 30
    assert counts["off"] == 0
    assert 0 < counts["group"] < counts["commit"] / 4


def test_a_reader_changes_nothing(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        series.save(state(1))
    series = Series.read(tmp_path / "ckpts")
    for call in (lambda: series.save(state(2)), lambda: series.pin(1), lambda: series.set_best(1), series.repair):
        with pytest.raises(InvalidInputError, match="for reading only"):
            call()
    with pytest.raises(MissingPathError, match="no training series"):
        Series.read(tmp_path)


def test_a_checkpoint_is_no_folder_for_a_series(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        path = series.save(state(1)).path
    with pytest.raises(InvalidInputError, match="this is a checkpoint"):
        open_series(path)


def test_large_files_pass_through_the_buffers_whole(tmp_path: Path) -> None:
    """Sizes around the borders of pages and buffers, with several threads and past the page cache where it can be."""
    for number, size in enumerate((262_144 - 25, 262_151, 1_048_576 + 3), start=1):
        with Series.create_or_open(tmp_path / "ckpts", settings=StoreSettings(jobs=2)) as series:
            saved = series.save(state(number, size=size, stable=frozenset()))
            assert series.verify(number) == []
            assert branch_of(saved.path) == (number, 0)
            series.prune({number})


def test_a_checkpoint_is_found_by_what_a_user_calls_it(tmp_path: Path) -> None:
    with open_series(tmp_path / "ckpts") as series:
        for epoch in (1, 2):
            series.save(state(epoch))
        series.tag(1, "paper")
        assert series.find("1").name == series.find("paper").name == series.find(series.entries()[0].name).name
        assert series.find("last").epoch == 2
        with pytest.raises(InvalidInputError, match="no checkpoint 7"):
            series.find("7")
