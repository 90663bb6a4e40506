"""The conformance folders: each breaks one requirement of spec.md alone, and a second implementation agrees."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from candle_spec import resources
from candle_spec.errors import CandleSpecError
from candle_spec.validation import validate
from tests.conformance import make, reader

ROOT = Path(__file__).parents[2]
FOLDERS = ROOT / "tests" / "conformance"
VALID = sorted((FOLDERS / "valid").iterdir())
INVALID = sorted((FOLDERS / "invalid").iterdir())
EXPECTED: dict[str, Any] = json.loads((FOLDERS / "expectations.json").read_bytes())
REQUIREMENT = re.compile(r"^- \*\*(CS-\d{3})\*\* (.*?)\[([^\]]+)\]$", re.MULTILINE | re.DOTALL)


CHECKS = {check["code"]: check.get("requirement", "") for check in resources.read_json("checks.json")["checks"]}


UNREACHABLE = {"CKP4035"}
"""Checks of requirements that nothing can break in this version: it has no features."""
OTHERS = {"CS-019": 3, "CS-028": 1, "CS-035": 1}
"""How many MUSTs of a requirement bind a reader, or features, which this version has none of."""


def texts() -> dict[str, tuple[str, list[str]]]:
    """Return the words of each requirement of spec.md, and what enforces it."""
    text = (ROOT / "spec.md").read_text(encoding="utf-8")
    rows = ((found[1], found[2], found[3].split(",")) for found in REQUIREMENT.finditer(text))
    return {name: (words, [word.strip() for word in by]) for name, words, by in rows}


def requirements() -> dict[str, list[str]]:
    """Return what enforces each requirement of spec.md."""
    return {name: by for name, (_, by) in texts().items()}


def cited(folder: Path) -> set[str]:
    """Return the requirements that the validator's errors cite."""
    try:
        return {problem.requirement for problem in validate(folder).errors}
    except CandleSpecError as error:
        return {CHECKS[error.code]}


@pytest.mark.parametrize("folder", VALID, ids=lambda folder: folder.name)
def test_valid_checkpoints_have_no_errors(folder: Path) -> None:
    assert cited(folder) == set()
    assert reader.read(folder)["name"] == "minimal"


@pytest.mark.parametrize("name", EXPECTED["valid"])
def test_the_reader_takes_what_is_valid(name: str) -> None:
    weights = reader.read((FOLDERS / name).resolve())["weights"]
    stated = {key: EXPECTED["valid"][name][key] for key in ("content_digest", "values_digest", "state_digest")}
    assert stated.items() <= weights.items()


@pytest.mark.parametrize("folder", INVALID, ids=lambda folder: folder.name)
def test_each_breaks_its_requirement_alone(folder: Path) -> None:
    assert cited(folder) == {folder.name[:6]}


@pytest.mark.parametrize("folder", INVALID, ids=lambda folder: folder.name)
def test_a_reader_written_from_the_text_agrees(folder: Path) -> None:
    with pytest.raises(reader.Broken) as caught:
        reader.read(folder)
    assert caught.value.args[0] == folder.name[:6]


def test_every_requirement_on_checkpoints_has_a_folder() -> None:
    enforced = {name for name, by in requirements().items() if any(word.startswith("CKP") for word in by)}
    assert enforced == {folder.name[:6] for folder in INVALID}


def test_each_thing_that_a_requirement_says_has_a_folder() -> None:
    """As many folders as the requirement says MUST of a checkpoint, and one for each check that enforces it."""
    found: dict[str, list[str]] = {}
    for row in EXPECTED["invalid"].values():
        found.setdefault(row["requirement"], []).append(row["code"])
    lacking = []
    for name, (text, by) in texts().items():
        codes = {word for word in by if word.startswith("CKP")} - UNREACHABLE
        musts = len(re.findall(r"\bMUST\b", text)) - OTHERS.get(name, 0)
        if codes and (len(found[name]) < musts or not codes <= set(found[name])):
            lacking.append(f"{name}: {musts} MUST, {codes - set(found[name])}, {len(found[name])} folders")
    assert lacking == []


def test_spec_and_catalogue_agree() -> None:
    for requirement, enforcers in requirements().items():
        for code in (word for word in enforcers if word.startswith("CKP")):
            assert CHECKS[code] == requirement, f"{code} cites {CHECKS[code]}, spec.md says {requirement}"
    assert {name for name in CHECKS.values() if name} <= set(requirements())


def test_ids_are_unique_and_every_must_has_one() -> None:
    text = (ROOT / "spec.md").read_text(encoding="utf-8")
    ids = re.findall(r"^- \*\*(CS-\d{3})\*\*", text, re.MULTILINE)
    assert len(ids) == len(set(ids)) == len(requirements())
    for paragraph in text.split("\n\n")[3:]:
        for item in re.split(r"\n(?=- )", paragraph):
            if re.search(r"\bMUST\b", item):
                assert item.startswith("- **CS-"), item


def test_the_reader_needs_nothing_but_python() -> None:
    code = (FOLDERS / "reader.py").read_text(encoding="utf-8")
    assert sum(1 for line in code.splitlines() if line.strip()) < 300
    command = [sys.executable, "-I", "-S", str(FOLDERS / "reader.py"), *map(str, VALID)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.count(": ok") == len(VALID)


@pytest.mark.slow
def test_the_folders_are_what_the_generator_makes(tmp_path: Path) -> None:
    make.make(tmp_path)
    assert (tmp_path / "expectations.json").read_bytes() == (FOLDERS / "expectations.json").read_bytes()
    for kind in ("valid", "invalid"):
        made, kept = _contents(tmp_path / kind), _contents(FOLDERS / kind)
        assert made.keys() == kept.keys()
        assert [name for name, data in made.items() if data != kept[name]] == []


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
