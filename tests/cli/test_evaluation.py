"""``evaluation add`` and ``ls``: values beside a sealed manifest, and what is said of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.cli import exit_codes
from tests.helpers.calls import run

MINIMAL = Path(__file__).parents[1] / "conformance" / "valid" / "minimal"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MINIMAL, tmp_path / "m.candle"))


def test_one_by_options(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (checkpoint / MANIFEST).read_bytes()
    assert run("evaluation", "ls", checkpoint) == exit_codes.OK
    assert capsys.readouterr().out == "nothing was measured\n"
    words = ("--metric", "auc-roc", "--value", "0.87", "--dataset", "external cohort", "--n", "412")
    assert run("evaluation", "add", checkpoint, *words, "--creator", "Doe, Jane") == exit_codes.OK
    assert "evaluations/0.json    not covered by the seal" in capsys.readouterr().out
    assert (checkpoint / MANIFEST).read_bytes() == before
    assert run("validate", checkpoint) == exit_codes.OK
    capsys.readouterr()
    for verb in (("evaluation", "ls"), ("inspect",)):
        assert run(*verb, checkpoint) == exit_codes.OK
        said = capsys.readouterr().out
        assert "measured later, not covered by the seal or a signature of the manifest:" in said
        assert "auc-roc 0.87, external cohort, n 412" in said
    assert run("evaluation", "ls", checkpoint, "--json") == exit_codes.OK
    (later,) = json.loads(capsys.readouterr().out)["later"]
    assert later["creators"] == [{"name": "Doe, Jane"}]


def test_those_of_a_file(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.yaml").write_text(
        "evaluations:\n"
        "  - {metric: {id: mine, direction: minimize}, value: 3, interval: {lower: 2, upper: 4, level: 0.95}}\n"
        "  - {metric: {id: mine, direction: minimize}, value: 4}\n"
    )
    assert run("evaluation", "add", checkpoint, tmp_path / "rows.yaml", "--json") == exit_codes.OK
    assert len(json.loads(capsys.readouterr().out)["evaluations"]) == 2
    assert run("evaluation", "ls", checkpoint) == exit_codes.OK
    assert "mine 3 [2, 4]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Which values?"),
        (("--metric", "auc-roc"), "Which values?"),
        (("--value", "1"), "Which values?"),
        (("nowhere.json", "--metric", "auc-roc", "--value", "1"), "Which values?"),
        (("nowhere.json",), "there is no such file"),
        (("--metric", "mine", "--value", "1"), "--direction maximize"),
        (("--metric", "auc-roc", "--value", "1.5"), "CKP2007"),
    ],
)
def test_what_is_refused(
    checkpoint: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluation", "add", checkpoint, *words) == exit_codes.USAGE
    assert said in capsys.readouterr().err
    assert not (checkpoint / "evaluations").exists()


def test_a_file_that_holds_none(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    assert run("evaluation", "add", checkpoint, tmp_path / "x.json") == exit_codes.USAGE
    assert "it holds no evaluations" in capsys.readouterr().err


def test_one_that_was_changed_is_named_and_not_shown(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluation", "add", checkpoint, "--metric", "auc-roc", "--value", "0.87") == exit_codes.OK
    path = checkpoint / "evaluations" / "0.json"
    path.write_text(path.read_text().replace("0.87", "0.97"))
    capsys.readouterr()
    assert run("inspect", checkpoint) == exit_codes.OK
    said = capsys.readouterr().out
    assert "evaluations/0.json: it was changed after it was written" in said
    assert "0.97" not in said
    assert run("validate", checkpoint) == exit_codes.FINDINGS
