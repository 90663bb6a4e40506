"""Model descriptions and site profiles: written once, nearest wins, comments kept, every value with file and line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from candle_spec import pointer
from candle_spec.errors import CorruptFileError
from candle_spec.manifest import check
from candle_spec.repositories.language.tree import Ask
from candle_spec.repositories.questions import answers, description
from candle_spec.repositories.questions.description import (
    DESCRIPTION,
    SITE_VARIABLE,
    described_manifest,
    gather,
    update,
)
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.calls import run

MODAC = "https://w3id.org/candle-spec/repositories/modac/1"
PLACE = pointer.join(["extensions", MODAC])
STUDY = f"""\
# What is true of the whole study.
title: A study of drug response   # shown everywhere
license:
  weights: MIT
description: Predicts response.
creators:
  - {{name: Ada Lovelace, given_name: Ada, family_name: Lovelace, email: ada@example.org}}
extensions:
  {MODAC}:
    domain: Drug Response
    model_platform: IMPROVE
"""
SITE = f"""\
contact: {{name: Grace Hopper, email: grace@example.org}}
title: Never seen, for the description is nearer
extensions:
  {MODAC}:
    base_path: /DOE_TEST_Archive
    access_group: JDACS4C
    program: {{identifier: JDACS4C}}
    study: {{identifier: Pilot_1}}
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a description, a site profile and one checkpoint, two folders down."""
    (tmp_path / DESCRIPTION).write_text(STUDY)
    (tmp_path / "site.yaml").write_text(SITE)
    monkeypatch.setenv(SITE_VARIABLE, str(tmp_path / "site.yaml"))
    (tmp_path / "runs" / "a").mkdir(parents=True)
    checkpoints.make("plain", tmp_path / "runs" / "a")
    return tmp_path


@pytest.fixture
def checkpoint(study: Path) -> Path:
    return study / "runs" / "a" / "plain"


def test_the_nearest_wins_and_every_value_knows_its_line(checkpoint: Path) -> None:
    manifest = checkpoints.read_manifest(checkpoint)
    source = gather(manifest, checkpoint)
    assert source.document["title"] == "A study of drug response"
    assert source.document["name"] == manifest["name"]
    assert str(source.origin("/title")) == f"user: {DESCRIPTION}:2"
    assert str(source.origin("/license/weights")) == f"user: {DESCRIPTION}:3"
    assert str(source.origin("/creators/0/name")) == f"user: {DESCRIPTION}:6"
    assert str(source.origin(f"{PLACE}/access_group")) == "user: site.yaml:6"
    assert str(source.origin(f"{PLACE}/domain")) == f"user: {DESCRIPTION}:8"


def test_the_manifest_wins_over_the_description(checkpoint: Path) -> None:
    manifest = {**checkpoints.read_manifest(checkpoint), "title": "Its own"}
    assert gather(manifest, checkpoint).document["title"] == "Its own"


@pytest.mark.slow
def test_one_file_describes_and_maps_fifty_checkpoints(
    study: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for number in range(50):
        copy = study / "runs" / f"epoch_{number:02}"
        shutil.copytree(checkpoint, copy)
        manifest = checkpoints.read_manifest(copy)
        manifest["version"] = f"1.0.{number}"
        checkpoints.write_manifest(copy, manifest)
        paths.append(copy)
    assert run("map", *paths, "--to", "modac", "--out", study / "out", "--json", "--accept-inferred") == 0
    reports = json.loads(capsys.readouterr().out)
    assert [report["valid"] for report in reports] == [True] * 50
    assert len({report["documents"]["asset"]["path"] for report in reports}) == 50
    for path in paths:
        written = json.loads((study / "out" / path.name / "asset.json").read_bytes())
        values = {entry["attribute"]: entry["value"] for entry in written["metadataEntries"]}
        assert (values["poc_name"], values["access_group"]) == ("Hopper, Grace", "JDACS4C")
    assert run("readiness", *paths, "--for", "huggingface", "--for", "ro-crate", "--for", "modac") == 0


def test_a_fault_in_a_description_is_told_with_its_place(study: Path, checkpoint: Path) -> None:
    (study / DESCRIPTION).write_text(STUDY.replace("email: ada@example.org", "e_mail: ada"))
    with pytest.raises(CorruptFileError, match=rf"{DESCRIPTION}:7:\d+: .*e_mail"):
        gather(checkpoints.read_manifest(checkpoint), checkpoint)


def test_comments_and_order_survive_an_answer(study: Path) -> None:
    update(study / DESCRIPTION, {"/license/code": "Apache-2.0", "/contact/name": "Ada"})
    text = (study / DESCRIPTION).read_text()
    assert text.startswith("# What is true of the whole study.\ntitle: A study of drug response   # shown everywhere\n")
    assert "license:\n  weights: MIT\n  code: Apache-2.0\n" in text
    assert text.endswith("contact:\n  name: Ada\n")


def test_the_manifest_takes_the_description_with_its_sources(checkpoint: Path) -> None:
    manifest = checkpoints.read_manifest(checkpoint)
    made = described_manifest(manifest, gather(manifest, checkpoint))
    assert [problem for problem in check(made) if problem.severity == "error"] == []
    rows = {row["pointer"]: row for row in made["field_sources"]}
    assert rows["/title"]["detail"] == f"{DESCRIPTION}:2"


def test_describe_into_the_manifest_leaves_a_valid_checkpoint(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text("/intended_use: Research.\nkeywords: [drug response]\n")
    assert run("describe", checkpoint, "--for", "ro-crate", "--answers", answers, "--into-manifest") == 0
    manifest = checkpoints.read_manifest(checkpoint)
    assert (manifest["intended_use"], manifest["keywords"]) == ("Research.", ["drug response"])
    report = validate(checkpoint)
    assert report.errors == [], [problem.message for problem in report.errors]
    assert "-> " in capsys.readouterr().out


def test_an_answer_that_no_manifest_takes_is_refused(
    checkpoint: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = study / "answers.yaml"
    answers.write_text(f"extensions:\n  {MODAC}:\n    acces_group: x\n")
    before = (study / DESCRIPTION).read_bytes()
    assert run("describe", checkpoint, "--answers", answers) == 1
    assert "acces_group" in capsys.readouterr().err
    assert (study / DESCRIPTION).read_bytes() == before


@pytest.mark.parametrize(
    ("ask", "text", "value"),
    [
        (Ask("?", "/x", choices=("open", "closed")), "2", "closed"),
        (Ask("?", "/x", shape="list"), "a, b", ["a", "b"]),
        (Ask("?", "/x", shape="list"), 'a, "b, c", d', ["a", "b, c", "d"]),
        (Ask("?", "/x", shape="list"), '5" disk, x', ['5" disk', "x"]),
        (Ask("?", "/x", shape="list"), '[{"name": "x"}, "a, b"]', [{"name": "x"}, "a, b"]),
        (Ask("?", "/x", shape="person"), "Ada Lovelace (0000-0002-1825-0097)",
         {"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "orcid": "0000-0002-1825-0097"}),
        (Ask("?", "/x", shape="yes-no"), "Yes", True),
        (Ask("?", "/x", shape="number"), "1.5", 1.5),
        (Ask("?", "/x", shape="person"), "Ada Lovelace <a@b.org>",
         {"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "email": "a@b.org"}),
        (Ask("?", "/x", shape="people"), "Lovelace, Ada; Plato",
         [{"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace"}, {"name": "Plato"}]),
    ],
)  # fmt: skip
def test_answers_become_values(ask: Ask, text: str, value: Any) -> None:
    assert answers.parse_answer(ask, text, answers.Choices(ask.choices, closed=True)) == value


@pytest.mark.parametrize("text", ['"never closed, b', '"a"b, c', "[1, 2"])
def test_quotes_that_are_not_right_are_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"quotes are not right|not JSON"):
        answers.parse_answer(Ask("?", "/x", shape="list"), text, answers.Choices())


def test_an_answer_beside_the_choices_is_refused_with_the_nearest() -> None:
    ask = Ask("?", "/x", choices=("open", "closed"))
    with pytest.raises(ValueError, match="did you mean 'open'"):
        answers.parse_answer(ask, "opne", answers.Choices(ask.choices, closed=True))


def test_a_site_profile_of_the_user_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SITE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert description.find_site() is None
    (tmp_path / "candle-spec").mkdir()
    (tmp_path / "candle-spec" / "site.yaml").write_text(SITE)
    assert description.find_site() == tmp_path / "candle-spec" / "site.yaml"


def test_without_a_home_there_is_no_site_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pwd

    def nobody(_: int) -> Any:
        raise KeyError("no such user")

    for name in ("HOME", "XDG_CONFIG_HOME", SITE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.chdir(tmp_path)
    assert description.find_site() is None
