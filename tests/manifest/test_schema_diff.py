"""How much a schema changed, with made-up drafts; and whether the versions of the packaged schemas say so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candle_spec.manifest import collection
from tools.schema_diff import __main__ as command
from tools.schema_diff.changes import changes
from tools.schema_diff.keywords import Size

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
CLOSED = {"type": "object", "additionalProperties": False}
A, B = {"type": "string"}, {"type": "integer"}


def sizes(old: Any, new: Any, *, others: Any = None) -> dict[str, Size]:
    """Return the size of the largest change at each place in the schema ``x``."""
    before, after = ({"x": each, **((others or ({}, {}))[side])} for side, each in enumerate((old, new)))
    found: dict[str, Size] = {}
    for change in changes("x", "x", before, after):
        place = change.place.removeprefix("x#")
        found[place] = max(change.size, found.get(place, Size.NONE))
    return found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"title": "a"}, {"title": "b", "examples": [1]}, {"/title": 1, "/examples": 1}),
        ({**CLOSED, "properties": {}}, {**CLOSED, "properties": {"a": A}}, {"/properties/a": 2}),
        ({"properties": {}}, {"properties": {"a": A}}, {"/properties/a": 3}),
        ({**CLOSED, "properties": {"a": A}}, {**CLOSED, "properties": {}}, {"/properties/a": 3}),
        ({"required": ["a"]}, {"required": ["b"]}, {"/required": 3}),
        ({"required": ["a"]}, {"required": ["a", "b"]}, {"/required": 3}),
        ({"type": "integer"}, {"type": "number"}, {"/type": 2}),
        ({"type": "number"}, {"type": "integer"}, {"/type": 3}),
        ({"type": "string"}, {"type": ["string", "object"], "minProperties": 1}, {"/type": 2}),
        ({"enum": [1]}, {"enum": [1, 2]}, {"/enum": 2}),
        ({"enum": [1, 2]}, {"const": 1}, {"/const": 3}),
        ({"enum": [1]}, {}, {"/enum": 2}),
        ({}, {"enum": [1]}, {"/enum": 3}),
        ({"anyOf": [{"enum": [1]}, A]}, {"anyOf": [{"enum": [1, 2]}, A]}, {"/anyOf/0/enum": 2}),
        ({"pattern": "a"}, {"pattern": "ab?"}, {"/pattern": 3}),
        ({"pattern": "a"}, {}, {"/pattern": 2}),
        ({"maxLength": 2}, {"maxLength": 3}, {"/maxLength": 2}),
        ({"maxLength": 3}, {"maxLength": 2}, {"/maxLength": 3}),
        ({"minimum": 1}, {"minimum": 2}, {"/minimum": 3}),
        ({"minimum": 1}, {}, {"/minimum": 2}),
        ({}, {"minItems": 1}, {"/minItems": 3}),
        ({"uniqueItems": True}, {}, {"/uniqueItems": 2}),
        ({"additionalProperties": False}, {}, {"/additionalProperties": 2}),
        ({}, {"additionalProperties": False}, {"/additionalProperties": 3}),
        ({"additionalProperties": A}, {"additionalProperties": {}}, {"/additionalProperties/type": 2}),
        ({"items": A}, {"items": {}}, {"/items/type": 2}),
        ({"prefixItems": [A]}, {"prefixItems": [A, A]}, {"/prefixItems/1": 3}),
        ({"allOf": [A]}, {"allOf": [B, A]}, {"/allOf/0": 3}),
        ({"allOf": [A, B]}, {"allOf": [B]}, {"/allOf": 2}),
        ({"anyOf": [A]}, {"anyOf": [B, A]}, {"/anyOf/0": 2}),
        ({"anyOf": [A, B]}, {"anyOf": [B]}, {"/anyOf": 3}),
        ({}, {"anyOf": [A, B]}, {"/anyOf/0": 3, "/anyOf/1": 3}),
        ({"oneOf": [A, {"maxLength": 1}]}, {"oneOf": [A, {"maxLength": 2}]}, {"/oneOf/1/maxLength": 3}),
        ({"not": {"maxLength": 1}}, {"not": {"maxLength": 2}}, {"/not/maxLength": 3}),
        ({"if": A, "then": {"maxLength": 1}}, {"if": A, "then": {"maxLength": 2}}, {"/then/maxLength": 2}),
        ({"dependentRequired": {"a": ["b"]}}, {"dependentRequired": {"a": ["b", "c"]}}, {"/dependentRequired/a": 3}),
        ({"dependentSchemas": {"a": A}}, {}, {"/dependentSchemas/a": 2}),
        ({"$defs": {"a": A}}, {"$defs": {"b": A}}, {"/$defs/a": 3, "/$defs/b": 2}),
        ({"contentEncoding": "base64"}, {"contentEncoding": "base32"}, {"/contentEncoding": 3}),
        (True, A, {"": 3}),
        (False, A, {"": 2}),
    ],
)  # fmt: skip
def test_the_size_of_a_change(old: Any, new: Any, expected: dict[str, int]) -> None:
    assert sizes(old, new) == expected
    assert sizes(old, old) == sizes(new, new) == {}


def test_a_keyword_that_nobody_understands_says_why() -> None:
    (change,) = changes("x", "x", {"x": {"contains2": 1}}, {"x": {"contains2": 2}})
    assert "is not known" in change.words


class TestReferences:
    """A ``$ref`` is followed on both sides."""

    OTHERS = ({"y": {"$defs": {"t": {"maxLength": 1}}}}, {"y": {"$defs": {"t": {"maxLength": 2}}}})

    def test_what_is_referred_to_changed(self) -> None:
        schema = {"properties": {"a": {"$ref": "y#/$defs/t"}, "b": {"$ref": "y#/$defs/t"}}}
        assert sizes(schema, schema, others=self.OTHERS) == {"y#/$defs/t/maxLength": Size.MINOR}

    def test_below_not_a_wider_target_is_a_narrower_schema(self) -> None:
        schema = {"properties": {"a": {"$ref": "y#/$defs/t"}, "b": {"not": {"$ref": "y#/$defs/t"}}}}
        assert sizes(schema, schema, others=self.OTHERS) == {"y#/$defs/t/maxLength": Size.MAJOR}

    @pytest.mark.parametrize("turned", [False, True])
    def test_a_reference_became_its_target(self, turned: bool) -> None:
        pair = ({"$ref": "y#/$defs/t", "title": "a"}, {"maxLength": 1, "title": "a"})
        same = (self.OTHERS[0], self.OTHERS[0])
        assert sizes(*(pair[::-1] if turned else pair), others=same) == {}

    def test_what_refers_to_itself_ends(self) -> None:
        one, other = ({"items": {"$ref": "x#"}, "maxItems": most} for most in (1, 2))
        assert sizes(one, other) == {"/maxItems": Size.MINOR}


VALUES: list[Any] = [None, True, 0, 1, 2, 1.5, "", "a", "b", "ab", [], [1], ["a", "a"], [1, 2]]
VALUES += [{}, {"a": 1}, {"b": "a"}, {"a": "a", "b": 1}, {"c": None}]
TYPES = ["integer", "number", "string", "array", "object", ["string", "object"], ["null", "integer"]]
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(TYPES),
        "enum": st.lists(st.sampled_from([1, 2, "a", "b", None]), min_size=1, max_size=2, unique=True),
        "const": st.sampled_from([1, "a"]),
        "minimum": st.integers(0, 2),
        "exclusiveMaximum": st.integers(0, 2),
        "maxLength": st.integers(0, 2),
        "pattern": st.sampled_from(["a", "^b"]),
        "minItems": st.integers(0, 2),
        "uniqueItems": st.booleans(),
        "maxProperties": st.integers(0, 2),
        "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
        "dependentRequired": st.just({"a": ["b"]}),
        "title": st.sampled_from("xy"),
    },
)  # fmt: skip
ANY = st.recursive(
    st.booleans() | LEAVES,
    lambda inner: st.builds(
        lambda leaf, more: {**leaf, **more},
        LEAVES,
        st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
                "additionalProperties": inner,
                "propertyNames": inner,
                "items": inner,
                "prefixItems": st.lists(inner, min_size=1, max_size=2),
                "contains": inner,
                "allOf": st.lists(inner, min_size=1, max_size=2),
                "anyOf": st.lists(inner, min_size=1, max_size=2),
                "oneOf": st.lists(inner, min_size=1, max_size=2),
                "not": inner,
                "if": inner,
                "then": inner,
                "else": inner,
                "dependentSchemas": st.dictionaries(st.sampled_from("ab"), inner, max_size=1),
            },
        ),
    ),
    max_leaves=4,
)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(ANY, ANY)
def test_what_is_not_major_refuses_nothing_new_and_words_change_no_verdict(old: Any, new: Any) -> None:
    size = max(sizes(old, new).values(), default=Size.NONE)
    before, after = ([jsonschema.Draft202012Validator(each).is_valid(value) for value in VALUES] for each in (old, new))
    if size <= Size.PATCH:
        assert before == after
    elif size is Size.MINOR:
        assert all(now or not was for was, now in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("old", "new", "size"),
    [
        ("1.0.0", "1.0.1", Size.PATCH),
        ("1.0.0", "1.1.0", Size.MINOR),
        ("1.9.0", "2.0.0-rc.1", Size.MAJOR),
        ("1.0.0-rc.1", "1.0.0-rc.2", Size.MAJOR),
        ("1.0.0-rc.1", "1.0.0", Size.MAJOR),
        ("1.1.0-rc.1", "1.1.0", Size.MINOR),
        ("1.1.1-dev.1", "1.1.1", Size.PATCH),
        ("1.1.0", "1.0.0", Size.NONE),
        ("1.0.0", "1.0.0", Size.NONE),
    ],
)
def test_what_may_lie_between_two_versions(old: str, new: str, size: Size) -> None:
    assert command.allowed(old, new) == size


def test_the_packaged_schemas_have_numbers_that_are_large_enough() -> None:
    assert list(command.check(SCHEMAS)) == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The packaged schemas, in which a digest is released as 1.0.0 and the file of a checkpoint refers to it."""
    folder = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, folder)
    put(folder, "1.0.0", {})
    return folder


def put(folder: Path, version: str, changed: dict[str, Any]) -> Path:
    path = folder / "common" / "digest" / f"{version}.json"
    schema = collection.read("common/digest")
    path.write_text(json.dumps({**schema, "$id": collection.schema_id("common/digest", version), **changed}))
    return path


@pytest.mark.parametrize(
    ("version", "changed", "enough"),
    [
        ("1.0.1", {"title": "Digest of bytes"}, True),
        ("1.0.1", {"maxLength": 100}, False),
        ("1.1.0", {"maxLength": 100}, True),
        ("1.1.0", {"pattern": "^sha512:"}, False),
        ("2.0.0", {"pattern": "^sha512:"}, True),
    ],
)
def test_a_number_that_is_too_small_is_refused(
    tree: Path, version: str, changed: dict[str, Any], enough: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tree, version, changed)
    faults = list(command.check(tree))
    assert (faults == []) is enough
    old = tree / "common" / "digest" / "1.0.0.json"
    assert command.main([str(old), str(path)]) == (0 if enough else 1)
    said = capsys.readouterr()
    assert f"common/digest 1.0.0 -> {version}: " in said.out
    assert f"#/{next(iter(changed))}" in said.out
    assert said.err.splitlines() == faults


@pytest.mark.parametrize("status", ["development", "released"])
def test_two_trees_are_compared_by_the_newest_versions_and_what_they_refer_to(
    tree: Path, tmp_path: Path, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tmp_path / "before"
    shutil.copytree(SCHEMAS, before)
    index = json.loads((before / "index.json").read_bytes())
    index["releases"][collection.CURRENT]["status"] = status
    (before / "index.json").write_text(json.dumps(index))
    current = tree / "common" / "digest" / f"{collection.CURRENT}.json"
    current.write_text(current.read_text().replace('"maxLength": 71', '"maxLength": 70'))
    shutil.rmtree(tree / "extents")
    put(tree, "1.0.0", {}).unlink()
    assert command.main([str(before), str(tree)]) == (1 if status == "released" else 0)
    said = capsys.readouterr()
    assert "extents: is gone (major)" in said.out
    assert f"checkpoint {collection.CURRENT} -> {collection.CURRENT}: major" in said.out
    assert f"  major  common/digest/{collection.CURRENT}#/maxLength  was 71, is 70" in said.out
    assert f"common/coded-term {collection.CURRENT} -> {collection.CURRENT}: no change" in said.out
    refused = f"checkpoint {collection.CURRENT} was released and never changes: what changed is major"
    assert (refused in said.err) is (status == "released")


def test_what_cannot_be_compared_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text("{}")
    known = str(SCHEMAS / "extents" / f"{collection.CURRENT}.json")
    other = str(SCHEMAS / "tensors" / f"{collection.CURRENT}.json")
    for arguments in (["one"], [str(tmp_path / "x.json"), known], [known, other], [known, str(tmp_path / "nothing")]):
        assert command.main(arguments) == 2
        assert capsys.readouterr().err
