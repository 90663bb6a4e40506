"""Both engines find the same in all examples and in all their mutants, and no mutant survives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from candle_spec.errors import LimitExceededError
from candle_spec.manifest import bundles, check, collection
from candle_spec.manifest.engines import fast_validator
from candle_spec.problems import Severity
from tests.helpers.faults.mutation import Mutant, assertions, expected_code, mutants, reached

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
NAMES = sorted(collection.versions())
LARGE = 500
"""Lists longer than this are left to the fast engine: the reference engine would take minutes for all of them."""


def valid_examples(name: str) -> list[tuple[str, Any]]:
    """The smallest first: a mutant is made from the smallest example that reaches its assertion."""
    paths = sorted((SCHEMAS / name / "examples" / "valid").glob("*.json"), key=lambda path: path.stat().st_size)
    return [(path.name, json.loads(path.read_bytes())) for path in paths]


def parts(name: str, document: Any) -> Iterator[Any]:
    """Yield valid parts of a document: what is required with one other member; mutants of a part are quick to check."""
    required = collection.read(name, collection.CURRENT).get("required", [])
    for key in document if isinstance(document, dict) else ():
        part = {one: value for one, value in document.items() if one == key or one in required}
        if key not in required and not check(part, schema=name, version=collection.CURRENT):
            yield part


@cache
def all_mutants(name: str) -> list[Mutant]:
    """Each operator once for each keyword path of the schema, over all valid examples and their parts."""
    found: dict[tuple[str, str], Mutant] = {}
    examples = [example for _, example in valid_examples(name)]
    for document in [*(part for example in examples for part in parts(name, example)), *examples]:
        for mutant in mutants(name, document):
            found.setdefault((mutant.keyword_path, mutant.operator), mutant)
    return list(found.values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_no_mutant_survives(name: str, record_property: Callable[[str, object], None]) -> None:
    every = all_mutants(name)
    survivors = [
        mutant[:3]
        for mutant in every
        if expected_code(mutant.operator)
        not in {
            problem.code
            for problem in check(mutant.document, schema=name, version=collection.CURRENT)
            if problem.severity is Severity.ERROR
        }
    ]
    record_property("mutants", len(every))
    print(f"{name}: {len(every)} mutants of {len({mutant.keyword_path for mutant in every})} keyword paths")
    assert survivors == []


def test_every_assertion_of_every_schema_is_mutated() -> None:
    found = {location for name in NAMES for _, document in valid_examples(name) for location in reached(name, document)}
    every = {location for identifier in collection.documents() for location in assertions(identifier)}
    print(f"{len(every)} assertions in {len(collection.documents())} schemas")
    assert sorted(every - found) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_engines_agree_on_mutants(name: str) -> None:
    differing = []
    for mutant in all_mutants(name):
        if mutant.operator == "too-many" and len(_at(mutant)) > LARGE:
            continue
        fast, reference = (
            check(mutant.document, schema=name, version=collection.CURRENT, engine=engine)
            for engine in ("fast", "reference")
        )
        if fast != reference:
            differing.append((mutant[:3], fast, reference))
    assert differing == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_bundles_refuse_what_their_schema_refuses(name: str) -> None:
    validators = [jsonschema_rs.validator_for(bundles.bundle(name, draft=draft)) for draft in bundles.DRAFTS]
    for example, document in valid_examples(name):
        assert [each.is_valid(document) for each in validators] == [True, True], example
    packaged = fast_validator(name, collection.CURRENT)
    taken = [
        mutant[:3]
        for mutant in all_mutants(name)
        if not packaged.is_valid(mutant.document) and any(each.is_valid(mutant.document) for each in validators)
    ]
    assert taken == []


def test_a_document_that_is_nested_too_deeply_is_refused_by_both() -> None:
    value: Any = 1.5
    for _ in range(3000):
        value = [value]
    for engine in ("fast", "reference"):
        with pytest.raises(LimitExceededError) as caught:
            check({"training": {"hyperparameters": {"a": value}}}, version=collection.CURRENT, engine=engine)
        assert caught.value.code == "CKP0004"


def _at(mutant: Mutant) -> Any:
    from candle_spec import pointer

    return pointer.get(mutant.document, mutant.pointer)
