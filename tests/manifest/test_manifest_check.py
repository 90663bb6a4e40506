"""What ``check`` says: the code, the place, what to do; and what JSON Schema cannot say."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec import limits, pointer
from candle_spec.errors import LimitExceededError
from candle_spec.manifest import CURRENT, check, collection, engines, schema_id, versions
from candle_spec.manifest.engines import Engine
from candle_spec.manifest.spelling import nearest
from candle_spec.problems import Problem, Severity

EXAMPLES = Path(__file__).resolve().parents[2] / "schemas" / "checkpoint" / "examples" / "valid"
ENGINES: list[Engine] = ["fast", "reference"]


def example(name: str = "minimal") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_bytes())
    return document


def faulty(at: str, value: Any, name: str = "minimal") -> dict[str, Any]:
    document = example(name)
    pointer.put(document, at, value)
    return document


def errors(document: Any, engine: Engine = "fast") -> list[Problem]:
    return [problem for problem in check(document, engine=engine) if problem.severity is Severity.ERROR]


def test_a_valid_manifest_gives_nothing() -> None:
    assert check(example()) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_each_missing_member_is_one_problem_with_an_example(engine: Engine) -> None:
    document = example()
    for key in ("name", "files"):
        del document[key]
    found = errors(document, engine)
    assert [(each.code, each.location.pointer) for each in found] == [("CKP1001", ""), ("CKP1001", "")]
    assert found[0].message == "the document lacks 'files' (Files)"
    assert found[1].hint == 'for example "name": "hallmark_model"'


def test_a_member_lacking_in_a_branch_has_the_example_of_the_whole() -> None:
    document = example()
    del document["weights"]["values_digest"]
    assert errors(document)[0].hint.startswith('for example "values_digest": "sha256:')


@pytest.mark.parametrize(
    ("wrong", "right"), [("keyword", "keywords"), ("related-identifiers", "related_identifiers"), ("Title", "title")]
)
def test_an_unknown_member_names_the_nearest(wrong: str, right: str) -> None:
    (found,) = errors(faulty(f"/{wrong}", "x"))
    assert (found.code, found.location.pointer) == ("CKP1002", f"/{wrong}")
    assert found.hint == f"did you mean {right!r}?"


def test_an_unknown_member_that_is_like_none_gets_the_list_of_the_known() -> None:
    (found,) = errors(faulty("/dates/zzz", "x"))
    assert found.hint == "known: created, trained, published, available"


@pytest.mark.parametrize("engine", ENGINES)
def test_an_unknown_value_names_the_nearest(engine: Engine) -> None:
    (found,) = errors(faulty("/files/0/role", "wieghts"), engine)
    assert (found.code, found.hint) == ("CKP1003", "did you mean 'weights'?")
    (found,) = errors(faulty("/weights/groups/0/kind", "optimiser"), engine)
    assert found.hint == "did you mean 'optimizer'?"


def test_an_open_list_takes_values_of_ones_own() -> None:
    assert errors(faulty("/files/0/role", "x-history")) == []
    assert "starts with x-" in errors(faulty("/files/0/role", "zzz"))[0].hint


def test_a_number_where_text_belongs_says_to_quote_it() -> None:
    (found,) = errors(faulty("/version", 1.1))
    assert found.message == "'version' is a number, not a string"
    assert found.hint.startswith("write it in quotes")


def test_a_member_out_of_place_says_why() -> None:
    document = example("encoded_and_aliases")
    document["weights"]["tensors"][-1]["file"] = "model.safetensors"
    (found,) = errors(document)
    assert (found.code, found.hint) == ("CKP1002", "An alias shares the bytes of its target and has none of its own.")


def test_one_value_gives_one_problem() -> None:
    """A line feed after a digest breaks its length and, for some engines, its pattern."""
    document = faulty("/files/0/digest", "sha256:" + "a" * 64 + "\n")
    assert [each.message for each in errors(document)] == ["'digest' has more than 71 characters"]


def test_problems_are_in_the_order_of_the_document() -> None:
    document = example()
    document["weights"]["tensors"][0]["dtype"] = "f32"
    document["files"][0]["size"] = "1"
    document["zzz"] = 1
    del document["dates"]["created"]
    found = [each.location.pointer for each in errors(document)]
    assert found == ["/dates", "/files/0/size", "/weights/tensors/0/dtype", "/zzz"]


def test_the_file_is_named_when_asked() -> None:
    assert {each.location.file for each in check({}, file="a.json")} == {"a.json"}


@pytest.mark.parametrize("document", [None, [], "text", 3, {}])
@pytest.mark.parametrize("engine", ENGINES)
def test_anything_may_be_checked(document: Any, engine: Engine) -> None:
    assert errors(document, engine)


class TestNumbers:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_a_whole_float_is_no_integer(self, engine: Engine) -> None:
        document = faulty("/weights/tensors/0/shape", [10.0, 4])
        (found,) = errors(document, engine)
        assert (found.code, found.location.pointer, found.hint) == (
            "CKP1003",
            "/weights/tensors/0/shape/0",
            "write 10",
        )
        assert document["weights"]["tensors"][0]["shape"] == [10.0, 4]

    def test_a_whole_float_is_a_number(self) -> None:
        document = faulty("/evaluations", [{"metric": {"id": "r2", "direction": "maximize"}, "value": 1.0}])
        pointer.put(document, "/training/hyperparameters", {"dropout": 0.0, "layers": [1.0]})
        assert errors(document) == []

    @pytest.mark.parametrize("value", [2**53, -(2**53), 2**64, 10**400])
    def test_an_integer_beyond_the_safe_range_is_refused_where_the_schema_says_nothing(self, value: int) -> None:
        (found,) = errors(faulty("/training", {"hyperparameters": {"a": [value]}}))
        assert (found.code, found.location.pointer) == ("CKP1003", "/training/hyperparameters/a/0")

    def test_the_largest_safe_integer_is_taken(self) -> None:
        assert errors(faulty("/training", {"hyperparameters": {"a": 2**53 - 1}})) == []

    def test_tagged_numbers(self) -> None:
        value = {"a": {"$int": str(2**64)}, "b": {"$float": "-inf"}}
        assert errors(faulty("/training", {"hyperparameters": value})) == []


class TestNotJson:
    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize(
        ("value", "word"),
        [
            (float("nan"), "not a JSON number"),
            (float("inf"), "not a JSON number"),
            ((1, 2), "tuple"),
            (b"x", "bytes"),
            ({1: 2}, "not a string"),
            ("\ud800", "surrogate"),
            ({"\ud800": 1}, "not Unicode"),
            ({True: 1}, "not a string"),
        ],
    )
    def test_what_no_json_text_holds(self, value: Any, word: str, engine: Engine) -> None:
        found = errors(faulty("/training", {"hyperparameters": {"a": value}}), engine)
        assert len(found) == 1
        assert found[0].code == ("CKP0006" if word in ("surrogate", "not Unicode") else "CKP1003")
        assert word in found[0].message
        assert found[0].location.pointer.startswith("/training/hyperparameters/a")

    def test_text_of_any_script_is_taken(self) -> None:
        assert errors(faulty("/title", "Krebs — 癌 — 🎗")) == []
        assert errors(faulty("/training", {"hyperparameters": {"β": 1}})) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_lengths_count_characters_of_any_plane(engine: Engine) -> None:
    assert errors(faulty("/name", "🎗" * 200), engine) == []
    assert [each.code for each in errors(faulty("/name", "🎗" * 201), engine)] == ["CKP1003"]


def test_deep_documents() -> None:
    deep: Any = 1.0
    for _ in range(limits.JSON_DEPTH):
        deep = [deep]
    document = {"$schema": schema_id("state-tree"), "schema_version": CURRENT, "tree": deep}
    (found,) = check(document, schema="state-tree")
    assert (found.code, found.hint) == ("CKP1003", "write 1")
    with pytest.raises(LimitExceededError):
        check(document, schema="state-tree", engine="reference")


class TestExtensions:
    def test_an_unknown_extension_is_an_info(self) -> None:
        found = check(faulty("/extensions", {"urn:example:x:1.0.0": {"anything": 1}}))
        assert [(each.code, each.severity) for each in found] == [("CKP1020", Severity.INFO)]

    def test_an_unknown_profile_is_an_info(self) -> None:
        found = check(faulty("/conforms_to", ["https://example.org/profile"]))
        assert [(each.code, each.location.pointer) for each in found] == [("CKP1020", "/conforms_to/0")]

    def test_a_misspelt_name_in_our_namespace_is_an_error(self) -> None:
        (found,) = errors(faulty("/extensions", {schema_id("extensions/oncolgy"): {}}))
        assert found.code == "CKP1002"
        assert schema_id("extensions/oncology") in found.hint

    def test_an_unknown_development_version_is_an_error(self) -> None:
        (found,) = errors(faulty("/extensions", {schema_id("extensions/oncology", "1.0.0-dev.9"): {}}))
        assert found.code == "CKP1011"

    @pytest.mark.parametrize("engine", ENGINES)
    def test_the_object_is_checked_at_its_place(self, engine: Engine) -> None:
        uri = schema_id("extensions/oncology")
        (found,) = errors(faulty("/extensions", {uri: {"cohort": [{"label": "TCGA", "kode": 1}]}}), engine)
        assert (found.code, found.location.pointer) == (
            "CKP1002",
            pointer.join(["extensions", uri, "cohort", 0, "kode"]),
        )
        assert found.hint == "did you mean 'code'?"

    def test_auc_the_response_and_auc_the_metric_cannot_be_confused(self) -> None:
        uri = schema_id("extensions/drug_response")
        (found,) = errors(faulty("/extensions", {uri: {"response": {"measure": "auc"}}}))
        assert found.hint == "did you mean 'auc-dose-response'?"
        metric = {"id": "auc", "direction": "maximize"}
        (found,) = errors(faulty("/evaluations", [{"metric": metric, "value": 0.9}]))
        assert "auc-roc or auc-pr" in found.hint


class TestNewerMinor:
    """No minor version exists yet: the policy is told that the document is of one."""

    @pytest.fixture(autouse=True)
    def newer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        selection = versions.Selection("1.1.0", CURRENT, newer_minor=True)
        monkeypatch.setattr(versions, "select", lambda document, schema: selection)

    def test_unknown_members_and_unknown_values_of_open_lists_are_warnings(self) -> None:
        document = faulty("/newMember", 1)
        document["files"][0]["role"] = "new-role"
        found = check(document)
        assert [(each.code, each.severity) for each in found] == [
            ("CKP1003", Severity.WARNING),
            ("CKP1002", Severity.WARNING),
        ]

    def test_all_else_stays_an_error(self) -> None:
        document = faulty("/files/0/size", -1)
        document["weights"]["kind"] = "new-kind"
        del document["name"]
        assert {each.severity for each in check(document)} == {Severity.ERROR}
        assert len(check(document)) == 3


def test_nearest() -> None:
    known = ["auc-dose-response", "aac", "weights"]
    assert nearest("auc", known) == "auc-dose-response"
    assert nearest("Weight_s", known) == "weights"
    assert nearest("zzz", known) == ""
    assert nearest("x", []) == ""


def test_schemas_are_never_fetched() -> None:
    """An unknown reference is an error of the packaged schemas, found when the validator is made."""
    import jsonschema_rs

    schema = {"$ref": "https://example.invalid/schema.json"}
    with pytest.raises(ValueError, match=r"example\.invalid"):
        jsonschema_rs.Draft202012Validator(schema, offline=True)
    assert engines.fast_validator("checkpoint", CURRENT) is engines.fast_validator("checkpoint", CURRENT)


def test_checking_changes_nothing() -> None:
    document = example("keras_hallmarks")
    before = copy.deepcopy(document)
    check(document)
    assert document == before


def test_an_unknown_schema_is_named() -> None:
    with pytest.raises(ValueError, match="no schema chekpoint"):
        collection.read("chekpoint")
    with pytest.raises(ValueError, match="no schema has"):
        collection.node(schema_id("checkpoint") + "#/nothing")
