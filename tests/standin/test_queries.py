"""Queries: which are refused, and what the others find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from candle_spec.standin.config import Config
from candle_spec.standin.search import like
from candle_spec.standin.server import Server, running
from tests.helpers.services.modac_calls import BASE, STUDY, Caller, Clock, entries, message

Case = tuple[Callable[[Caller], httpx.Response], str]
MALFORMED = "Invalid user input or malformed request"


def _query(document: Any, kind: str = "collection") -> Callable[[Caller], httpx.Response]:
    return lambda caller: caller.send("POST", f"/api/{kind}/query", json=document)


def _deep(depth: int) -> dict[str, Any]:
    query: dict[str, Any] = {"operator": "AND", "queries": [{"attribute": "a", "value": "b", "operator": "EQUAL"}]}
    for _ in range(depth - 1):
        query = {"operator": "AND", "compoundQueries": [query]}
    return {"compoundQuery": query}


def _simple(**members: Any) -> dict[str, Any]:
    return {"compoundQuery": {"operator": "AND", "queries": [members]}}


PREFIX = "gov.nih.nci.doe.web.DoeWebException: "
OPERATORS = (
    "EQUAL, NOT_EQUAL, LIKE, NUM_LESS_THAN, NUM_LESS_OR_EQUAL, NUM_GREATER_THAN, NUM_GREATER_OR_EQUAL, "
    "TIMESTAMP_LESS_THAN, TIMESTAMP_LESS_OR_EQUAL, TIMESTAMP_GREATER_THAN, TIMESTAMP_GREATER_OR_EQUAL, PATH_EQUAL, "
    "PATH_LIKE"
)
TWO = {"level": 1, "label": "Asset", "operator": "EQUAL"}

REFUSED: dict[str, Case] = {
    "null compound query": (_query({}), PREFIX + "Null compound query"),
    "null compound operator": (
        _query({"compoundQuery": {"queries": []}}),
        PREFIX + "Null compound query operator in query [queries=[]]. Valid values are [[AND, OR]]",
    ),
    "no sub queries": (
        _query({"compoundQuery": {"operator": "AND"}}),
        PREFIX + "Compound query [operator=AND]. contains no sub queries (simple or compound)",
    ),
    "null attribute": (
        _query(_simple(value="x", operator="EQUAL")),
        PREFIX + "Null metadata attribute in query [value=x,operator=EQUAL]",
    ),
    "null value": (
        _query(_simple(attribute="a", operator="EQUAL")),
        PREFIX + "Null metadata value in query [attribute=a,operator=EQUAL]",
    ),
    "null operator": (
        _query(_simple(attribute="a", value="x")),
        f"{PREFIX}Null operator in query [attribute=a,value=x]. Valid values are [{OPERATORS}]",
    ),
    "any attribute, and one": (
        _query(_simple(attribute="a", attributeMatch="ANY", value="x", operator="EQUAL")),
        PREFIX + "Metadata attribute in not empty w/ match any attribute in query "
        "[attribute=a,attributeMatch=ANY,value=x,operator=EQUAL]",
    ),
    "a moment without a format": (
        _query(_simple(attribute="a", value="x", operator="TIMESTAMP_LESS_THAN")),
        PREFIX + "Null format in query with timestamp operator [attribute=a,value=x,operator=TIMESTAMP_LESS_THAN]",
    ),
    "no level": (
        _query(_simple(attribute="a", value="x", operator="EQUAL", levelFilter={"operator": "EQUAL"})),
        PREFIX + "Both level and level-label are null",
    ),
    "two levels": (
        _query(
            _simple(
                attribute="a",
                value="x",
                operator="EQUAL",
                levelFilter=TWO,
            )
        ),
        PREFIX + "Both level and level-label are not null",
    ),
    "a level without an operator": (
        _query(_simple(attribute="a", value="x", operator="EQUAL", levelFilter={"level": 1})),
        f"{PREFIX}Null level filter operator. Valid values are [[{OPERATORS}]]",
    ),
    "too deep": (_query(_deep(11)), PREFIX + "Compound query depth over the allowed limit of 10"),
    "page 0": (
        _query({**_deep(1), "page": 0}),
        PREFIX + "Invalid search results page: 0",
    ),
    "the same of files": (_query({}, "dataObject"), "Invalid Permissions"),
    "no hits": (_query(_deep(10)), "Invalid Permissions"),
    "no hits among files": (_query(_deep(1), "dataObject"), "Invalid Permissions"),
    "unknown operator": (_query(_simple(attribute="a", value="x", operator="IS")), MALFORMED),
}


@pytest.mark.parametrize("row", REFUSED)
@pytest.mark.slow
def test_refused(row: str, uploader: Caller) -> None:
    call, words = REFUSED[row]
    assert message(call(uploader)) == words


@pytest.fixture
def asset(uploader: Caller) -> str:
    return uploader.make_asset()


class TestQuery:
    def test_only_assets_and_what_is_below(self, uploader: Caller, asset: str) -> None:
        uploader.put_collection(f"{asset}/f", {"collection_type": "Folder"})
        found = uploader.query([{"attributeMatch": "ANY", "value": "%", "operator": "LIKE"}], totalCount=True).json()
        paths = [hit["collection"]["absolutePath"] for hit in found["collections"]]
        assert paths == [f"/{asset}", f"/{asset}/f"]
        assert (found["page"], found["limit"], found["totalCount"]) == (1, 100, 2)
        own = found["collections"][0]["metadataEntries"]["selfMetadataEntries"][0]
        assert (own["level"], own["levelLabel"]) == (1, "Asset")
        assert own["collectionId"] == found["collections"][0]["collection"]["collectionId"]

    @pytest.mark.parametrize(
        ("query", "hit"),
        [
            ({"attribute": "domain", "value": "Drug Response", "operator": "EQUAL"}, True),
            ({"attribute": "domain", "value": "drug response", "operator": "EQUAL"}, False),
            ({"attribute": "domain", "value": "drug%", "operator": "LIKE"}, True),
            ({"attribute": "domain", "value": "_rug Response", "operator": "LIKE"}, True),
            ({"attribute": "domain", "value": "rug", "operator": "LIKE"}, False),
            ({"attribute": "domain", "value": "Drug Response", "operator": "NOT_EQUAL"}, False),
            ({"attribute": "epoch", "value": "9", "operator": "NUM_GREATER_THAN"}, True),
            ({"attribute": "epoch", "value": "10", "operator": "NUM_LESS_THAN"}, False),
            ({"attribute": "domain", "value": "9", "operator": "NUM_GREATER_THAN"}, False),
            ({"attribute": "program_identifier", "value": "PROG", "operator": "EQUAL"}, True),
            (
                {
                    "attribute": "program_identifier",
                    "value": "PROG",
                    "operator": "EQUAL",
                    "levelFilter": {"label": "Asset", "operator": "EQUAL"},
                },
                False,
            ),
            (
                {
                    "attribute": "study_identifier",
                    "value": "STUDY",
                    "operator": "EQUAL",
                    "levelFilter": {"level": 2, "operator": "EQUAL"},
                },
                True,
            ),
            ({"attributeMatch": "PATH", "attribute": "path", "value": f"/{STUDY}/uno", "operator": "PATH_EQUAL"}, True),
            ({"attribute": "path", "value": f"/{BASE}/%", "operator": "PATH_LIKE"}, True),
            (
                {
                    "attribute": "metadata_updated",
                    "value": "01-01-2027 00:00:00",
                    "operator": "TIMESTAMP_GREATER_THAN",
                    "format": "MM-DD-YYYY HH24:MI:SS",
                },
                True,
            ),
        ],
    )
    def test_operators(self, uploader: Caller, query: dict[str, Any], hit: bool) -> None:
        uploader.make_asset(epoch="10")
        assert (uploader.query([query]).status_code == 200) is hit

    def test_and_or(self, uploader: Caller, asset: str) -> None:
        good = {"attribute": "asset_name", "value": "Uno", "operator": "EQUAL"}
        bad = {"attribute": "asset_name", "value": "Due", "operator": "EQUAL"}
        either = {"compoundQuery": {"operator": "OR", "queries": [good, bad]}}
        both = {
            "compoundQuery": {"operator": "AND", "queries": [good], "compoundQueries": [{**either["compoundQuery"]}]}
        }
        none = {"compoundQuery": {"operator": "AND", "queries": [good, bad]}}
        answers = [uploader.send("POST", "/api/collection/query", json=q).status_code for q in (either, both, none)]
        assert answers == [200, 200, 400]

    def test_the_filter_of_access(self, server: Server, uploader: Caller, reader: Caller) -> None:
        uploader.make_asset(access_group="OTHERS,REHEARSAL")
        query = [{"attribute": "asset_identifier", "value": "uno", "operator": "EQUAL"}]
        assert uploader.query(query).status_code == 200
        assert message(reader.query(query)) == "Invalid Permissions"
        assert message(Caller(server.url).query(query)) == "Invalid Permissions"

    def test_files_have_no_filter_but_their_collections_do(self, uploader: Caller, reader: Caller) -> None:
        path = uploader.make_asset(access_group="REHEARSAL")
        uploader.put_file(f"{path}/m", metadataEntries=entries({"role": "weights"}))
        query = [{"attribute": "role", "value": "weights", "operator": "EQUAL"}]
        found = reader.query(query, "dataObject").json()["dataObjects"][0]
        assert found["dataObject"]["absolutePath"] == f"/{path}/m"
        assert found["metadataEntries"]["selfMetadataEntries"][0]["levelLabel"] == "DataObject"
        document = {"compoundQuery": {"operator": "AND", "queries": query}}
        with_parent = "/api/dataObject/query?returnParent=true"
        assert message(reader.send("POST", with_parent, json=document)) == "Invalid Permissions"
        found = uploader.send("POST", with_parent, json=document).json()
        assert found["collections"][0]["collection"]["absolutePath"] == f"/{path}"

    def test_pages(self, uploader: Caller) -> None:
        for number in range(5):
            uploader.make_asset(asset_identifier=f"uno{number}")
        query = [{"attribute": "asset_type", "value": "Model", "operator": "EQUAL"}]
        pages = [uploader.query(query, page=page, pageSize=2, totalCount=True).json() for page in (1, 3)]
        assert [len(page["collections"]) for page in pages] == [2, 1]
        assert pages[0]["totalCount"] == 5

    def test_what_is_new_shows_up_late(self, config: Config, clock: Clock) -> None:
        with running(replace(config, search_delay=60)) as server:
            caller = Caller(server.url, "uploader@example.org")
            caller.make_program_and_study()
            caller.make_asset()
            query = [{"attribute": "asset_type", "value": "Model", "operator": "EQUAL"}]
            assert message(caller.query(query)) == "Invalid Permissions"
            clock.now += 60
            assert caller.query(query).status_code == 200

    @pytest.mark.parametrize(
        ("pattern", "text", "hit"), [("%", "", True), ("a.c", "abc", False), ("%%B%", "abc", True)]
    )
    def test_like(self, pattern: str, text: str, hit: bool) -> None:
        assert like(pattern, text) is hit
