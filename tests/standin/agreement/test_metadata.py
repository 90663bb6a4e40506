"""Metadata that the client lets through, the stand-in takes; what it refuses, both refuse with the same words."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis.strategies as st
import pytest

from candle_spec.modac.metadata import Checked, check_collection, check_file, entry_list, offered_values
from candle_spec.modac.rules import Rules, parse, starter
from candle_spec.standin import metadata
from candle_spec.standin.facts import document
from candle_spec.standin.messages import RefusedError
from candle_spec.standin.rules import RuleSet, packaged, read_rules
from tests.helpers.standin import made

Rows = list[dict[str, Any]]
_TYPES = ("Program", "Study", "Asset", "Folder", "Other", "")
_OTHERS = ("PROGRAM", "STUDY", "ASSET", "FOLDER", "another", "~x~", "!x!")
_OF_THE_DATA_BASE = "Failed to add metadata to a"
_SYSTEM = "System generated metadata cannot be set/changed: "


def agree(rows: Rows, checked: Checked, answer: Callable[[], dict[str, str]]) -> None:
    """Fail where the two disagree: on whether metadata is taken, on the first words of a refusal, on what is stored."""
    messages = [fault.message for fault in checked.faults]
    try:
        stored = answer()
    except RefusedError as refused:
        words = str(refused)
    else:
        assert (messages, checked.values) == ([], stored)
        given = {row["attribute"].strip("\t ") for row in rows if row["value"].strip("\t ")}
        blanked, defaulted = set(checked.blanked), set(checked.defaulted)
        assert given - set(stored) <= blanked <= given | defaulted
        assert set(stored) - given <= defaulted <= set(stored) | blanked
        assert blanked & set(stored) <= defaulted
        return
    if words.startswith(_OF_THE_DATA_BASE):
        assert messages, "the data base has words of its own"
    elif words.startswith(_SYSTEM):  # which one is told of several is a matter of the server's memory
        assert messages[0].startswith(_SYSTEM)
        assert words in messages
    else:
        assert messages[0] == words
    _agree_on_details(words, checked)


def _agree_on_details(words: str, checked: Checked) -> None:
    """What the client takes out of a refusal is what the stand-in put into it."""
    first = checked.faults[0]
    for start in ("Missing or empty mandatory metadata: ", "Missing or empty conditional metadata: "):
        if words.startswith(start):
            assert words == start + ", ".join(first.attributes)
    if words.startswith("Invalid metadata value for attribute "):
        name, value, values = offered_values(words) or ("", "", ())
        assert (first.attributes, first.valid_values) == ((name,), values)
        assert words == f"Invalid metadata value for attribute {name}: {value}. Valid values: [{', '.join(values)}]"
    else:
        assert offered_values(words) is None
        assert first.valid_values == ()


def judge_collection(rows: Rows, theirs: Rules, ours: RuleSet) -> None:
    """Hold both readings of a new collection beside each other; the server looks for entries before anything else."""

    def answer() -> dict[str, str]:
        if not rows:
            raise RefusedError("Null or empty metadata entries")
        return metadata.of_new_collection(rows, ours, "/B/p")

    agree(rows, check_collection(rows, theirs, path="/B/p"), answer)


def judge_file(rows: Rows, theirs: Rules, ours: RuleSet) -> None:
    """Hold both readings of a new file beside each other."""
    agree(rows, check_file(rows, theirs), lambda: metadata.of_new_file(rows, ours, "Asset"))


def _both(found: dict[str, Any]) -> tuple[Rules, RuleSet]:
    return parse(found, location="made"), read_rules(found, location="made")


@pytest.mark.slow
@made.given(400, made.requests())
def test_collections_under_any_rules(request: tuple[dict[str, Any], Rows]) -> None:
    found, rows = request
    judge_collection(rows, *_both(found))


@pytest.mark.slow
@made.given(200, made.requests(of_files=True))
def test_files_under_any_rules(request: tuple[dict[str, Any], Rows]) -> None:
    """Rules of files for some types of collection are left out: the client does not know what a file will be in."""
    found, rows = request
    judge_file(rows, *_both(found))


@made.given(100, st.sampled_from(made.FORMATS), st.dates(datetime.date(1000, 1, 1)), st.booleans(), st.booleans())
def test_dates_are_stored_in_the_form_of_the_rule(form: str, date: datetime.date, good: bool, listed: bool) -> None:
    rule: dict[str, Any] = {"attribute": "when", "mandatory": False, "ruleEnabled": True, "dateFormat": form}
    rule["validValues"] = ["another"] if listed else []
    found = {"basePath": "/B", "dataHierarchy": made.HIERARCHY, "collectionMetadataValidationRules": [rule]}
    judge_collection(entry_list({"when": date.isoformat() if good else f"on {date}"}), *_both(found))


def test_nothing_is_an_empty_text() -> None:
    nothing: list[dict[str, Any]] = [
        {"value": "x"},
        {"attribute": None, "value": "x"},
        {"attribute": "a", "value": None},
    ]
    for row in nothing:
        rows = [row, {"attribute": "collection_type", "value": "Folder"}]
        judge_collection(rows, starter(), packaged())
        judge_file(rows, starter(), packaged())


def test_an_attribute_once_with_a_value_and_once_with_white_space() -> None:
    """Where no rule looks at it: it is not there twice, and what has a value is stored."""
    for values in (("x", "\t"), ("\t", "x"), ("\t", "\t")):
        rows = [{"attribute": "z", "value": value} for value in values]
        rows.append({"attribute": "collection_type", "value": "Folder"})
        judge_collection(rows, starter(), packaged())
        judge_file(rows, starter(), packaged())


def _requests() -> Iterator[dict[str, str]]:
    """Requests around complete metadata of each type: one attribute left out, of another value, or one too many."""
    attributes = dict.fromkeys(rule.attribute for rule in (*packaged().collections, *starter().collection_rules))
    values = {name: f"some {name}" for name in attributes if name != "collection_type"}
    values |= {"is_model_deployed": "Yes", "is_reference_dataset": "Yes", "curation_status": "Pending"}
    for kind in _TYPES:
        for asset_type in ("Model", "Dataset", "Data set", ""):
            complete = {"collection_type": kind, **values, "asset_type": asset_type}
            complete = {name: value for name, value in complete.items() if value}
            yield complete
            yield {name: complete[name] for name in ("collection_type", "asset_type") if name in complete} or {"z": "1"}
            for controller in {rule.controller for rule in packaged().collections}:
                controlled = {rule.attribute for rule in packaged().collections if rule.controller == controller}
                yield {name: value for name, value in complete.items() if name not in controlled} or {"z": "1"}
            for name in attributes:
                yield {key: value for key, value in complete.items() if key != name}
                if kind in ("Asset", ""):
                    yield from ({**complete, name: value} for value in _values_of(name))


def _values_of(name: str) -> list[str]:
    found = list(_OTHERS)
    for rule in (*packaged().collections, *starter().collection_rules):
        found += [*rule.valid_values, *map(str.upper, rule.valid_values)] if rule.attribute == name else ()
    return list(dict.fromkeys(found))


def test_the_rules_that_each_brings_along() -> None:
    for values in _requests():
        judge_collection(entry_list(values), starter(), packaged())


def test_every_attribute_of_the_server_is_refused_and_no_other() -> None:
    own = document("rules.json")["systemGeneratedMetadataAttributes"]
    for name in (*own, *(f"{name}x" for name in own), "source_checksum", "collection_size", "file_type"):
        rows = entry_list({"collection_type": "Folder", name: "x"})
        judge_collection(rows, starter(), packaged())
        judge_file(rows, starter(), packaged())


def test_the_rules_of_each_have_the_same_frame() -> None:
    theirs, ours = starter(), packaged()
    assert (theirs.base_path, theirs.restricted) == (ours.base_path, ours.restricted)
    lines, levels = {()}, [((), theirs.hierarchy)]
    while levels:
        above, level = levels.pop()
        line = (*above, level.collection_type)
        lines.add(line)
        found = ours.level(line)
        assert found is not None
        assert found.takes_files is level.holds_files
        assert [one.collection_type for one in found.below] == [one.collection_type for one in level.below]
        levels += [(line, one) for one in level.below]
    assert len(lines) == 6


def test_a_rule_set_among_others() -> None:
    """The answer of ``/dm/model``: both sides choose the rules of MoDaC."""
    other = {"basePath": "/OTHER", "dataHierarchy": {"collectionType": "Project", "subCollectionsHierarchies": []}}
    mine = {"basePath": "/B", "dataHierarchy": made.HIERARCHY, "collectionMetadataValidationRules": []}
    for order in ([other, mine], [mine, other]):
        theirs, ours = _both({"docRules": [{"doc": "X", "rules": [one]} for one in order]})
        assert theirs.base_path == ours.base_path == "/B"
