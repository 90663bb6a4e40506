"""The stand-in beside the service's own code: what that answered, run as it is, and what Java itself does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from candle_spec.standin import java
from candle_spec.standin.messages import RefusedError
from candle_spec.standin.rules import packaged, read_rules, system_attributes
from candle_spec.standin.validator import check_complete, check_type_stays, entries_of, validate

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("recorded.json").read_bytes())["cases"]


def _answer(case: dict[str, Any]) -> dict[str, Any]:
    member = "collectionMetadataValidationRules" if case["of"] == "collection" else "dataObjectMetadataValidationRules"
    document = {"basePath": "/x", "dataHierarchy": {"collectionType": "Asset"}, member: case["rules"]}
    rules = read_rules(document, location="recorded")
    of_kind = rules.collections if case["of"] == "collection" else rules.files
    entries, stored = entries_of(case["entries"]), case.get("stored")
    try:
        check_complete(entries, new=stored is None)
        if stored is not None and case["of"] == "collection":
            check_type_stays(entries, stored)
        checked = validate(
            entries, of_kind, stored=stored, collection_type=case.get("in", ""), restricted=case["restricted"]
        )
    except RefusedError as refused:
        return {"refused": str(refused)}
    return {"stores": [[entry.attribute, entry.value] for entry in checked]}


def test_the_answers_of_the_services_own_code() -> None:
    assert len(CASES) > 150
    for case in CASES:
        assert _answer(case) == case["answer"], case


def test_the_recorded_cases_hold_every_refusal_of_the_validator() -> None:
    """And none is there for nothing: a refusal that the cases do not hold would not be compared."""
    told = {case["answer"].get("refused", "").partition(":")[0] for case in CASES}
    assert told >= {
        "",
        "Empty metadata entry in request",
        "The following entries cannot be empty",
        "Metadata attribute is not unique",
        "Metadata attribute is not declared in the system",
        "System generated metadata cannot be set/changed",
        "Collection type can't be updated",
        "Metadata format is invalid",
        "Missing or empty mandatory metadata",
        "Missing or empty conditional metadata",
    }


def test_a_hash_set() -> None:
    assert system_attributes()[:4] == (
        "registered_by",
        "metadata_updated",
        "data_transfer_request_id",
        "collection_created",
    )
    assert system_attributes()[-1] == "archive_file_id"
    assert len(system_attributes()) == 28
    assert not set(system_attributes()) & {rule.attribute for rule in packaged().collections}


@pytest.mark.parametrize(
    ("text", "pattern", "moment"),
    [
        ("2026-13-41x", "yyyy-MM-dd", "2027-02-10 00:00:00"),
        ("20261123", "yyyyMMdd", "2026-11-23 00:00:00"),
        ("2026-1-3", "yyyy-MM-dd", "2026-01-03 00:00:00"),
        (" 2026-01-02", "yyyy-MM-dd", "2026-01-02 00:00:00"),
        ("2026-00-10", "yyyy-MM-dd", "2025-12-10 00:00:00"),
        ("01/02/2026 13:61", "MM/dd/yyyy HH:mm", "2026-01-02 14:01:00"),
        ("2026-02-30", "yyyy-MM-dd", "2026-03-02 00:00:00"),
        ("2026-01", "yyyy-MM-dd", ""),
        ("yesterday", "yyyy-MM-dd", ""),
    ],
)
def test_a_lenient_date(text: str, pattern: str, moment: str) -> None:
    """As OpenJDK 17 answers."""
    try:
        assert java.format_date(java.parse_date(text, pattern), "yyyy-MM-dd HH:mm:ss") == moment
    except ValueError:
        assert moment == ""


def test_what_is_trimmed() -> None:
    assert java.trim("\u00a0x \t\x00") == "\u00a0x"
