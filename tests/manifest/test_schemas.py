"""The packaged schemas: well-formed, documented, portable, pinned; their examples are what their names say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jsonschema
import pytest

from candle_spec import resources
from candle_spec.checkpoint.resume import EXACT, GRADES
from candle_spec.conversion.contract import Part
from candle_spec.manifest import check, collection, pins
from candle_spec.manifest.engines import Engine, reference_validator
from candle_spec.problems import Level, LevelState, Severity
from candle_spec.weights.dtypes import DTYPES, STORED
from candle_spec.weights.encodings import PARTS
from tools import regen_index

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "schemas"
IDENTIFIERS = sorted(collection.documents())
EXAMPLES = sorted(
    path.relative_to(SCHEMAS).as_posix()
    for path in SCHEMAS.glob("**/examples/*/*.json")
    if path.relative_to(SCHEMAS).parts[0] != "repositories"  # those are of templates
)


def objects(value: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield location and schema object of every subschema that documents a value (not of conditions)."""
    yield at, value
    for keyword in ("properties", "$defs", "dependentSchemas"):
        for name, inner in value.get(keyword, {}).items():
            if isinstance(inner, dict):
                yield from objects(inner, f"{at}/{keyword}/{name.replace('~', '~0').replace('/', '~1')}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(value.get(keyword), dict):
            yield from objects(value[keyword], f"{at}/{keyword}")


def patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for inner in value.values():
            yield from patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from patterns(inner)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_schema_is_well_formed_and_named_after_its_place(identifier: str) -> None:
    schema = collection.documents()[identifier]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == identifier
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    named = collection.parse_id(identifier)
    assert named is not None
    assert (SCHEMAS / named[0] / f"{named[1]}.json").is_file()


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_every_property_is_documented(identifier: str) -> None:
    bare = [
        f"{at}/properties/{name}: {keyword}"
        for at, schema in objects(collection.documents()[identifier], "")
        for name, about in schema.get("properties", {}).items()
        for keyword in ("title", "description", "examples")
        if (not about.get(keyword) and "$ref" not in about)
        or (keyword != "examples" and "$ref" in about and not about.get(keyword) and "tagged" not in at)
    ]
    assert bare == []


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_examples_in_schemas_fit_their_own_schema(identifier: str) -> None:
    validator = reference_validator("common/text", collection.CURRENT)
    wrong = [
        f"{at}: {json.dumps(example)}"
        for at, schema in objects(collection.documents()[identifier], f"{identifier}#")
        for example in schema.get("examples", ())
        if not validator.evolve(schema={"$ref": at}).is_valid(example)
    ]
    assert wrong == []


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_patterns_are_portable_and_no_format_is_asserted(identifier: str) -> None:
    """What differs between engines: look-around, \\d and \\w (Unicode or not), formats."""
    schema = collection.documents()[identifier]
    for pattern in patterns(schema):
        assert pattern.isascii()
        assert not re.search(r"\(\?|\\[dDwWsSbBpPZzA]|\\u", pattern), pattern
    assert [at for at, each in objects(schema, "") if "format" in each] == []


def test_a_pattern_with_an_end_bounds_the_line_feed_after_it() -> None:
    """To some engines ``$`` also matches before a final line feed: a length or a ``not`` must refuse it."""
    open_ended = [
        at
        for identifier in IDENTIFIERS
        for at, schema in objects(collection.documents()[identifier], f"{identifier}#")
        if str(schema.get("pattern", "")).endswith("$") and "not" not in schema and not _exact(schema)
    ]
    pointers = [at for at in open_ended if "/[^/]*" not in collection.node(at)["pattern"]]
    assert pointers == []  # a JSON Pointer may end with a line feed: keys may


def _exact(schema: dict[str, Any]) -> bool:
    return (
        all(len(example) == schema.get("maxLength") for example in schema["examples"]) if "examples" in schema else True
    )


def test_owned_objects_refuse_unknown_members() -> None:
    """Free are: free JSON values, what a state tree says of a reference to a tensor, and documents of others."""
    is_open = {
        at
        for identifier in IDENTIFIERS
        for at, schema in objects(collection.documents()[identifier], f"{identifier}#")
        if "properties" in schema and schema.get("additionalProperties") is not False
        if not at.startswith(collection.BASE + "signature/")
    }
    assert is_open == {
        collection.schema_id("common/value") + "#",
        collection.schema_id("state-tree") + "#/$defs/tensor",
        collection.schema_id("shard-index") + "#/properties/metadata",
    }


def test_open_lists_are_written_alike() -> None:
    own = {"$ref": collection.schema_id("common/text") + "#/$defs/own_value"}
    for identifier in IDENTIFIERS:
        for at, schema in objects(collection.documents()[identifier], f"{identifier}#"):
            if "enum" in schema.get("anyOf", [{}])[0]:
                assert schema["anyOf"][1:] == [own], at


@pytest.mark.parametrize("name", sorted(collection.versions()))
def test_every_schema_has_examples(name: str) -> None:
    for kind in ("valid", "invalid"):
        assert list((SCHEMAS / name / "examples" / kind).glob("*.json")), kind


@pytest.mark.parametrize("engine", ["fast", "reference"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_example_documents(example: str, engine: Engine) -> None:
    name, _, rest = example.partition("/examples/")
    document = json.loads((SCHEMAS / example).read_bytes())
    version = None if isinstance(document, dict) and "schema_version" in document else collection.CURRENT
    if "no-schema-version" in example:
        version = None
    errors = [each for each in check(document, schema=name, version=version, engine=engine) if each.severity == "error"]
    if rest.startswith("valid/"):
        assert errors == []
    else:
        expected = rest.removeprefix("invalid/").partition("-")[0].upper()
        assert [each.code for each in errors] == [expected], errors


def test_index_names_every_schema_and_its_digest() -> None:
    assert list(pins.differing()) == []
    index = resources.read_json("index.json")
    assert list(check(index, schema="index")) == []
    assert index["current"] == collection.CURRENT
    current = index["releases"][collection.CURRENT]["schemas"]
    files = {path.relative_to(SCHEMAS).as_posix() for path in SCHEMAS.glob("**/[0-9]*.[0-9]*.[0-9]*.json")}
    assert files == {f"{name}/{version}.json" for name, every in collection.versions().items() for version in every}
    assert {name: entry["version"] for name, entry in current.items()} == {
        name: versions[-1] for name, versions in collection.versions().items()
    }


def test_generated_files_are_up_to_date() -> None:
    pytest.importorskip("datamodel_code_generator")
    command = [sys.executable, "-m", "tools.regen", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A checkout in which the current version is released."""
    shutil.copytree(SCHEMAS, tmp_path / "schemas")
    path = tmp_path / "schemas" / "index.json"
    index = json.loads(regen_index.make(tmp_path))
    index["releases"]["1.0.0"] = {**index["releases"][collection.CURRENT], "status": "released"}
    path.write_text(json.dumps(index))
    return tmp_path


def test_released_schemas_stay_in_the_index(released: Path) -> None:
    index = json.loads(regen_index.make(released))
    assert list(index["releases"]) == [collection.CURRENT, "1.0.0"]


def test_a_changed_released_schema_is_refused(released: Path) -> None:
    path = released / "schemas" / "common" / "digest" / f"{collection.CURRENT}.json"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(regen_index.FrozenError, match="changed; make a new version"):
        regen_index.make(released)


def test_a_removed_released_schema_is_refused(released: Path) -> None:
    (released / "schemas" / "common" / "digest" / f"{collection.CURRENT}.json").unlink()
    with pytest.raises(regen_index.FrozenError, match="missing"):
        regen_index.make(released)


def test_a_changed_development_schema_gets_a_new_digest(tmp_path: Path) -> None:
    shutil.copytree(SCHEMAS, tmp_path / "schemas")
    path = tmp_path / "schemas" / "common" / "digest" / f"{collection.CURRENT}.json"
    path.write_bytes(path.read_bytes() + b"\n")
    old = resources.read_json("index.json")["releases"][collection.CURRENT]["schemas"]
    new = json.loads(regen_index.make(tmp_path))["releases"][collection.CURRENT]["schemas"]
    assert {name for name in new if new[name] != old[name]} == {"common/digest"}


def test_a_pin_that_differs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"version": collection.CURRENT, "digest": "sha256:" + "0" * 64}
    gone = {"version": "0.1.0", "digest": "sha256:" + "0" * 64}
    releases = {"1.0.0": {"status": "released", "schemas": {"checkpoint": entry, "tensors": gone}}}
    monkeypatch.setattr(pins, "releases", lambda: releases)
    assert [each.partition(" 1.0.0")[0] for each in pins.differing()] == ["checkpoint", "release"]


def _enum(name: str, at: str) -> list[Any]:
    schema = collection.node(f"{collection.schema_id(name)}#{at}")
    return list(schema["enum"] if "enum" in schema else schema["anyOf"][0]["enum"])


def test_lists_in_schemas_are_those_of_the_code() -> None:
    assert _enum("common/dtype", "") == list(DTYPES)
    assert _enum("common/dtype", "/$defs/stored") == list(STORED)
    assert _enum("common/tensor", "/$defs/encoding/properties/name") == list(PARTS)
    assert _enum("checkpoint", "/$defs/training_state/properties/resume_grade") == list(GRADES)
    assert set(EXACT) < set(
        collection.node(collection.schema_id("checkpoint") + "#/$defs/training_state/properties/parts")["properties"]
    )
    status = get_args(get_type_hints(Part)["status"])
    assert _enum("checkpoint", "/$defs/conversion/properties/parts/items/properties/status") == list(status)
    assert _enum("report", "/$defs/level/properties/level") == [level.label for level in Level]
    assert _enum("report", "/$defs/level/properties/state") == list(LevelState)
    assert _enum("report", "/$defs/problem/properties/severity") == list(Severity)


@pytest.mark.parametrize("name", ["metrics", "response-measures"])
def test_vocabularies(name: str) -> None:
    document = resources.read_json(f"vocabularies/{name}.json")
    assert check(document, schema="vocabulary") == []
    assert document["name"] == name
    ids = [term["id"] for term in document["terms"]]
    assert ids == sorted(set(ids))
    assert "auc" not in ids


def test_response_measures_are_those_of_the_extension() -> None:
    document = resources.read_json("vocabularies/response-measures.json")
    measures = _enum("extensions/drug_response", "/properties/response/properties/measure")
    assert sorted(measures) == [term["id"] for term in document["terms"]]


def test_metrics_have_a_direction() -> None:
    for term in resources.read_json("vocabularies/metrics.json")["terms"]:
        assert term["direction"] in ("maximize", "minimize"), term["id"]
