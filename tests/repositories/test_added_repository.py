"""A repository is added in a folder of its own, with data only; every command then knows it and its new field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import checkpoints
from tests.helpers.calls import run

TEMPLATES = ("--templates", "registry/2.0")


@pytest.fixture
def here(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CANDLE_SPEC_SITE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    checkpoints.Tiny().write(tmp_path / "uno.tiny")
    with checkpoints.only_tiny():
        assert run("convert", "uno.tiny", "-q") == 0
        yield folder


def test_it_proves_itself(here: Path) -> None:
    assert {path.suffix for path in here.rglob("*") if path.is_file()} <= {".yaml", ".json", ".md"}, "data only"
    assert run("template", "test", "registry/2.0") == 0


def test_its_new_field_is_asked_answered_and_mapped(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("readiness", "uno.tiny.candle", "--for", "registry", *TEMPLATES) == 1
    assert "In which ward is it used?" in capsys.readouterr().out
    Path("answers.yaml").write_text('"/extensions/urn:example:registry:1/ward": Oncology\n', encoding="utf-8")
    assert run("describe", "uno.tiny.candle", "--for", "registry", "--answers", "answers.yaml", *TEMPLATES) == 0
    assert run("readiness", "uno.tiny.candle", "--for", "registry", *TEMPLATES) == 0
    assert run("map", "uno.tiny.candle", "--to", "registry", "--out", "record", *TEMPLATES) == 0
    record = json.loads(Path("record/entry.json").read_text(encoding="utf-8"))
    assert record == {"label": "uno", "ward": "oncology", "note": "UNO"}


def test_a_word_that_its_list_does_not_have_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"extensions": {"urn:example:registry:1": {"ward": "kitchen"}}}
    Path("candle-model.yaml").write_text(json.dumps(answer), encoding="utf-8")
    assert run("map", "uno.tiny.candle", "--to", "registry", "--out", "record", *TEMPLATES) == 1
    assert "kitchen" in capsys.readouterr().out
    assert not Path("record").exists()
