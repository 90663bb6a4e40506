"""A repository is added with data files only; each of many planted mistakes is found, at its place, in words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from candle_spec.repositories.engine.mapper import map_source
from candle_spec.repositories.engine.proof import Proof, prove
from candle_spec.repositories.engine.source import merge
from candle_spec.repositories.templates import search
from candle_spec.repositories.templates.folder import Folder
from tests.helpers import templates
from tests.helpers.registry import EXAMPLE, TEMPLATE, registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return registry(tmp_path)


def proof_of(folder: Path) -> Proof:
    return prove(Folder(folder, str(folder)))


def test_a_repository_of_data_files_only_passes_and_maps(folder: Path) -> None:
    assert proof_of(folder).problems == []
    template = search.choose(search.library([folder.parent.parent]), "registry")
    manifest = templates.manifest("huggingface/1.0.0", "licence-not-listed")
    manifest["extensions"] = {"urn:example:registry:1": {"ward": "Oncology"}}
    record = map_source(template, merge(manifest))
    assert record.documents["entry"] == {"label": "tiny", "ward": "oncology", "note": "TINY"}
    assert record.blocking == []


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / name).read_text(encoding="utf-8")
        assert old in text
        (root / name).write_text(text.replace(old, new), encoding="utf-8")

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink() if (root / name).is_file() else shutil.rmtree(root / name)


MISTAKES: dict[str, tuple[Callable[[Path], None], str, int, str]] = {
    # what: (edit, file, line, words of the message)
    "broken yaml": (edit("mapping.yaml", "  entry:", "  entry: ]"), "mapping.yaml", 5, "not YAML"),
    "key twice": (edit("mapping.yaml", "    note:", "    label:"), "mapping.yaml", 12, "appears twice"),
    "misspelt instruction": (
        edit("mapping.yaml", "$from: /name, $level", "$form: /name, $level"),
        "mapping.yaml",
        6,
        "no member '$form'",
    ),
    "unknown member": (edit("template.yaml", "title: A", "titel: A"), "template.yaml", 4, "no member 'titel'"),
    "pointer to nothing": (
        edit("mapping.yaml", "$from: /name,", "$from: /nmae,"),
        "mapping.yaml",
        6,
        "there is no '/nmae'",
    ),
    "pointer into the extension": (
        edit("mapping.yaml", "here:/ward", "here:/wards"),
        "mapping.yaml",
        8,
        "there is no '/extensions",
    ),
    "unknown scope": (edit("mapping.yaml", '"here:/ward"', '"there:/ward"'), "mapping.yaml", 8, "'there'"),
    "unknown transform": (
        edit("mapping.yaml", "| upper", "| uper"),
        "mapping.yaml",
        12,
        "no transform 'uper'; did you mean 'upper'",
    ),
    "unknown vocabulary": (
        edit("mapping.yaml", "[{vocabulary: wards}]", "[{vocabulary: words}]"),
        "mapping.yaml",
        9,
        "no vocabulary 'words'",
    ),
    "mandatory field not mapped": (
        edit("mapping.yaml", "    label:", "    lable:"),
        "mapping.yaml",
        5,
        "'label' is neither mapped nor asked",
    ),
    "mandatory field without question": (
        edit("mapping.yaml", "      $ask: {question: In which ward is it used?, vocabulary: wards}\n", ""),
        "mapping.yaml",
        7,
        "'ward' may get no value, and no question asks",
    ),
    "text without end": (
        edit("mapping.yaml", "{{ /name | upper }}", "{{ if /name }}x"),
        "mapping.yaml",
        12,
        "{{ end }} is missing",
    ),
    "unknown condition": (
        edit("rules.yaml", "max_characters", "max_chars"),
        "rules.yaml",
        4,
        "no condition 'max_chars'",
    ),
    "rule of no record": (
        edit("rules.yaml", "record: entry", "record: entries"),
        "rules.yaml",
        4,
        "no record 'entries'",
    ),
    "schema file missing": (remove("target.schema.json"), "template.yaml", 10, "no file 'target.schema.json'"),
    "schema not a schema": (
        edit("target.schema.json", '"type": "object"', '"type": "objekt"'),
        "template.yaml",
        8,
        "no JSON Schema",
    ),
    "vendored file changed": (
        edit("template.yaml", "origin: derived", f'origin: vendored, digest: "sha256:{"0" * 64}"'),
        "template.yaml",
        10,
        "another digest",
    ),
    "version unlike the folder": (
        edit("template.yaml", 'version: "2.0"', 'version: "2.1"'),
        "template.yaml",
        3,
        "registry/2.1",
    ),
    "term twice": (edit("vocab/wards.yaml", "{id: radiology}", "{id: oncology}"), "vocab/wards.yaml", 7, "twice"),
    "closed list without source": (
        edit("vocab/wards.yaml", "from: https://registry.example/wards\n", ""),
        "vocab/wards.yaml",
        1,
        "lacks 'from'",
    ),
    "extension without name": (
        edit("extension.schema.json", '"$id": "urn:example:registry:1", ', ""),
        "mapping.yaml",
        8,
        "'here'",
    ),
    "no readme": (remove("README.md"), "template.yaml", 1, "no README.md"),
    "no invalid example": (remove("examples/invalid"), "template.yaml", 1, "examples/invalid/"),
    "valid example that is not": (
        edit("examples/valid/one.yaml", "oncology", "pediatrics"),
        "examples/valid/one.yaml",
        1,
        "not in wards",
    ),
    "invalid example that is valid": (
        edit(
            "examples/invalid/bare.yaml",
            "expect: [{kind: missing-mandatory}]",
            'set: {"/extensions/urn:example:registry:1": {ward: oncology}}',
        ),
        "examples/invalid/bare.yaml",
        1,
        "nothing is wrong with it",
    ),
    "expectation not met": (
        edit("examples/invalid/bare.yaml", "missing-mandatory", "truncated"),
        "examples/invalid/bare.yaml",
        5,
        "no such finding: truncated",
    ),
    "another record than before": (
        edit("examples/valid/one.record.json", "TINY", "TINI"),
        "examples/valid/one.record.json",
        1,
        "was 'TINI', is 'TINY'",
    ),
    "loss that is new": (
        edit("mapping.yaml", "ignore: [/files, ", "ignore: ["),
        "examples/valid/one.record.json",
        1,
        "losses",
    ),
    "no way back": (remove("import.yaml"), "template.yaml", 13, "import.yaml"),
    "does not come back": (
        edit("import.yaml", "/label", "/note"),
        "examples/valid/one.yaml",
        1,
        "/name does not come back",
    ),
    "a link": (lambda root: (root / "notes.md").symlink_to("/etc/hostname"), "", 0, "links"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_planted_mistake_is_found_at_its_place(folder: Path, what: str) -> None:
    change, file, line, words = MISTAKES[what]
    change(folder)
    if what == "a link":
        with pytest.raises(ValueError, match=words):
            proof_of(folder)
        return
    problems = proof_of(folder).problems
    found = [(problem.location.file, problem.location.line, problem.message) for problem in problems]
    assert any(at == file and number == line and words in message for at, number, message in found), found
    assert all(problem.location.column for problem in problems)


REQUIRED = '"required": ["label", "ward"]'
BRANCHES: dict[str, tuple[str, str, str]] = {
    # what: (in the place of the schema's required, words of the message, words of the hint)
    "allOf": ('"allOf": [{"required": ["label"]}, {"allOf": [{"required": ["site"]}]}]', "field 'site' is neither", ""),
    "$ref": (
        '"allOf": [{"$ref": "#/definitions/more"}], "definitions": {"more": {"required": ["site"]}}',
        "the mandatory target field 'site' is neither mapped",
        "",
    ),
    "$ref of a file beside": ('"allOf": [{"$ref": "more.schema.json"}]', "field 'site' is neither", ""),
    "$ref in the other's place": (
        '"allOf": [{"$ref": "more.schema.json#/definitions/deep"}]',
        "field 'deep' is neither",
        "",
    ),
    "if and then": (
        '"if": {"properties": {"ward": {"const": "oncology"}}, "required": ["ward"]}, "then": {"required": ["stage"]}',
        "field 'stage', mandatory in some cases, is neither mapped nor asked for",
        "where 'ward' is 'oncology'",
    ),
    "else": (
        '"if": {"properties": {"ward": {"const": "oncology"}}}, "else": {"required": ["organ"]}',
        "field 'organ', mandatory in some cases",
        "not so that 'ward' is 'oncology'",
    ),
    "then by $ref": (
        '"if": {"properties": {"ward": {"enum": ["radiology"]}}}, "then": {"$ref": "#/definitions/more"},'
        ' "definitions": {"more": {"required": ["site"]}}',
        "field 'site', mandatory in some cases",
        "'radiology'",
    ),
    "if in allOf": (
        '"allOf": [{"if": {"required": ["note"]}, "then": {"required": ["author"]}}]',
        "field 'author', mandatory in some cases",
        "'note' is there",
    ),
    "dependencies": ('"dependencies": {"note": ["author"]}', "field 'author', mandatory in some", "'note' is there"),
    "anyOf": (
        '"anyOf": [{"required": ["site"]}, {"required": ["label", "city"]}]',
        "alternatives none is mapped or asked for: 'site' or 'label' and 'city'",
        "",
    ),
    "oneOf": ('"oneOf": [{"required": ["site"]}, {"$ref": "more.schema.json"}]', "none is mapped", ""),
}
HARMLESS = {
    "a case that the list does not have": (
        '"if": {"properties": {"ward": {"const": "cardiology"}}}, "then": {"required": ["stage"]}'
    ),
    "a case of a field that is not mapped": '"if": {"required": ["site"]}, "then": {"required": ["stage"]}',
    "one of the alternatives": '"anyOf": [{"required": ["site"]}, {"required": ["label", "ward"]}]',
    "an alternative that asks nothing": '"anyOf": [{"required": ["site"]}, {"maxProperties": 9}]',
    "a case that is mapped": '"if": {"required": ["note"]}, "then": {"required": ["label"]}',
}


def with_schema(folder: Path, instead: str) -> list[tuple[str, int | None, str, str]]:
    more = {"required": ["site"], "definitions": {"deep": {"required": ["deep"]}}}
    (folder / "more.schema.json").write_text(json.dumps(more))
    edit("target.schema.json", REQUIRED, instead)(folder)
    edit("target.schema.json", '"additionalProperties": false', '"title": "Entry"')(folder)
    problems = proof_of(folder).problems
    return [(each.location.file, each.location.line, each.message, each.hint) for each in problems]


@pytest.mark.parametrize("what", BRANCHES)
def test_what_a_branch_of_the_target_schema_requires_is_seen(folder: Path, what: str) -> None:
    instead, words, hint = BRANCHES[what]
    (found,) = with_schema(folder, instead)
    assert found[:2] == ("mapping.yaml", 5)
    assert words in found[2]
    assert hint in found[3]


@pytest.mark.parametrize("what", HARMLESS)
def test_a_branch_that_asks_for_nothing_more_is_no_mistake(folder: Path, what: str) -> None:
    assert with_schema(folder, HARMLESS[what]) == []


def test_a_condition_of_a_shipped_schema_is_seen() -> None:
    """Zenodo wants the end of an embargo where there is one."""
    import dataclasses

    from candle_spec.repositories.templates.document_checks import check_documents
    from candle_spec.repositories.templates.template import read_sources

    folder = Folder(templates.ROOT / "zenodo/1.0.0", "zenodo/1.0.0")
    sources, documents, failed = read_sources(folder)
    assert check_documents(folder, sources, documents, failed) == []
    mapping = json.loads(json.dumps(sources.documents["mapping.yaml"]))
    del mapping["records"]["deposit"]["metadata"]["embargo_date"]
    changed = dataclasses.replace(sources, documents={**sources.documents, "mapping.yaml": mapping})
    (problem,) = check_documents(folder, changed, documents, failed)
    assert "'embargo_date', mandatory in some cases" in problem.message
    assert problem.hint == "it is where 'access_right' is 'embargoed'"


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    for what in ("pointer to nothing", "unknown transform", "unknown condition", "term twice"):
        MISTAKES[what][0](folder)
    places = {(problem.location.file, problem.location.line) for problem in proof_of(folder).problems}
    assert {("mapping.yaml", 6), ("mapping.yaml", 12), ("rules.yaml", 4), ("vocab/wards.yaml", 7)} <= places


def test_a_template_with_mistakes_is_not_loaded(folder: Path) -> None:
    MISTAKES["unknown transform"][0](folder)
    with pytest.raises(ValueError, match=r"mapping.yaml:12:\d+: there is no transform 'uper'"):
        search.library([folder]).get("registry/2.0")


def test_a_template_that_extends_another_says_only_what_differs(folder: Path, tmp_path: Path) -> None:
    newer = tmp_path / "registry" / "3.0"
    head = TEMPLATE.replace('version: "2.0"', 'version: "3.0"\nextends: registry/2.0')
    mapping = """\
$schema: "https://w3id.org/candle-spec/schemas/template/mapping/1.0.0-rc.1"
schema_version: 1.0.0-rc.1
records:
  entry: {note: null, label: {$use: [lower]}, ward: {$default: oncology}}
"""
    texts = {
        "template.yaml": head,
        "mapping.yaml": mapping,
        "README.md": "# Registry 3\n",
        "examples/valid/one.yaml": EXAMPLE,
        "examples/invalid/long.yaml": EXAMPLE + "expect: [{kind: invalid, message: too long}]\n",
    }
    texts["examples/invalid/long.yaml"] = texts["examples/invalid/long.yaml"].replace(
        "set: {", "set: {/name: a long name, "
    )
    texts["examples/valid/one.record.json"] = json.dumps(
        {"documents": {"entry": {"label": "tiny", "ward": "oncology"}}, "losses": []}
    )
    for name, text in texts.items():
        (newer / name).parent.mkdir(parents=True, exist_ok=True)
        (newer / name).write_text(text, encoding="utf-8")
    assert [problem.message for problem in proof_of(newer).problems] == []
    (newer / "template.yaml").write_text(head.replace("extends: registry/2.0", "extends: registry/1.0"))
    assert any("no template 'registry/1.0' to extend" in problem.message for problem in proof_of(newer).problems)
