"""Map, readiness and publish see the same problems: one template, one set of lists, whichever command asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from candle_spec import pointer
from candle_spec.modac.vocabulary import Knowledge, packaged
from tests.helpers import checkpoints
from tests.helpers.calls import run

OWN = "https://w3id.org/candle-spec/repositories/modac/1"
PLACE = pointer.join(["extensions", OWN])
COMPLETE: dict[str, Any] = {
    "title": "Uno",
    "description": "Predicts the response of tumours to drugs.",
    "contact": {"name": "Ada Lovelace", "email": "ada@example.org"},
    "extensions": {
        OWN: {
            "base_path": "/NCI_DOE_Archive",
            "program": {"identifier": "PROG", "name": "Program", "description": "A program.", "access_group": "public"},
            "study": {"identifier": "STUDY", "name": "Study", "description": "A study.", "access_group": "public"},
            "access_group": "REHEARSAL",
            "domain": "Drug Response",
            "framework": "PyTorch",
            "model_platform": "CANDLE",
        }
    },
}
"""A model description with which all is well."""

FLAWS: dict[str, tuple[str, Any, str]] = {
    "no description": ("/description", None, "description"),
    "no group": (f"{PLACE}/access_group", None, "access_group"),
    "public": (f"{PLACE}/access_group", "public", "access_group"),
    "no domain": (f"{PLACE}/domain", None, "domain"),
    "no platform": (f"{PLACE}/model_platform", None, "model_platform"),
    "a space that nobody sees": (f"{PLACE}/model_platform", "CANDLE\u00a01", "model_platform"),
    "no e-mail address": ("/contact/email", "ada", "poc_email"),
}
"""What is wrong, where, and the attribute that all three must name."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    for name in ("CANDLE_SPEC_MODAC_URL", "CANDLE_SPEC_SITE", "CANDLE_SPEC_MODAC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CANDLE_SPEC_MODAC_STATE", str(tmp_path / "state"))
    checkpoints.Tiny().write(tmp_path / "uno.tiny")
    with checkpoints.only_tiny():
        assert run("convert", "uno.tiny", "-q") == 0
        yield tmp_path


def describe(flaw: tuple[str, Any, str] | None = None) -> None:
    """Write the model description, with a flaw."""
    from candle_spec import pointer

    document = json.loads(json.dumps(COMPLETE))
    if flaw is not None:
        pointer.put(document, flaw[0], flaw[1])
    if flaw is not None and flaw[1] is None:
        above, _, last = flaw[0].rpartition("/")
        pointer.get(document, above).pop(last)
    Path("candle-model.yaml").write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run(*words, "--json")
    return code, json.loads(capsys.readouterr().out)


def all_three(capsys: pytest.CaptureFixture[str]) -> tuple[set[int], list[set[str]]]:
    """The exit codes, and the attributes that each names as blocking."""
    mapped_code, mapped = answer(capsys, "map", "uno.tiny.candle", "--to", "modac")
    ready_code, ready = answer(capsys, "readiness", "uno.tiny.candle", "--for", "modac")
    sent_code, sent = answer(capsys, "publish", "uno.tiny.candle", "--to", "modac", "--dry-run")
    blocking = ("missing-mandatory", "invalid")
    documents = mapped[0]["documents"]
    return {mapped_code, ready_code, sent_code}, [
        {_attribute(one, documents) for one in mapped[0]["findings"] if one["kind"] in blocking},
        {_attribute(one, documents) for one in ready[0]["repositories"][0]["missing"]},
        {one["attribute"] for one in sent["problems"] if one["blocking"]},
    ]


def _attribute(finding: dict[str, Any], documents: Any) -> str:
    document, _, at = finding.get("target", finding.get("source", "")).partition(":")
    last = at.rpartition("/")[2]
    return str(documents[document]["metadataEntries"][int(last)]["attribute"]) if last.isdigit() else last


@pytest.mark.parametrize("name", FLAWS)
def test_a_flaw_is_named_by_all_three(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    flaw = FLAWS[name]
    describe(flaw)
    if flaw[1] == "ada":  # the manifest's own schema refuses it before any template sees it, in all three
        assert {run("map", "uno.tiny.candle", "--to", "modac"), run("publish", "uno.tiny.candle", "--to", "modac")} == {
            1
        }
        return
    codes, named = all_three(capsys)
    assert codes == {1}
    assert [flaw[2] in each for each in named] == [True, True, True], named
    assert named[0] == named[1]
    assert named[2] >= named[0]


def test_without_a_flaw_all_three_are_content(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    describe()
    codes, named = all_three(capsys)
    assert (codes, named) == ({0}, [set(), set(), set()])


def test_a_study_on_the_command_line_wins(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    describe()
    code, report = answer(capsys, "publish", "uno.tiny.candle", "--to", "modac", "--study", "OTHER/STUDY", "--dry-run")
    assert code == 0
    steps = {step["kind"]: step for step in report["steps"]}
    assert steps["Asset"]["path"] == "/NCI_DOE_Archive/OTHER/STUDY/uno"
    assert steps["Program"]["metadata"] == {}, "what is said of PROG is not said of OTHER"
    assert steps["Study"]["metadata"]["study_name"] == "Study"
    assert all(step["path"].startswith("/NCI_DOE_Archive/OTHER") for step in report["steps"])


def test_the_steps_are_the_record(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    describe()
    _, mapped = answer(capsys, "map", "uno.tiny.candle", "--to", "modac")
    _, sent = answer(capsys, "publish", "uno.tiny.candle", "--to", "modac", "--dry-run")
    documents = mapped[0]["documents"]
    rows = [documents["program"], documents["study"], documents["asset"], *documents["files"]]
    recorded = {row["path"]: {e["attribute"]: e["value"] for e in row["metadataEntries"]} for row in rows}
    assert {step["path"]: step["metadata"] for step in sent["steps"]} == recorded


def test_nothing_known_nothing_sent(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("publish", "uno.tiny.candle", "--to", "modac") == 1
    out = capsys.readouterr().out
    assert "In which archive?" in out
    assert "candle-spec describe uno.tiny.candle --for modac" in out


def test_what_a_refusal_taught_counts_everywhere(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    describe()
    words = "Invalid metadata value for attribute domain: Drug Response. Valid values: [Drug response, Imaging]"
    Knowledge(Path("state") / "modac.cancer.gov").learn(words, 1_790_000_000)
    _, mapped = answer(capsys, "map", "uno.tiny.candle", "--to", "modac")
    entries = {e["attribute"]: e["value"] for e in mapped[0]["documents"]["asset"]["metadataEntries"]}
    assert entries["domain"] == "Drug response", "the term of the closed list that means the same"
    describe((f"{PLACE}/domain", "Genomics", "domain"))
    codes, named = all_three(capsys)
    assert codes == {1}
    assert ["domain" in each for each in named] == [True, True, True]


def test_lists_of_the_template_are_the_clients(here: Path) -> None:
    assert packaged("access_group").state == "observed"
    assert Knowledge(Path("state")).vocabulary("domain") == packaged("domain")
    assert Knowledge(Path("state")).vocabulary("asset_type").values == ("Dataset", "Model"), "closed by the rules"
