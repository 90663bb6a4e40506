"""Which versions are read, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest

from candle_spec.errors import CorruptFileError, UnknownVersionError
from candle_spec.manifest import check, collection, identify, schema_id
from candle_spec.manifest.versions import for_extension, select
from candle_spec.problems import Severity

KNOWN = ["1.0.0-dev.1", "1.0.0-rc.1", "1.0.0", "1.1.0", "2.0.0", "2.1.0-dev.3", "3.0.0-rc.2"]


def document(version: Any, schema: str = "checkpoint") -> dict[str, Any]:
    return {"$schema": schema_id(schema, str(version)), "schema_version": version}


@pytest.mark.parametrize(
    ("stated", "used", "codes", "newer_minor"),
    [
        ("1.0.0", "1.0.0", [], False),
        ("1.1.0", "1.1.0", [], False),
        ("2.1.0-dev.3", "2.1.0-dev.3", ["CKP1014"], False),
        ("1.1.7", "1.1.0", ["CKP1010"], False),  # a newer patch
        ("1.9.0", "1.1.0", ["CKP1010"], True),
        ("2.1.0", "2.0.0", ["CKP1010"], True),  # released after the development version that is known
        ("1.0.0-rc.1", "1.0.0-rc.1", [], False),  # a candidate is read for good
        ("3.0.0-rc.2", "3.0.0-rc.2", [], False),
        ("3.0.0", "3.0.0-rc.2", ["CKP1010"], True),  # a release is newer than its candidate
        ("3.0.0-rc.1", None, ["CKP1011"], False),
        ("3.0.0-rc.3", None, ["CKP1011"], False),
        ("3.0.0-dev.1", None, ["CKP1011"], False),
        ("4.0.0", None, ["CKP1011"], False),
        ("0.9.0", None, ["CKP1011"], False),
        ("1.0.5", None, ["CKP1011"], False),  # older than the newest known, and unknown: never read as a neighbour
        ("2.1.0-dev.4", None, ["CKP1011"], False),
        ("1.0.0-dev.1", None, ["CKP1011"], False),  # 1.0.0 is frozen
    ],
)
def test_policy(stated: str, used: str | None, codes: list[str], newer_minor: bool) -> None:
    selection = select(document(stated), known=KNOWN)
    assert (selection.version, selection.newer_minor) == (used, newer_minor)
    assert [problem.code for problem in selection.problems] == codes
    if used is None:
        with pytest.raises(UnknownVersionError) as caught:
            identify(document(stated), known=KNOWN)
        assert caught.value.code == "CKP1011"
        assert caught.value.hint
    else:
        assert identify(document(stated), known=KNOWN) == stated


def test_severities() -> None:
    assert [each.severity for each in select(document("1.9.0"), known=KNOWN).problems] == [Severity.WARNING]
    assert [each.severity for each in select(document("1.1.7"), known=KNOWN).problems] == [Severity.INFO]


def test_a_release_is_newer_than_the_development_versions_known() -> None:
    selection = select(document("1.0.0"), known=["1.0.0-dev.1"])
    assert selection.version is None
    assert "pip install --upgrade" in selection.problems[0].hint


@pytest.mark.parametrize(
    "stated", [None, 1, "1.0", "v1.0.0", "1.0.0\n", "01.0.0", "1.0.0-rc.0", "1.0.0-beta.1", "1.0.٣"]
)
def test_a_malformed_version_is_left_to_the_schema(stated: Any) -> None:
    selection = select({"schema_version": stated})
    assert selection.version == collection.CURRENT
    assert selection.problems == ()
    with pytest.raises(CorruptFileError):
        identify({"schema_version": stated})
    found = {problem.code for problem in check({"schema_version": stated}) if problem.location.pointer.startswith("/s")}
    assert found == {"CKP1003"}


def test_no_version() -> None:
    with pytest.raises(CorruptFileError) as caught:
        identify({})
    assert caught.value.code == "CKP1001"


def test_schema_and_version_must_agree() -> None:
    found = select({"$schema": schema_id("checkpoint", "1.0.0"), "schema_version": "1.1.0"}, known=KNOWN)
    assert [problem.code for problem in found.problems] == ["CKP1012"]
    assert schema_id("checkpoint", "1.1.0") in found.problems[0].hint
    other = select({"$schema": schema_id("tensors", "1.1.0"), "schema_version": "1.1.0"}, known=KNOWN)
    assert [problem.code for problem in other.problems] == ["CKP1012"]


def test_only_the_manifest_says_that_its_version_is_in_development() -> None:
    assert select(document("1.0.0-dev.1", "extents"), schema="extents", known=["1.0.0-dev.1"]).problems == ()
    assert for_extension("1.0.0-dev.1", ["1.0.0-dev.1"], "/extensions/x").problems == ()


def test_a_refused_version_is_the_only_problem() -> None:
    assert [problem.code for problem in check(document("9.0.0"))] == ["CKP1011"]


def test_precedence() -> None:
    every = ["2.0.0", "1.0.0-dev.10", "1.0.0", "1.0.0-dev.9", "1.10.0", "1.9.1", "1.0.0-rc.1"]
    ordered = sorted(every, key=collection.precedence)
    assert ordered == ["1.0.0-dev.9", "1.0.0-dev.10", "1.0.0-rc.1", "1.0.0", "1.9.1", "1.10.0", "2.0.0"]
    with pytest.raises(ValueError, match="not a version"):
        collection.precedence("1.0")


def test_identifiers() -> None:
    assert collection.parse_id(schema_id("extensions/oncology")) == ("extensions/oncology", collection.CURRENT)
    assert collection.parse_id("https://w3id.org/candle-spec/schemas/checkpoint") is None
    assert collection.parse_id("https://example.org/1.0.0") is None
