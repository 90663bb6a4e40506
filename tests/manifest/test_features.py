"""What a checkpoint requires is known, and is what it uses; else nothing but its manifest is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import candle_spec
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.seal import write_seal
from candle_spec.errors import UnknownVersionError
from candle_spec.manifest import features
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import run

SLICES = "https://example.org/features/slices"
PAIRS = {"id": "pairs", "title": "Pairs", "since": "1.7.0", "brings": {"encodings": ["complex_pairs"]}}


@pytest.fixture
def at(tmp_path: Path) -> Path:
    return checkpoints.make("encoded", tmp_path).path


def requiring(at: Path, *names: str) -> Path:
    checkpoints.write_manifest(at, checkpoints.read_manifest(at) | {"requires": list(names)})
    return at


def codes(at: Path) -> list[tuple[str, str]]:
    return [(found.code, found.location.pointer) for found in validate(at).errors]


def test_one_that_is_not_known(at: Path) -> None:
    assert codes(requiring(at, SLICES, "chunks")) == [("CKP1015", "/requires/0"), ("CKP1015", "/requires/1")]
    report = validate(at)
    assert "L1 2 problems" in candle_spec.validation.verdict(report)
    assert run("validate", at) == 1


def test_nothing_but_the_manifest_is_read(at: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = Checkpoint(requiring(at, SLICES))
    assert opened.name
    assert opened.groups
    for read in (opened.state_dict, opened.state, lambda: opened.read_file("state.json"), lambda: write_seal(at)):
        with pytest.raises(UnknownVersionError, match="requires the feature") as caught:
            read()
        assert caught.value.code == "CKP1015"
    assert run("inspect", at) == 0
    assert f"that requires {SLICES}" in capsys.readouterr().out
    for command in (("restore", at, tmp_path / "back"), ("reshard", at, tmp_path / "again"), ("seal", at)):
        assert run(*command) != 0
        assert not (tmp_path / "back").exists()


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that has a feature."""
    monkeypatch.setattr(features, "registry", lambda: {"pairs": PAIRS})


@pytest.mark.usefixtures("pairs")
def test_what_is_used_is_listed(at: Path) -> None:
    assert checkpoints.read_manifest(at)["requires"] == ["pairs"], "a writer lists what it uses"
    assert codes(at) == []
    assert Checkpoint(at).state_dict(framework="numpy")
    assert codes(requiring(at, SLICES)) == [("CKP1015", "/requires/0")]
    manifest = checkpoints.read_manifest(at)
    del manifest["requires"]
    checkpoints.write_manifest(at, manifest)
    assert codes(at) == [("CKP4035", "/requires")]


@pytest.mark.usefixtures("pairs")
def test_what_is_listed_is_used(tmp_path: Path) -> None:
    at = checkpoints.make("plain", tmp_path).path
    assert codes(requiring(at, "pairs")) == [("CKP4035", "/requires")]


@pytest.mark.usefixtures("pairs")
def test_the_nearest_is_named(at: Path) -> None:
    (found,) = validate(requiring(at, "pair")).errors
    assert found.hint == "did you mean 'pairs'?"


@pytest.mark.parametrize("value", ["pairs", [7], {"a": 1}, [], ["a b"], [SLICES, SLICES], ["x" * 2000]])
def test_what_is_no_list_of_names(at: Path, value: Any) -> None:
    manifest = checkpoints.read_manifest(at) | {"requires": value}
    (at / "candle-checkpoint.json").write_text(json.dumps(manifest))
    assert {code for code, _ in codes(at)} <= {"CKP1003", "CKP1015"}
    assert "CKP1003" in {code for code, _ in codes(at)}
