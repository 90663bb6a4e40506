"""Evaluations beside a sealed manifest: written whole or not at all, never replaced, and of this model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import candle_spec
from candle_spec.atomic import Fs
from candle_spec.checkpoint.later_evaluations import add_document, later_files, new_document
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.migration.migrate import migrate
from candle_spec.conversion.reshard import reshard
from candle_spec.errors import CorruptFileError, InvalidInputError
from candle_spec.validation import validate
from tests.helpers.kept import DEV_1
from tests.helpers.series.faults import Crash, Dying, Without

MINIMAL = Path(__file__).parents[1] / "conformance" / "valid" / "minimal"
ROW = {"metric": {"id": "auc-roc", "direction": "maximize"}, "value": 0.87, "dataset": "external cohort"}
CONTENT = json.loads((MINIMAL / MANIFEST).read_bytes())["weights"]["content_digest"]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(MINIMAL, tmp_path / "checkpoint"))
    candle_spec.seal(folder)
    return folder


def test_the_manifest_stays_and_numbers_go_up(checkpoint: Path) -> None:
    before = (checkpoint / MANIFEST).read_bytes()
    first = candle_spec.add_evaluation(checkpoint, [ROW], creators=[{"name": "Doe, Jane"}], description="Blinded.")
    second = candle_spec.add_evaluation(checkpoint, [ROW, {**ROW, "value": 0.88}])
    assert [path.name for path in (first, second)] == ["0.json", "1.json"]
    assert (checkpoint / MANIFEST).read_bytes() == before
    assert validate(checkpoint).ok
    later = candle_spec.load(checkpoint).later_evaluations
    assert [len(each.document["evaluations"]) for each in later] == [1, 2]
    assert later[0].document["creators"] == [{"name": "Doe, Jane"}]


def test_the_number_of_a_signature_is_taken(checkpoint: Path) -> None:
    candle_spec.add_evaluation(checkpoint, [ROW])
    (checkpoint / "evaluations/7.sig").write_bytes(b"{}")
    assert candle_spec.add_evaluation(checkpoint, [ROW]).name == "8.json"
    assert later_files(checkpoint, ()) == ["evaluations/0.json", "evaluations/8.json"]


def test_what_the_manifest_lists_is_no_later_one(checkpoint: Path) -> None:
    candle_spec.add_evaluation(checkpoint, [ROW])
    assert later_files(checkpoint, ["evaluations/0.json"]) == []
    document = new_document(CONTENT, [ROW])
    assert add_document(checkpoint, document, ["evaluations/4.json"]).name == "5.json"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({**ROW, "value": 1.87}, "CKP2007"),
        ({**ROW, "metric": {"id": "auc-roc", "direction": "minimize"}}, "CKP2008"),
        ({**ROW, "interval": {"lower": 0.1, "upper": 0.2, "level": 0.95}}, "CKP2005"),
        ({**ROW, "date": "2026-02-30"}, "CKP2004"),
        ({**ROW, "colour": "blue"}, "CKP1002"),
        ({"value": 0.8}, "CKP1001"),
    ],
)
def test_what_cannot_be_true_is_not_written(checkpoint: Path, row: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        candle_spec.add_evaluation(checkpoint, [row])
    assert caught.value.code == code
    assert not (checkpoint / "evaluations").exists()


def test_no_values_are_none(checkpoint: Path) -> None:
    with pytest.raises(InvalidInputError):
        candle_spec.add_evaluation(checkpoint, [])


def test_one_that_was_changed_is_not_read(checkpoint: Path) -> None:
    path = candle_spec.add_evaluation(checkpoint, [ROW])
    path.write_text(path.read_text().replace("0.87", "0.97"))
    with pytest.raises(CorruptFileError, match="changed") as caught:
        _ = candle_spec.load(checkpoint).later_evaluations
    assert caught.value.code == "CKP4041"


def test_a_folder_that_is_a_link_is_not_followed(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (checkpoint / "evaluations").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidInputError, match="no folder"):
        candle_spec.add_evaluation(checkpoint, [ROW])
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_crash_at_any_call_leaves_it_whole_or_away(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("candle_spec.atomic.staging._owner_alive", lambda name: False)
    document = new_document(CONTENT, [ROW])
    measure = Dying()
    add_document(Path(shutil.copytree(checkpoint, tmp_path / "measure")), document, fs=measure)
    assert {"make_folder", "open_new", "write", "sync_file", "link", "sync_folder", "remove_file"} <= {*measure.calls}
    for call in range(len(measure.calls)):
        for halfway in (False, True):
            target = Path(shutil.copytree(checkpoint, tmp_path / f"{call}-{halfway}"))
            with pytest.raises(Crash):
                add_document(target, document, fs=Dying(call, halfway=halfway))
            assert [fault.code for fault in validate(target).errors if fault.code != "CKP3004"] == []
            there = len(later_files(target, ()))
            assert add_document(target, document).name == f"{there}.json"
            left = [path.name for path in (target / "evaluations").iterdir() if path.name.startswith(".")]
            assert there == 1 or left == [], "what was left of the one before is tidied up by the next"


def test_without_hard_links(checkpoint: Path) -> None:
    document = new_document(CONTENT, [ROW])
    assert [add_document(checkpoint, document, fs=Without("link")).name for _ in range(2)] == ["0.json", "1.json"]
    assert validate(checkpoint).ok


class Neighbour(Fs):
    """Another process takes the number first."""

    def link(self, source: Path, target: Path) -> None:
        if target.name == "0.json":
            target.write_bytes(b"theirs")
        super().link(source, target)


def test_a_neighbour_who_is_faster_keeps_the_number(checkpoint: Path) -> None:
    assert add_document(checkpoint, new_document(CONTENT, [ROW]), fs=Neighbour()).name == "1.json"
    assert (checkpoint / "evaluations/0.json").read_bytes() == b"theirs"


def test_they_go_along(checkpoint: Path, tmp_path: Path) -> None:
    candle_spec.add_evaluation(checkpoint, [ROW])
    reshard(checkpoint, tmp_path / "small", 120)
    old = Path(shutil.copytree(DEV_1 / "plain", tmp_path / "old"))
    candle_spec.add_evaluation(old, [ROW])
    migrate(old, tmp_path / "new")
    for folder in (tmp_path / "small", tmp_path / "new"):
        assert len(candle_spec.load(folder).later_evaluations) == 1
        assert validate(folder).ok
