"""Rules and requests as they may come, for both sides to judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.strategies as st

ATTRIBUTES = ("a", "b", "c", "kind", "when", "collection_type")
WORDS = ("x", "y", "Model", "Dataset")
TYPES = ("Asset", "Study")
FORMATS = ("yyyy-MM-dd", "MM-dd-yyyy", "dd/MM/yyyy", "yyyyMMdd", "MM-dd-yyyy HH:mm:ss")
PATTERNS = ("x", "Mod.*|y", "Model", "")

fixed: dict[str, list[tuple[Any, ...]]] | None = None
"""What was made, by the name of a test, where it is to stay the same from run to run; else each run makes its own."""


def given(count: int, *strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a test judge as many cases, as ``hypothesis.given`` does, or those that were made before."""

    def around(test: Callable[..., None]) -> Callable[..., None]:
        if fixed is None:
            return hypothesis.settings(max_examples=count)(hypothesis.given(*strategies)(test))
        if test.__name__ not in fixed:
            fixed[test.__name__] = _made(count, strategies)
        cases = fixed[test.__name__]

        def all_cases() -> None:
            for case in cases:
                test(*case)

        all_cases.__name__ = test.__name__
        return all_cases

    return around


def _made(count: int, strategies: tuple[st.SearchStrategy[Any], ...]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []

    @hypothesis.settings(max_examples=count, derandomize=True, database=None, deadline=None)
    @hypothesis.given(st.tuples(*strategies))
    def keep(case: tuple[Any, ...]) -> None:
        found.append(case)

    keep()
    return found


def _level(kind: str, *below: dict[str, Any]) -> dict[str, Any]:
    return {"collectionType": kind, "isDataObjectContainer": kind == "Asset", "subCollectionsHierarchies": list(below)}


HIERARCHY = _level("Program", _level("Study", _level("Asset")))


@st.composite
def rule(draw: st.DrawFn, *, of_files: bool = False) -> dict[str, Any]:
    """One rule in the server's shape."""
    name = draw(st.sampled_from(ATTRIBUTES))
    row: dict[str, Any] = {"attribute": name, "mandatory": draw(st.booleans())}
    if draw(st.booleans()):
        row["ruleEnabled"] = draw(st.integers(0, 3)) > 0
    if draw(st.booleans()):
        row["controllerAttribute"] = draw(st.sampled_from(("a", "kind")))
        row["controllerValue"] = draw(st.sampled_from(PATTERNS))
    if draw(st.integers(0, 2)) == 0:
        row["defaultValue"] = draw(st.sampled_from(WORDS))
    if draw(st.integers(0, 2)) == 0:
        row["validValues"] = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True))
    if draw(st.integers(0, 2)) == 0 and not of_files:
        row["collectionTypes"] = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True))
    if name == "when":
        row["dateFormat"] = draw(st.sampled_from(FORMATS))
    return row


@st.composite
def rule_sets(draw: st.DrawFn, *, of_files: bool = False) -> dict[str, Any]:
    """A rule set in the server's shape, with rules of the other kind as well.

    Two rules at most are of one attribute, and one is for a date: the server changes the first entry of an attribute
    alone, and holds a date against a second rule as it was sent; the client does not.
    """
    some: list[dict[str, Any]] = []
    for row in draw(st.lists(rule(of_files=of_files), max_size=6)):
        if [one["attribute"] for one in some].count(row["attribute"]) < (1 if row["attribute"] == "when" else 2):
            some.append(row)
    others = [{"attribute": name, "mandatory": True} for name in draw(st.sets(st.sampled_from("bc")))]
    names = ("dataObjectMetadataValidationRules", "collectionMetadataValidationRules")
    first, second = names if of_files else reversed(names)
    return {
        "basePath": "/B",
        "restrictMetadata": draw(st.integers(0, 3)) == 0,
        "dataHierarchy": HIERARCHY,
        first: some,
        second: others,
    }


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Entries of a request: short values, dates, empty ones, names of the server's own."""
    found: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from((*ATTRIBUTES, *ATTRIBUTES, " a", "b\t", "uuid", "a\u00a0", "")))
        values = (*WORDS, *WORDS, *TYPES, " x ", "\t", "", "2026-11-23", "yesterday")
        found.append({"attribute": name, "value": draw(st.sampled_from(values))})
    return found


@st.composite
def requests(draw: st.DrawFn, *, of_files: bool = False) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Rules and entries.

    White space is the value of an attribute alone that comes once and has one rule: of others the server's rules see
    one thing, and its data base keeps another.
    """
    found, entries = draw(rule_sets(of_files=of_files)), draw(rows())
    of_rules = [row["attribute"] for name in found if name.endswith("Rules") for row in found[name]]
    given_names = [row["attribute"].strip() for row in entries]

    def alone(name: str) -> bool:
        return given_names.count(name) == 1 and of_rules.count(name) <= 1

    return found, [
        row for row in entries if row["value"].strip() or not row["value"] or alone(row["attribute"].strip())
    ]
