"""Bundles: one flat file of a schema, which other validators take and of which they say what this package says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.cli import exit_codes, main
from candle_spec.errors import CorruptFileError, InvalidInputError
from candle_spec.manifest import bundles, check, collection
from candle_spec.manifest.bundles.strict import strict
from candle_spec.manifest.bundles.subschemas import LISTED, NAMED, SINGLE

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(collection.versions())
EVERY = [(name, draft) for name in NAMES for draft in bundles.DRAFTS]
BEYOND_SCHEMAS = {
    "ckp1002-unknown-schema-of-our-namespace.json",  # an identifier of this project that names nothing
    "ckp1003-integer-not-tagged.json",  # a number that JSON readers do not all keep
    "ckp1003-size-with-fraction.json",  # 1.0, which is an integer to a schema
    "ckp1011-other-development-version.json",  # which versions are known
    "ckp1012-schema-and-version-disagree.json",  # two members that must agree
    "ckp1012-schema-of-another-version.json",
    "CS-015-schema-disagrees",
}
"""Documents that level L1 refuses and no schema can."""


@cache
def made(name: str, draft: bundles.Draft) -> dict[str, Any]:
    return bundles.bundle(name, draft=draft)


def schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and all within, of either draft."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword, value in schema.items():
        if keyword in (SINGLE - {"items"}) | {"items", "additionalItems"} and isinstance(value, dict):
            yield from schemas(value)
        elif keyword in LISTED | {"items"} and isinstance(value, list):
            yield from (each for inner in value for each in schemas(inner))
        elif keyword in NAMED | {"definitions", "dependencies"}:
            yield from (each for inner in value.values() for each in schemas(inner))


def engines(schema: Mapping[str, Any]) -> list[Any]:
    return [jsonschema_rs.validator_for(schema), jsonschema.validators.validator_for(schema)(schema)]


def manifests() -> list[Path]:
    """Return the manifests of the conformance suite that are JSON."""
    every = sorted((ROOT / "tests" / "conformance").glob("*/*/candle-checkpoint.json"))
    return [path for path in every if not "CS-001" <= path.parent.name[:6] <= "CS-008"]


@pytest.mark.parametrize(("name", "draft"), EVERY)
def test_a_bundle_is_flat_and_needs_nothing_else(name: str, draft: bundles.Draft) -> None:
    schema, home = made(name, draft), "definitions" if draft == "7" else "$defs"
    assert schema["$id"] == collection.schema_id(name)
    jsonschema.validators.validator_for(schema).check_schema(schema)
    inner = [each for each in schemas(schema) if each is not schema]
    assert [each for each in inner if "$id" in each or "$schema" in each or home in each] == []
    references = {each["$ref"] for each in schemas(schema) if "$ref" in each}
    assert references == {f"#/{home}/{key}" for key in schema.get(home, {})}
    assert all(re.fullmatch("[A-Za-z0-9_]+", key) for key in schema.get(home, {}))
    if draft == "7":
        assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
        later = {"$defs", "dependentRequired", "dependentSchemas", "prefixItems", "unevaluatedProperties"}
        assert [each for each in schemas(schema) if later & each.keys() or ("$ref" in each and len(each) > 1)] == []


@pytest.mark.parametrize(("name", "draft"), EVERY)
def test_validators_say_of_every_example_what_this_package_says(name: str, draft: bundles.Draft) -> None:
    validators = engines(made(name, draft))
    for path in sorted((ROOT / "schemas" / name / "examples").glob("*/*.json")):
        document = json.loads(path.read_bytes())
        stated = isinstance(document, dict) and "schema_version" in document
        version = None if stated or "no-schema-version" in path.name else collection.CURRENT
        errors = [each for each in check(document, schema=name, version=version) if each.severity == "error"]
        sound = not errors or path.name in BEYOND_SCHEMAS
        assert [each.is_valid(document) for each in validators] == [sound, sound], path.name


@pytest.mark.parametrize("draft", bundles.DRAFTS)
def test_validators_agree_on_the_checkpoints_of_the_conformance_suite(draft: bundles.Draft) -> None:
    validators, refused = engines(made("checkpoint", draft)), set()
    for path in manifests():
        document = json.loads(path.read_bytes())
        errors = [each for each in check(document) if each.severity == "error"]
        sound = not errors or path.parent.name in BEYOND_SCHEMAS
        assert [each.is_valid(document) for each in validators] == [sound, sound], path.parent.name
        refused |= set() if sound else {path.parent.name[:6]}
    assert refused == {"CS-010", "CS-011", "CS-012", "CS-013"}  # what a schema states; spec.md, section 4


def test_the_same_schemas_give_the_same_bytes(tmp_path: Path) -> None:
    texts = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "candle_spec", "schema", "bundle", "checkpoint", "-o", str(tmp_path / seed)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT)
        texts.add((tmp_path / seed).read_bytes())
    assert len(texts) == 1
    assert len(texts.pop()) < 400_000


def test_an_extension_is_checked_where_it_stands() -> None:
    identifier = collection.schema_id("extensions/oncology")
    schema = made("checkpoint", "2020-12")
    document = json.loads((ROOT / "tests/conformance/valid/minimal/candle-checkpoint.json").read_bytes())
    extension = json.loads((ROOT / "schemas/extensions/oncology/examples/valid/one_member.json").read_bytes())
    for changed, sound in (({}, True), ({"cohrt": []}, False)):
        document["extensions"] = {identifier: extension | changed}
        assert {each.is_valid(document) for each in engines(schema)} == {sound}


class TestFlattening:
    """With schemas made for it."""

    def test_what_the_root_defines_keeps_its_name_and_others_get_one(self) -> None:
        schema = bundles.flat(
            {
                "$id": "https://example.org/x",
                "properties": {"digest": {"$ref": "#/$defs/common_digest"}, "again": {"$ref": "#"}},
                "items": {"$ref": collection.schema_id("common/digest")},
                "$defs": {"common_digest": {"const": 1}, "unused": {}},
            }
        )
        assert list(schema["$defs"]) == ["common_digest", "common_digest_2", "root"]
        assert schema["$defs"]["common_digest"] == {"const": 1}
        assert schema["$defs"]["common_digest_2"]["title"] == "Digest"
        (validator, reference) = engines(schema)
        for document, sound in (
            ({"again": {"again": {"digest": 1}}}, True),
            ({"again": {"again": {"digest": 2}}}, False),
            (["sha256:" + "0" * 64], True),
            (["0"], False),
        ):
            assert validator.is_valid(document) is reference.is_valid(document) is sound

    def test_a_property_that_is_called_as_a_keyword_is_none(self) -> None:
        schema = {"type": "object", "properties": {"$ref": {"type": "string"}, "prefixItems": True}}
        assert bundles.flat(schema, draft="7")["properties"] == schema["properties"]

    def test_a_reference_to_nothing_is_named(self) -> None:
        with pytest.raises(CorruptFileError, match="which is not there"):
            bundles.flat({"$id": "https://example.org/x", "$ref": "https://example.org/y#/$defs/z"})


class TestDraft7:
    """What is said otherwise there, with schemas made for it."""

    @pytest.mark.parametrize(
        ("schema", "sound", "faulty"),
        [
            ({"prefixItems": [{"const": 1}], "items": {"const": 2}}, [[], [1], [1, 2]], [[2], [1, 1]]),
            ({"prefixItems": [{"const": 1}], "items": False}, [[1], {}], [[1, 1]]),
            ({"items": {"const": 2}}, [[2, 2]], [[1]]),
            (
                {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": {"maxProperties": 2}}},
                [{"a": 1, "b": 1}, {"b": 1}, []],
                [{"a": 1}, {"a": 1, "b": 1, "c": 1}],
            ),
            ({"$ref": "#/$defs/one", "maximum": 5, "$defs": {"one": {"minimum": 1}}}, [1, 5], [0, 6]),
        ],
    )
    def test_the_same_documents_are_valid(self, schema: Any, sound: list[Any], faulty: list[Any]) -> None:
        for draft in bundles.DRAFTS:
            every = engines(
                bundles.flat({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema, draft=draft)
            )
            assert [each.is_valid(document) for each in every for document in sound] == [True] * 2 * len(sound)
            assert [each.is_valid(document) for each in every for document in faulty] == [False] * 2 * len(faulty)

    def test_what_it_cannot_say_is_refused(self) -> None:
        with pytest.raises(CorruptFileError, match="'unevaluatedProperties'"):
            bundles.flat({"properties": {"a": {"unevaluatedProperties": False}}}, draft="7")


VALUES: list[Any] = [None, True, 0, 1, 7, 1.5, "", "ab", "abcd", [], [1], [1, 2], {}, {"a": 1}, {"a": "x"}, {"b": 1}]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "object"], "maxLength": 2, "required": ["a"], "properties": {"a": {"type": "integer"}}},
        {"type": ["integer", "array"], "minimum": 1, "maxItems": 1},
        {"type": ["null", "number", "string"], "minimum": 1, "pattern": "^a"},
        {"type": ["object", "null"], "minProperties": 1},
        {"minLength": 1, "minItems": 1, "maximum": 1},
        {"required": ["a"]},
        {"type": "object", "required": ["a"], "additionalProperties": {"type": "integer"}},
        {"anyOf": [{"required": ["a"]}, {"type": "string", "maxLength": 2}]},
        {"type": "object", "if": {"required": ["a"]}, "then": {"properties": {"a": {"const": 1}}}},
        {"not": {"required": ["a"]}, "type": ["object", "array"]},
        {"type": ["string", "array"], "allOf": [{"minItems": 1}], "enum": ["ab", [1]]},
        {"propertyNames": {"maxLength": 1, "not": {"const": "b"}}},
    ],
)
def test_spelling_out_types_changes_no_verdict(schema: dict[str, Any]) -> None:
    before, after = jsonschema.Draft202012Validator(schema), jsonschema.Draft202012Validator(strict(schema))
    verdicts = [before.is_valid(value) for value in VALUES]
    assert [after.is_valid(value) for value in VALUES] == verdicts
    assert len(set(verdicts)) == 2


def test_the_settings_of_editors_name_the_schema_that_is_written_now() -> None:
    text = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    settings, entry = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    identifier = collection.schema_id("checkpoint")
    assert [each["url"] for each in settings["json.schemas"]] == [identifier]
    assert entry["url"] == entry["versions"][collection.CURRENT] == identifier
    assert entry["fileMatch"] == settings["json.schemas"][0]["fileMatch"] == [MANIFEST]


def told(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


class TestCommand:
    """``candle-spec schema bundle``."""

    def test_it_prints_or_writes_the_same(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        target = tmp_path / "s.json"
        target.write_text("old")
        for name in ("checkpoint", "extensions/oncology", "template/mapping", "repositories/huggingface"):
            assert told(["schema", "bundle", name]) == exit_codes.OK
            printed = json.loads(capsys.readouterr().out)
            assert told(["schema", "bundle", name, "-o", str(target)]) == exit_codes.OK
            assert capsys.readouterr().out == f"-> {target}\n"
            assert json.loads(target.read_bytes()) == printed
        assert [path.name for path in tmp_path.iterdir()] == ["s.json"]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["chekpoint"], "did you mean 'checkpoint'?"),
            (["oncology"], "did you mean 'extensions/oncology'?"),
            (["qqq"], "extensions/drug_response, extensions/oncology"),
            (["checkpoint", "--version", "9.0.0"], f"known are: {collection.CURRENT}"),
            (["repositories/hugingface"], "did you mean 'huggingface'?"),
            (["repositories/ro-crate"], "adds nothing to a manifest"),
        ],
    )
    def test_a_name_that_is_not_known(
        self, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert told(["schema", "bundle", *arguments]) == exit_codes.of(InvalidInputError(""))
        assert words in capsys.readouterr().err

    def test_the_help_names_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert told(["schema", "bundle", "--help"]) == exit_codes.OK
        words = capsys.readouterr().out.replace(",", " ").split()
        assert {name for name in NAMES if not name.startswith("common/")} <= set(words)


@pytest.mark.framework
class TestCheckJsonschema:
    """The validator that most people have: https://check-jsonschema.readthedocs.io."""

    @staticmethod
    def failing(schema: dict[str, Any], files: list[Path], tmp_path: Path) -> set[str]:
        """Return the files that it refuses."""
        named = tmp_path / "schema.json"
        named.write_text(json.dumps(schema))
        command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(named), "-o", "json", *map(str, files)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode in (0, 1), result.stderr
        answer = json.loads(result.stdout)
        assert answer.get("parse_errors", []) == []
        return {each["filename"] for each in answer["errors"]}

    @pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("common/")])
    def test_it_says_the_same_of_the_examples(self, name: str, tmp_path: Path) -> None:
        pytest.importorskip("check_jsonschema")
        files = sorted((ROOT / "schemas" / name / "examples").glob("*/*.json"))
        files += manifests() if name == "checkpoint" else []
        schema = made(name, "2020-12")
        validator = jsonschema_rs.validator_for(schema)
        refused = {str(path) for path in files if not validator.is_valid(json.loads(path.read_bytes()))}
        assert self.failing(schema, files, tmp_path) == refused
        assert refused

    def test_a_misspelt_member_is_refused(self, tmp_path: Path) -> None:
        pytest.importorskip("check_jsonschema")
        manifest = ROOT / "schemas" / "checkpoint" / "examples" / "valid" / "keras_hallmarks.json"
        assert "license" in json.loads(manifest.read_bytes())
        wrong = tmp_path / "wrong.json"
        wrong.write_text(manifest.read_text().replace('"license"', '"lisence"'))
        assert self.failing(made("checkpoint", "2020-12"), [manifest, wrong], tmp_path) == {str(wrong)}
