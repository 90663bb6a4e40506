"""What independent implementations say of the records for Zenodo, DataCite and CITATION.cff. Nothing is fetched."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from candle_spec.repositories.engine.importer import import_documents, read_record
from tests.helpers import templates

ZENODO = "zenodo/1.0.0"
ZENODO_ELEMENTS = set(
    "a abbr acronym b blockquote br code caption div em h1 h2 h3 h4 h5 i li ol p pre span strike strong sub sup table"
    " tbody td th tr u ul".split()
)
"""What Zenodo keeps of HTML (https://developers.zenodo.org/#deposit-metadata, INVENIO's ALLOWED_HTML_TAGS)."""


class _Elements(HTMLParser):
    """Collects the elements and attributes of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes += attrs


@pytest.mark.parametrize("example", ["full", "restricted", "embargoed"])
def test_zenodo_keeps_all_html(example: str) -> None:
    metadata = templates.record(ZENODO, example).documents["deposit"]["metadata"]
    parser = _Elements()
    for member in ("description", "notes", "method", "access_conditions"):
        parser.feed(metadata.get(member, ""))
    assert parser.found <= ZENODO_ELEMENTS
    assert all(name in ("href", "title") for name, _ in parser.attributes)
    assert all(str(value).startswith(("https://", "http://")) for name, value in parser.attributes if name == "href")


def test_idutils_detects_what_zenodo_must_detect() -> None:
    """The server finds the scheme of a deposit's identifiers with idutils, and checks those of a record with it."""
    import idutils

    documents = templates.record(ZENODO).documents
    for entry in documents["deposit"]["metadata"]["related_identifiers"]:
        assert idutils.detect_identifier_schemes(entry["identifier"]), entry
    checks = {"doi": idutils.is_doi, "url": idutils.is_url, "orcid": idutils.is_orcid, "ror": idutils.is_ror}
    entries = [*_identifiers(documents["record"])]
    assert {"doi", "url", "orcid"} <= {entry["scheme"] for entry in entries}
    for entry in entries:
        assert entry["scheme"] == "other" or checks[entry["scheme"]](entry["identifier"]), entry


def _identifiers(value: Any) -> list[dict[str, str]]:
    if isinstance(value, list):
        return [each for inner in value for each in _identifiers(inner)]
    if not isinstance(value, dict):
        return []
    own = [value] if {"scheme", "identifier"} <= value.keys() else []
    return own + [each for inner in value.values() for each in _identifiers(inner)]


def test_zenodo_never_chooses_the_licence() -> None:
    for example in ("full", "restricted", "embargoed"):
        documents = templates.record(ZENODO, example).documents
        assert documents["deposit"]["metadata"]["license"] == documents["record"]["metadata"]["rights"][0]["id"]


DATACITE = "datacite/4.7.0"


def _faults_of_4_5(attributes: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Where the package ``datacite``, which knows 4.5, finds a fault."""
    from datacite import schema45

    return {tuple(error.absolute_path) for error in schema45.validator.iter_errors(attributes)}


def _without(attributes: dict[str, Any], member: str) -> dict[str, Any]:
    entries = [
        {key: value for key, value in entry.items() if key != member} for entry in attributes["relatedIdentifiers"]
    ]
    items = [{k: v for k, v in item.items() if k != member} for item in attributes.get("relatedItems", ())]
    return attributes | {"relatedIdentifiers": entries, "relatedItems": items}


def test_datacite_takes_what_4_5_has() -> None:
    """``relationTypeInformation`` is of 4.7; without it the record is one of 4.5, and its XML can be made."""
    from datacite import schema45

    attributes = _without(templates.record(DATACITE).documents["resource"], "relationTypeInformation")
    assert schema45.validate(attributes)
    xml = schema45.tostring(attributes)
    assert 'resourceTypeGeneral="Model"' in xml
    assert '<identifier identifierType="DOI">10.5281/zenodo.1234567</identifier>' in xml


def test_datacite_refuses_only_what_came_later() -> None:
    attributes = _without(
        templates.record(DATACITE, "identifiers-of-4-7").documents["resource"], "relationTypeInformation"
    )
    kinds = {entry["relatedIdentifierType"] for entry in attributes["relatedIdentifiers"]}
    assert kinds == {"RRID", "SWHID", "arXiv"}
    places = {(path[1], path[2]) for path in _faults_of_4_5(attributes) if len(path) > 2}
    later = {"RRID", "SWHID", "Other", "Poster"}
    expected = {
        (index, member)
        for index, entry in enumerate(attributes["relatedIdentifiers"])
        for member, value in entry.items()
        if value in later
    }
    assert places == expected
    attributes["relatedIdentifiers"] = []
    assert not _faults_of_4_5(attributes)


def test_our_schema_takes_all_of_4_5() -> None:
    """Every term that the package's schema lists is in ours, which only adds."""
    from datacite import schema45

    ours = templates.load(DATACITE).folder.json("target.schema.json")
    theirs = schema45.validator.schema
    for name in ("resourceTypeGeneral", "relationType", "relatedIdentifierType", "dateType"):
        assert set(theirs["definitions"][name]["enum"]) < set(ours["$defs"][name]["enum"]), name
    assert set(theirs["properties"]) == set(ours["properties"])


CFF = "cff/1.2.0"


@pytest.mark.parametrize("example", ["full", "licences"])
def test_cffconvert_takes_the_citation_file(example: str) -> None:
    from cffconvert import Citation

    citation = Citation(templates.files(CFF, example)["CITATION.cff"].decode())
    citation.validate()
    assert citation.cffobj["title"] == templates.record(CFF, example).documents["citation"]["title"]


def test_cffconvert_makes_the_same_creators_for_zenodo() -> None:
    """Two ways to Zenodo, by our citation file and by our deposit, name the same people."""
    from cffconvert import Citation

    text = templates.files(CFF)["CITATION.cff"].decode()
    theirs = json.loads(Citation(text).as_zenodo())
    ours = templates.record(ZENODO).documents["deposit"]["metadata"]
    assert theirs["creators"][0] == ours["creators"][0]
    assert theirs["title"] == ours["title"]
    assert theirs["keywords"] == ours["keywords"][:2]
    assert theirs["publication_date"] == ours["publication_date"]


def test_a_citation_file_of_others_becomes_a_manifest() -> None:
    text = b"""cff-version: 1.2.0
message: Cite it
title: Another tool
version: 1.10
date-released: 2021-08-11
license: [MIT, Apache-2.0]
authors:
  - {family-names: Berg, given-names: Eva, name-particle: van den, orcid: https://orcid.org/0000-0002-1825-0097}
  - {name: A Team, email: team@example.org}
contact:
  - {family-names: Berg, given-names: Eva}
repository-code: https://example.org/code
identifiers:
  - {type: doi, value: 10.5281/zenodo.1}
  - {type: swh, value: "swh:1:dir:d198bc9d7a6bcf6db04f476d29314f157507d505"}
"""
    template = templates.load(CFF)
    made = import_documents(template, {"citation": read_record(template, text, "CITATION.cff")})
    assert made["title"] == "Another tool"
    assert made["license"] == {"weights": "MIT OR Apache-2.0"}
    assert made["dates"] == {"published": "2021-08-11"}
    assert made["creators"] == [
        {
            "name": "Eva van den Berg",
            "given_name": "Eva",
            "family_name": "van den Berg",
            "orcid": "https://orcid.org/0000-0002-1825-0097",
        },
        {"name": "A Team", "email": "team@example.org"},
    ]
    assert made["contact"] == {"name": "Eva Berg"}
    assert [entry["scheme"] for entry in made["identifiers"]] == ["doi", "swhid"]
    assert made["model"] == {"implementation": {"repository": "https://example.org/code"}}


def test_a_deposit_of_others_becomes_a_manifest() -> None:
    answer = {
        "id": 7,
        "doi": "10.5281/zenodo.7",
        "metadata": {
            "title": "Theirs",
            "description": "<p>What it <em>does</em>.</p><ul><li>one</li></ul>",
            "creators": [{"name": "Berg, Eva van den", "affiliation": "A place"}, {"name": "A Team"}],
            "license": {"id": "cc-by-4.0"},
            "publication_date": "2021-08-11",
            "related_identifiers": [{"identifier": "10.1000/182", "relation": "isSupplementTo", "scheme": "doi"}],
        },
    }
    made = import_documents(templates.load(ZENODO), {"deposit": answer})
    assert made["description"] == "What it does.\n\n- one"
    assert made["license"] == {"weights": "CC-BY-4.0"}
    assert made["creators"][0]["name"] == "Eva van den Berg"
    assert made["creators"][1]["name"] == "A Team"
    assert made["identifiers"] == [{"scheme": "doi", "value": "10.5281/zenodo.7"}]
    assert made["related_identifiers"] == [{"scheme": "doi", "value": "10.1000/182", "relation": "IsSupplementTo"}]
