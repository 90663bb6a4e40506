"""A manifest in another form than a reader takes: as YAML, or far too large. The next step is on the screen."""

from __future__ import annotations

import json
import shlex
import shutil
import tracemalloc
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from candle_spec import limits
from candle_spec.cli import exit_codes
from candle_spec.validation import validate
from tests.helpers.calls import run

MINIMAL = Path(__file__).resolve().parents[1] / "conformance" / "valid" / "minimal"


@pytest.fixture(params=["candle-checkpoint.yaml", "candle-checkpoint.yml"])
def written(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound checkpoint, but that its manifest is YAML; its folder's name needs quotes."""
    monkeypatch.chdir(tmp_path)
    folder = Path("my models", "minimal.candle")
    shutil.copytree(MINIMAL, folder)
    manifest = folder / "candle-checkpoint.json"
    with (folder / request.param).open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(json.loads(manifest.read_bytes()), file)
    manifest.unlink()
    return folder / request.param


@pytest.mark.parametrize("named", ["folder", "file", "above"])
def test_a_yaml_manifest_is_found_and_the_command_given_makes_a_sound_checkpoint(
    written: Path, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = {"folder": written.parent, "file": written, "above": Path(".")}[named]
    assert run("validate", str(path)) == exit_codes.FINDINGS
    said = capsys.readouterr().out
    assert "CKP0008" in said
    assert "the manifest is YAML" in said
    command = shlex.split(said.partition("-> candle-spec ")[2].partition("\n")[0])
    assert run(*command) == exit_codes.OK
    written.unlink()
    capsys.readouterr()
    assert run("validate", str(written.parent)) == exit_codes.OK


@pytest.mark.parametrize("verb", ["inspect", "convert"])
def test_what_reads_other_things_says_the_same(written: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (written.parent, written):
        assert run(verb, str(path)) == exit_codes.USAGE
        assert "the manifest is YAML" in (said := capsys.readouterr().err)
        assert f"-> candle-spec schema to-json {shlex.quote(str(written.absolute()))} -o" in said


def test_beside_a_manifest_it_is_a_file_that_nobody_listed(written: Path) -> None:
    shutil.copy(MINIMAL / "candle-checkpoint.json", written.parent)
    (problem,) = validate(written.parent).errors
    assert (problem.code, problem.location.file) == ("CKP3004", written.name)


def test_any_other_yaml_file_is_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("uno.yaml").write_text("name: uno\n")
    assert run("validate", "uno.yaml") == exit_codes.USAGE
    assert "candle-spec schema to-json uno.yaml -o NAME.candle/candle-checkpoint.json" in capsys.readouterr().err


def test_yaml_that_is_read_in_two_ways_is_refused_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "uno.yaml", tmp_path / "uno.json"
    source.write_text("name: uno\nversion: 010\n")
    assert run("schema", "to-json", str(source), "-o", str(target)) != exit_codes.OK
    assert "uno.yaml:2:10" in capsys.readouterr().err
    assert not target.exists()
    source.write_text("name: uno\n")
    assert run("schema", "to-json", str(source)) == exit_codes.OK
    assert json.loads(capsys.readouterr().out) == {"name": "uno"}


def test_a_manifest_of_ten_megabytes_is_refused_unread(tmp_path: Path) -> None:
    shutil.copytree(MINIMAL, tmp_path / "m")
    manifest = tmp_path / "m" / "candle-checkpoint.json"
    document = json.loads(manifest.read_bytes())
    document["training"] = {"hyperparameters": {"weights": [0.5] * 2_500_000}}
    manifest.write_text(json.dumps(document))
    assert manifest.stat().st_size > 10_000_000
    validate(MINIMAL)  # loads what is loaded once
    tracemalloc.start()
    try:
        report = validate(tmp_path / "m")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (problem,) = report.errors
    assert (problem.code, problem.location.file) == ("CKP0004", "candle-checkpoint.json")
    assert str(limits.MANIFEST_BYTES) in problem.message
    assert peak < 1_000_000
