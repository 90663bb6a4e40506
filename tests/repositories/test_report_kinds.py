"""Every kind of finding comes from a shipped template, and ``map --explain`` shows it with all that is known of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec import pointer as pointers
from candle_spec.repositories.kinds import Kind
from tests.helpers import checkpoints, templates
from tests.helpers.calls import run

MODAC = "/extensions/https:~1~1w3id.org~1candle-spec~1repositories~1modac~11"
HF = "/extensions/https:~1~1w3id.org~1candle-spec~1repositories~1huggingface~11"
INFERRED = [
    {"pointer": "/title", "source": "inferred", "detail": "file name", "value_digest": f"sha256:{'0' * 64}"},
]

KINDS: dict[str, tuple[str, str, dict[str, Any], str, str, str]] = {
    # kind: (template, manifest of its example, what is set, target, words of the message, source)
    "filled": ("cff/1.2.0", "full", {}, "citation:/title", "", "/title"),
    "missing-mandatory": (
        "zenodo/1.0.0",
        "full",
        {"/creators": []},
        "deposit:/metadata/creators",
        "no value",
        "/creators",
    ),
    "missing-recommended": (
        "huggingface/1.0.0",
        "full",
        {"/license": {}},
        "card:/license",
        "no value",
        "/license/weights",
    ),
    "defaulted": ("zenodo/1.0.0", "full", {}, "deposit:/metadata/upload_type", "software stands for it", "constant"),
    "truncated": (
        "modac/1.0.0",
        "full",
        {"/description": "é" * 2000},
        "asset:/metadataEntries/description",
        "4000 bytes, cut to 2700",
        "/description",
    ),
    "unit-converted": (
        "huggingface/1.0.0",
        "full",
        {},
        "card:/co2_eq_emissions/emissions",
        "1.1 kg is 1100 g",
        "/training/compute/emissions",
    ),
    "vocabulary-matched": (
        "zenodo/1.0.0",
        "full",
        {},
        "deposit:/metadata/license",
        "'Apache-2.0' is 'apache-2.0' there",
        "/license/weights",
    ),
    "unverified": (
        "modac/1.0.0",
        "full",
        {},
        "asset:/metadataEntries/domain",
        "the list domains is",
        f"{MODAC}/domain",
    ),
    "inferred": (
        "zenodo/1.0.0",
        "full",
        {"/field_sources": INFERRED},
        "deposit:/metadata/title",
        "only inferred: file name",
        "/title",
    ),
    "no-place": ("cff/1.2.0", "full", {}, "", "no place for it", "/evaluations"),
    "left-out": (
        "huggingface/1.0.0",
        "full",
        {f"{HF}/pipeline_tag": None, "/model/task": "clairvoyance"},
        "card:/pipeline_tag",
        "'clairvoyance' is not in pipelines",
        "/model/task",
    ),
    "invalid": (
        "zenodo/1.0.0",
        "full",
        {"/license/weights": "CDLA-Permissive-2.0"},
        "deposit:/metadata/license",
        "is not in licences; nearest: 'cdla-permissive-1.0'",
        "/license/weights",
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    return checkpoints.make("plain", tmp_path).path


def _write(folder: Path, template: str, example: str, changes: dict[str, Any]) -> None:
    manifest = templates.manifest(template, example)
    for at, value in changes.items():
        pointers.put(manifest, at, value)
    checkpoints.write_manifest(folder, manifest)


def test_the_table_has_every_kind() -> None:
    assert set(KINDS) == {kind.value for kind in Kind}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_comes_from_a_shipped_template(folder: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    template, example, changes, target, words, source = KINDS[kind]
    _write(folder, template, example, changes)
    run("map", folder, "--to", template, "--json")
    (report,) = json.loads(capsys.readouterr().out)
    found = [
        each
        for each in report["findings"]
        if each["kind"] == kind and each.get("target", "") == target and words in each.get("message", "")
    ]
    assert [each["source"] for each in found if each["source"] == source] == [source], report["findings"]
    run("map", folder, "--to", template, "--explain")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"  {kind}")]
    (line,) = [line for line in lines if (target or source) in line.split() and words in line]
    if target:
        assert f"<- {source}" in line


def test_an_explanation_names_transforms_and_provenance(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"pointer": "/license", "source": "file", "detail": "LICENSE", "value_digest": f"sha256:{'0' * 64}"}]
    _write(folder, "zenodo/1.0.0", "full", {"/field_sources": rows})
    run("map", folder, "--to", "zenodo", "--explain")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "'Apache-2.0' is 'apache-2.0' there" in line]
    assert line.startswith("  vocabulary-matched   deposit:/metadata/license")
    assert line.endswith("<- /license/weights | vocabulary  [file: LICENSE]")


@pytest.mark.parametrize(
    ("kind", "code"),
    [("missing-mandatory", 1), ("invalid", 1), ("inferred", 1), ("missing-recommended", 0), ("unit-converted", 0)],
)
def test_the_exit_code_follows_the_kind(folder: Path, capsys: pytest.CaptureFixture[str], kind: str, code: int) -> None:
    template, example, changes, _, _, _ = KINDS[kind]
    _write(folder, template, example, changes)
    assert run("map", folder, "--to", template) == code
    assert run("map", folder, "--to", template, "--accept-inferred") == (0 if kind == "inferred" else code)
