"""map, readiness, template, describe and import-metadata, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from candle_spec.repositories.templates.search import LOCAL, VARIABLE
from candle_spec.validation import validate
from tests.helpers import checkpoints, templates
from tests.helpers.calls import run


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    return checkpoints.make("described", tmp_path).path


def test_map_writes_a_card_and_explains_it(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("map", checkpoint, "--to", "hf", "--out", "card", "--explain") == 0
    out = capsys.readouterr().out
    assert "card:/license" in out
    assert "<- /license/weights | vocabulary  [" in out
    assert "derived from https://github.com/huggingface/hub-docs" in out
    assert Path("card/README.md").read_text().startswith("---\n")


def test_an_invalid_record_is_written_with_force_only(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = checkpoints.make("plain", tmp_path).path
    assert run("map", bare, "--to", "ro-crate", "--out", "crate") == 1
    assert "missing-mandatory" in capsys.readouterr().out
    assert not Path("crate").exists()
    assert run("map", bare, "--to", "ro-crate", "--out", "crate", "--force") == 1
    assert Path("crate/ro-crate-metadata.json").is_file()


def test_an_inferred_mandatory_value_must_be_accepted(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = checkpoints.read_manifest(checkpoint)
    manifest.pop("title", None)
    manifest["description"] = "It does something."
    manifest["license"] = {"weights": "MIT"}
    next(row for row in manifest["field_sources"] if row["pointer"] == "/name")["source"] = "inferred"
    checkpoints.write_manifest(checkpoint, manifest)
    assert run("map", checkpoint, "--to", "ro-crate", "--out", "crate") == 1
    assert "--accept-inferred" in capsys.readouterr().out
    assert run("map", checkpoint, "--to", "ro-crate", "--out", "crate", "--accept-inferred") == 0


def test_readiness_asks_what_helps_most_first(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = checkpoints.make("plain", tmp_path).path
    assert run("readiness", bare, "--for", "modac", "--for", "ro-crate", "--json") == 1
    (report,) = json.loads(capsys.readouterr().out)
    asked = [question["to"] for question in report["questions"]]
    assert asked[0] == "/description"
    assert len(set(asked)) == len(asked)
    assert sorted(report["questions"][0]["templates"]) == ["modac/1.0.0", "ro-crate/1.3.0"]
    assert {row["template"]: row["ready"] for row in report["repositories"]} == {
        "modac/1.0.0": False,
        "ro-crate/1.3.0": False,
    }


TENSOR = {"name": "x", "type": "image", "format": "magnitude", "num_channels": 1, "dtype": "float32"}
EXTENSION = "/extensions/https:~1~1w3id.org~1candle-spec~1repositories~1"
ANSWERS: Final[dict[str, Any]] = {
    "/license/weights": "MIT",
    "/creators": [{"name": "Ada Lovelace"}],
    "/version": "1.0.0",
    f"{EXTENSION}datacite~14/doi": "10.5072/1",
    f"{EXTENSION}improve~11/model_type": "Regression",
    f"{EXTENSION}improve~11/original_github": "https://example.org/code",
    f"{EXTENSION}improve~11/references": ["A work."],
    f"{EXTENSION}monai-bundle~11/monai_version": "1.4.0",
    f"{EXTENSION}monai-bundle~11/pytorch_version": "2.4.0",
    f"{EXTENSION}monai-bundle~11/numpy_version": "1.24.4",
    f"{EXTENSION}monai-bundle~11/inputs": [TENSOR],
    f"{EXTENSION}monai-bundle~11/outputs": [TENSOR],
    f"{EXTENSION}zenodo~11/access_right": "open",
}
"""What is asked for with a form of its own."""


def test_the_questions_of_readiness_are_enough(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever answers exactly those is ready."""
    bare = checkpoints.make("plain", tmp_path).path
    run("readiness", bare, "--json")
    (report,) = json.loads(capsys.readouterr().out)
    answers = {question["to"]: "JDACS4C" for question in report["questions"]} | ANSWERS
    answers |= {at: "/DOE_TEST_Archive" for at in answers if at.endswith("/base_path")}
    assert ANSWERS.keys() <= {question["to"] for question in report["questions"]}
    Path("answers.yaml").write_text(json.dumps(answers))
    assert run("describe", bare, "--answers", "answers.yaml") == 0
    assert run("readiness", bare) == 0


def test_describe_asks_in_the_terminal(tmp_path: Path, checkpoint: Path) -> None:
    from click.testing import CliRunner

    from candle_spec.cli.describe import command

    bare = checkpoints.make("plain", tmp_path).path
    result = CliRunner().invoke(
        command, [str(bare), "--for", "ro-crate"], input="It does something.\nMIT\n", standalone_mode=False
    )
    assert "1/2  What does the model do" in result.output, result.output
    assert result.return_value == 0
    assert "ro-crate: ready" in result.output


def test_metadata_goes_out_and_comes_back(tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = checkpoints.read_manifest(checkpoint)
    manifest |= {
        "license": {"weights": "Apache-2.0"},
        "title": "A title",
        "keywords": ["a", "b"],
        "description": "Words.",
    }
    checkpoints.write_manifest(checkpoint, manifest)
    assert run("map", checkpoint, "--to", "ro-crate", "--out", "crate", "--accept-inferred") == 0
    bare = checkpoints.make("plain", tmp_path).path
    capsys.readouterr()
    assert run("import-metadata", "--from", "ro-crate", "crate/ro-crate-metadata.json", bare, "--yes") == 0
    out = capsys.readouterr().out
    assert '+ /title: "A title"' in out
    filled = checkpoints.read_manifest(bare)
    assert (filled["title"], filled["keywords"], filled["description"]) == ("A title", ["a", "b"], "Words.")
    origins = {row["pointer"]: row["detail"] for row in filled["field_sources"]}
    assert origins["/title"] == "ro-crate/1.3.0 record ro-crate-metadata.json"
    assert validate(bare).errors == []
    assert run("import-metadata", "--from", "ro-crate", "crate/ro-crate-metadata.json", bare, "--yes") == 0
    assert "nothing to take" in capsys.readouterr().out


def test_a_card_comes_back(tmp_path: Path, checkpoint: Path) -> None:
    assert run("map", checkpoint, "--to", "huggingface", "--out", "card") == 0
    text = Path("card/README.md").read_text().replace("license: apache-2.0", "license: mit")
    Path("card/README.md").write_text(
        text if "license: mit" in text else text.replace("---\n", "---\nlicense: mit\n", 1)
    )
    bare = checkpoints.make("plain", tmp_path).path
    assert run("import-metadata", "--from", "hf", "card/README.md", bare, "--yes") == 0
    assert checkpoints.read_manifest(bare)["license"]["weights"] == "MIT"


def test_a_new_template_passes_its_test_and_is_found(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("template", "new", "archive", "mine") == 0
    assert run("template", "test", "mine/archive/1.0.0") == 0
    assert run("template", "list", "--templates", "mine") == 0
    assert "archive/1.0.0" in capsys.readouterr().out
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))
    assert run("template", "show", "archive") == 0
    monkeypatch.delenv(VARIABLE)
    assert run("template", "show", "archive") == 2
    Path("mine").rename(LOCAL)
    assert run("template", "show", "archive", "--json") == 0


def test_an_entry_point_announces_a_folder(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    from candle_spec.repositories.templates import search

    run("template", "new", "archive", "theirs")
    (tmp_path / "announcing.py").write_text(f"def folder():\n    return {str(tmp_path / 'theirs')!r}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [EntryPoint("theirs", "announcing:folder", search.GROUP)]
    monkeypatch.setattr(search, "entry_points", lambda group: points if group == search.GROUP else [])
    assert "archive/1.0.0" in search.library().keys


def test_an_unknown_repository_names_the_nearest(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("map", checkpoint, "--to", "huggingfce") == 2
    assert "did you mean 'huggingface'" in capsys.readouterr().err


def test_readiness_without_a_choice_is_of_all_templates(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("readiness", checkpoint)
    assert capsys.readouterr().out.count("\n") > len(templates.KEYS)


def test_an_asset_of_modac_comes_back(tmp_path: Path, checkpoint: Path) -> None:
    document = templates.record("modac/1.0.0").documents["asset"]
    Path("asset.json").write_text(json.dumps(document))
    bare = checkpoints.make("plain", tmp_path).path
    assert run("import-metadata", "--from", "modac", "asset.json", bare, "--yes") == 0
    filled = checkpoints.read_manifest(bare)
    assert filled["title"] == "Hallmarks of cancer from gene expression"
    assert filled["contact"] == {"name": "Ada Lovelace", "email": "ada@example.org"}
    assert filled["extensions"]["https://w3id.org/candle-spec/repositories/modac/1"]["model_platform"] == "CANDLE"
    assert validate(bare).errors == []


def test_a_record_that_would_break_the_manifest_is_not_written(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("asset.json").write_text(json.dumps({"metadataEntries": [{"attribute": "poc_email", "value": "nobody"}]}))
    bare = checkpoints.make("plain", tmp_path).path
    before = (bare / "candle-checkpoint.json").read_bytes()
    assert run("import-metadata", "--from", "modac", "asset.json", bare, "--yes") == 2
    assert "nothing was written" in capsys.readouterr().err
    assert (bare / "candle-checkpoint.json").read_bytes() == before
