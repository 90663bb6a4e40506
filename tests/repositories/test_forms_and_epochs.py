"""Templates with several forms, and series: readiness, map and publish mean the same record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec import pointer
from candle_spec.errors import InvalidInputError
from candle_spec.repositories.templates import search
from candle_spec.repositories.templates.document_checks import check_documents
from candle_spec.repositories.templates.folder import Folder
from candle_spec.repositories.templates.template import read_sources
from tests.helpers import checkpoints, templates
from tests.helpers.calls import run
from tests.helpers.series.states import open_series, state

ZENODO = "https://w3id.org/candle-spec/repositories/zenodo/1"
PLACE = pointer.join(["extensions", ZENODO])
READY = {
    "/description": "A model.",
    "/creators": [{"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace"}],
    "/license/weights": "MIT",
    f"{PLACE}/access_right": "open",
}


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (tmp_path / "answers.yaml").write_text(json.dumps(READY))
    path = checkpoints.make("plain", tmp_path).path
    assert run("describe", path, "--for", "zenodo", "--answers", "answers.yaml") == 0
    return path


def _rows(capsys: pytest.CaptureFixture[str], *words: Any) -> dict[str, bool]:
    capsys.readouterr()
    run("readiness", *words, "--json")
    (report,) = json.loads(capsys.readouterr().out)
    return {row["template"]: row["ready"] for row in report["repositories"]}


def test_a_form_is_named_behind_the_id() -> None:
    library = search.library()
    usual = search.choose(library, "zenodo")
    assert (usual.key, [output["id"] for output in usual.outputs]) == ("zenodo/1.0.0", ["deposit"])
    other = search.choose(library, "zenodo:record")
    assert (other.key, [output["id"] for output in other.outputs]) == ("zenodo:record/1.0.0", ["record"])
    assert search.choose(library, "zenodo:record/1.0.0").key == other.key
    both = search.choose(library, "zenodo:all/1.0.0")
    assert [output["id"] for output in both.outputs] == ["deposit", "record"]
    with pytest.raises(InvalidInputError, match="no form 'recrd'"):
        search.choose(library, "zenodo:recrd")
    with pytest.raises(InvalidInputError, match="no form 'x'"):
        search.choose(library, "cff:x")


def test_readiness_and_publish_look_at_the_deposit(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What only the InvenioRDM record cannot take does not stand in a deposit's way, and the other way round."""
    manifest = checkpoints.read_manifest(checkpoint)
    manifest["title"] = "ab"  # of a record, three letters are the least
    checkpoints.write_manifest(checkpoint, manifest)
    assert _rows(capsys, checkpoint, "--for", "zenodo") == {"zenodo/1.0.0": True}
    assert run("publish", checkpoint, "--to", "zenodo", "--dry-run") == 0
    assert _rows(capsys, checkpoint, "--for", "zenodo:record") == {"zenodo:record/1.0.0": False}
    manifest["title"] = "x" * 300  # of a deposit, 250 are the most
    checkpoints.write_manifest(checkpoint, manifest)
    assert _rows(capsys, checkpoint, "--for", "zenodo") == {"zenodo/1.0.0": False}
    assert run("publish", checkpoint, "--to", "zenodo", "--dry-run") == 1


def test_map_writes_the_form_that_is_meant(checkpoint: Path) -> None:
    for name, files in (("zenodo", {"deposit"}), ("zenodo:record", {"record"}), ("zenodo:all", {"deposit", "record"})):
        out = Path(f"out-{name.replace(':', '-')}")
        assert run("map", checkpoint, "--to", name, "--out", out, "--accept-inferred") == 0
        assert {file.name for file in out.iterdir()} == {f"zenodo-{each}.json" for each in files}


def test_a_form_of_no_output_is_a_mistake() -> None:
    folder = Folder(templates.ROOT / "zenodo/1.0.0", "zenodo/1.0.0")
    sources, documents, failed = read_sources(folder)
    about = json.loads(json.dumps(sources.documents["template.yaml"]))
    about["forms"] = [{"id": "deposit", "outputs": ["deposit"]}, {"id": "deposit", "outputs": ["reord"]}]
    sources.documents["template.yaml"] = about
    messages = [problem.message for problem in check_documents(folder, sources, documents, failed)]
    assert "there are two forms 'deposit'" in messages
    assert "there is no output 'reord'" in messages


@pytest.fixture
def series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    with open_series(tmp_path / "ckpts") as made:
        for epoch in range(1, 4):
            made.save(state(epoch), best=epoch == 2)
    return tmp_path / "ckpts"


@pytest.mark.parametrize(
    ("words", "epochs"),
    [
        ((), [None]),
        (("--epoch", "best"), ["002"]),
        (("--epoch", "last"), ["003"]),
        (("--epoch", "1"), ["001"]),
        (("--epoch", "all"), ["001", "002", "003"]),
    ],
)
def test_a_series_stands_for_the_checkpoints_that_are_named(
    series: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], epochs: list[str | None]
) -> None:
    for command in (("readiness", series, "--for", "huggingface"), ("map", series, "--to", "huggingface")):
        run(*command, *words, "--json")
        reports = json.loads(capsys.readouterr().out)
        named = [Path(report["checkpoint"]) for report in reports]
        assert named == [series if epoch is None else series / "epochs" / epoch for epoch in epochs]


def test_each_checkpoint_of_a_series_has_its_own_record(series: Path) -> None:
    assert run("map", series, "--to", "huggingface", "--epoch", "all", "--out", "cards", "--accept-inferred") == 0
    assert sorted(path.name for path in Path("cards").iterdir()) == ["001", "002", "003"]
    cards = {(Path("cards") / name / "README.md").read_text() for name in ("001", "002", "003")}
    assert len(cards) == 3, "each names its own content digest"


def test_a_checkpoint_that_a_series_lacks_is_told(series: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("readiness", series, "--epoch", "9") == 2
    assert "has no checkpoint '9'" in capsys.readouterr().err
    assert run("readiness", series, "--epoch", "worst") == 2
    assert "last, best, all or one of 1, 2, 3" in capsys.readouterr().err
