"""The table of cases, row by row: what the service answers to each request that it refuses, or takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from candle_spec.standin.config import Config
from candle_spec.standin.server import Server, running
from tests.helpers.services.modac_calls import (
    ASSET,
    BASE,
    PROGRAM,
    STUDY,
    STUDY_METADATA,
    Caller,
    basic,
    entries,
    message,
)

Case = tuple[Callable[[Caller], httpx.Response], str]
MALFORMED = "Invalid user input or malformed request"


def _without(*names: str) -> dict[str, str]:
    return {name: value for name, value in ASSET.items() if name not in names}


def _put(values: dict[str, str], path: str = f"{STUDY}/uno") -> Callable[[Caller], httpx.Response]:
    return lambda caller: caller.put_collection(path, values)


def _after_asset(call: Callable[[Caller, str], httpx.Response], **changes: str) -> Callable[[Caller], httpx.Response]:
    return lambda caller: call(caller, caller.make_asset(**changes))


def _twice(caller: Caller, path: str) -> httpx.Response:
    assert caller.put_file(f"{path}/m.h5").text == "201"
    return caller.put_file(f"{path}/m.h5")


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
GLOBUS = {"globusUploadSource": {"sourceLocation": {"fileContainerId": "none", "fileId": "/a"}}}
OTHERS = {"globusUploadSource": {"sourceLocation": {"fileContainerId": "endpoint", "fileId": "/missing"}}}
TAKEN = "A data file by that name already exists in this collection. Only updating metadata is allowed."

REFUSED: dict[str, Case] = {
    "missing mandatory": (
        _put(_without("description", "asset_name")),
        "Missing or empty mandatory metadata: description, asset_name",
    ),
    "missing conditional": (
        _put(_without("framework", "domain")),
        "Missing or empty conditional metadata: domain, framework",
    ),
    "mandatory wins over conditional": (
        _put(_without("framework", "asset_name")),
        "Missing or empty mandatory metadata: asset_name",
    ),
    "invalid value": (
        _put({**ASSET, "asset_type": "model"}),
        "Invalid metadata value for attribute asset_type: model. Valid values: [Dataset, Model]",
    ),
    "invalid value comes before missing ones": (
        _put({**_without("asset_name"), "asset_type": "model"}),
        "Invalid metadata value for attribute asset_type: model. Valid values: [Dataset, Model]",
    ),
    "system attribute sent": (
        _put({**ASSET, "registered_by": "me"}),
        "System generated metadata cannot be set/changed: registered_by",
    ),
    "empty value on create": (
        _put({**ASSET, "poc_name": "", "poc_email": ""}),
        f"The following entries cannot be empty: poc_name, poc_email. Path - /{STUDY}/uno",
    ),
    "white space is no empty value": (
        _put({**ASSET, "poc_name": " ", "poc_email": ""}),
        f"The following entries cannot be empty: poc_email. Path - /{STUDY}/uno",
    ),
    "white space is nothing where a rule looks": (
        _put({**ASSET, "asset_name": "\t"}),
        "Missing or empty mandatory metadata: asset_name",
    ),
    "empty attribute": (_put({**ASSET, "": "x"}), f"Empty metadata entry in request. Path - /{STUDY}/uno"),
    "empty attribute on update": (
        _after_asset(lambda caller, path: caller.put_collection(path, {"": "x"})),
        "Empty metadata entry in request",
    ),
    "attribute of white space": (
        _put({**ASSET, " ": "x"}),
        f"Failed to add metadata to a collection at path /{STUDY}/uno: attribute is null or empty",
    ),
    "value that is too long for its column": (
        _put({**ASSET, "publication": "ü" * 1_350 + "x"}),
        f"Failed to add metadata to a collection at path /{STUDY}/uno: the value of publication is too long",
    ),
    "no entries": (_put({}), "Null or empty metadata entries"),
    "no entries come before the path": (_put({}, BASE), "Null or empty metadata entries"),
    "two system attributes: in the order of a Java set": (
        _put({**ASSET, "uuid": "x", "checksum": "x", "registered_by": "x"}),
        "System generated metadata cannot be set/changed: registered_by",
    ),
    "attribute twice": (
        lambda caller: caller.send(
            "PUT",
            f"/api/collection/{STUDY}/uno",
            json={"metadataEntries": [*entries(ASSET), {"attribute": " domain ", "value": "x"}]},
        ),
        "Metadata attribute is not unique: domain",
    ),
    "change of collection_type": (
        _after_asset(lambda caller, path: caller.put_collection(path, {"collection_type": "Study"})),
        "Collection type can't be updated",
    ),
    "parent missing, collection": (
        _put(ASSET, f"{BASE}/PROG/NONE/uno"),
        f"Collection doesn't exist: /{BASE}/PROG/NONE",
    ),
    "parent missing, file": (
        lambda caller: caller.put_file(f"{STUDY}/none/m.h5"),
        f"Collection doesn't exist: /{STUDY}/none",
    ),
    "wrong hierarchy": (
        _put({**STUDY_METADATA, "study_identifier": "OTHER"}, f"{BASE}/OTHER"),
        f"Invalid collection hierarchy for: /{BASE}. Registered hierarchy: /Study. "
        "Valid Hierarchies: [/Program/Study/Asset/Folder/Folder]",
    ),
    "file into a non-container": (
        lambda caller: caller.put_file(f"{STUDY}/m.h5"),
        "Data object is not allowed in this collection",
    ),
    "path outside base": (_put(PROGRAM, "elsewhere/PROG"), "Collection doesn't exist: /elsewhere"),
    "base path itself": (_put(PROGRAM, BASE), f"Invalid collection path: /{BASE}"),
    "re-register file with bytes": (_after_asset(_twice), TAKEN),
    "re-register file with a source": (
        _after_asset(
            lambda caller, path: [caller.put_file(f"{path}/m"), caller.put_file(f"{path}/m", None, **GLOBUS)][1]
        ),
        TAKEN,
    ),
    "collection path is a file": (
        _after_asset(
            lambda caller, path: [
                caller.put_file(f"{path}/m"),
                caller.put_collection(f"{path}/m", {"collection_type": "Folder"}),
            ][1]
        ),
        f"Path already exists as a file: /{STUDY}/uno/m",
    ),
    "file path is a directory": (
        _after_asset(lambda caller, path: caller.put_file(path)),
        f"Path already exists as a directory: /{STUDY}/uno",
    ),
    "checksum mismatch": (
        _after_asset(lambda caller, path: caller.put_file(f"{path}/m", checksum="0" * 32)),
        "Checksum validation failed",
    ),
    "checksum in upper case": (
        _after_asset(
            lambda caller, path: caller.put_file(f"{path}/m", b"x", checksum=hashlib.md5(b"x").hexdigest().upper())
        ),
        "Checksum validation failed",
    ),
    "checksum comes before metadata": (
        _after_asset(
            lambda caller, path: caller.put_file(f"{path}/m", checksum="0", metadataEntries=entries({"uuid": "x"}))
        ),
        "Checksum validation failed",
    ),
    "no source and new path": (
        _after_asset(lambda caller, path: caller.put_file(f"{path}/m", None)),
        "No data transfer source or data attachment provided or upload URL requested",
    ),
    "two sources": (
        _after_asset(lambda caller, path: caller.put_file(f"{path}/m", **GLOBUS)),
        "Multiple upload source and/or generate upload request provided",
    ),
    "bad Globus endpoint": (
        _after_asset(lambda caller, path: caller.put_file(f"{path}/m", None, **GLOBUS)),
        "[GLOBUS] Endpoint doesn't exist or is inactive. Make sure the endpoint UUID is correct and active: none",
    ),
    "source file absent": (
        _after_asset(lambda caller, path: caller.put_file(f"{path}/m", None, **OTHERS)),
        "Source file location doesn't exist: endpoint:/missing",
    ),
    "GET missing collection": (
        lambda caller: caller.send("GET", f"/api/collection/{STUDY}/none"),
        f"Collection doesn't exist: /{STUDY}/none",
    ),
    "GET missing file": (
        _after_asset(lambda caller, path: caller.send("GET", f"/api/v2/dataObject/{path}/none")),
        f"Data object doesn't exist: /{STUDY}/uno/none",
    ),
    "GET file of a missing asset": (
        lambda caller: caller.send("GET", f"/api/v2/dataObject/{STUDY}/none/m"),
        f"Collection doesn't exist: /{STUDY}/none",
    ),
    "download missing": (
        _after_asset(lambda caller, path: caller.send("POST", f"/api/v2/dataObject/{path}/m/download", json={})),
        f"Data object doesn't exist: /{STUDY}/uno/m",
    ),
    "download of what is only announced": (
        _after_asset(
            lambda caller, path: [
                caller.put_file(f"{path}/m", None, generateUploadRequestURL=True),
                caller.send("POST", f"/api/v2/dataObject/{path}/m/download", json={}),
            ][1]
        ),
        "Object is not in archived state yet. It is in URL_GENERATED state",
    ),
    "sync download above limit": (
        _after_asset(
            lambda caller, path: [
                caller.put_file(f"{path}/m", b"x" * 40_001),
                caller.send("POST", f"/api/v2/dataObject/{path}/m/download", json={}),
            ][1]
        ),
        "File size exceeds the sync download limit",
    ),
    "download without a body": (
        _after_asset(lambda caller, path: caller.send("POST", f"/api/v2/dataObject/{path}/m/download")),
        MALFORMED,
    ),
    "malformed JSON": (
        lambda caller: caller.send("PUT", f"/api/collection/{STUDY}/uno", content=b"{"),
        MALFORMED,
    ),
    "missing part": (
        lambda caller: caller.send("PUT", f"/api/v2/dataObject/{STUDY}/m", files={"dataObject": ("f", b"x")}),
        MALFORMED,
    ),
    "wrong part type": (
        lambda caller: caller.send(
            "PUT", f"/api/v2/dataObject/{STUDY}/m", files={"dataObjectRegistration": ("a", b"{}", "text/plain")}
        ),
        MALFORMED,
    ),
    "missing body": (lambda caller: caller.send("PUT", f"/api/collection/{STUDY}/uno"), MALFORMED),
    "query: null compound query": (_query({}), PREFIX + "Null compound query"),
    "query: null compound operator": (
        _query({"compoundQuery": {"queries": []}}),
        PREFIX + "Null compound query operator in query [queries=[]]. Valid values are [[AND, OR]]",
    ),
    "query: no sub queries": (
        _query({"compoundQuery": {"operator": "AND"}}),
        PREFIX + "Compound query [operator=AND]. contains no sub queries (simple or compound)",
    ),
    "query: null attribute": (
        _query(_simple(value="x", operator="EQUAL")),
        PREFIX + "Null metadata attribute in query [value=x,operator=EQUAL]",
    ),
    "query: null value": (
        _query(_simple(attribute="a", operator="EQUAL")),
        PREFIX + "Null metadata value in query [attribute=a,operator=EQUAL]",
    ),
    "query: null operator": (
        _query(_simple(attribute="a", value="x")),
        f"{PREFIX}Null operator in query [attribute=a,value=x]. Valid values are [{OPERATORS}]",
    ),
    "query: too deep": (_query(_deep(11)), PREFIX + "Compound query depth over the allowed limit of 10"),
    "query: page 0": (
        _query({**_deep(1), "page": 0}),
        PREFIX + "Invalid search results page: 0",
    ),
    "query: the same of files": (_query({}, "dataObject"), "Invalid Permissions"),
    "query: no hits": (_query(_deep(10)), "Invalid Permissions"),
    "query: no hits among files": (_query(_deep(1), "dataObject"), "Invalid Permissions"),
    "query: unknown operator": (_query(_simple(attribute="a", value="x", operator="IS")), MALFORMED),
}


@pytest.fixture
def endpoint(config: Config, tmp_path: Path) -> Config:
    (tmp_path / "endpoint").mkdir()
    return replace(config, endpoints={"endpoint": tmp_path / "endpoint"})


@pytest.mark.parametrize("row", REFUSED)
@pytest.mark.slow
def test_refused(row: str, endpoint: Config) -> None:
    call, words = REFUSED[row]
    with running(endpoint) as server:
        caller = Caller(server.url, "uploader@example.org")
        caller.make_program_and_study()
        assert message(call(caller)) == words


class TestTaken:
    """The rows of what is taken: the status is 200, the body says what happened."""

    def test_unknown_attribute_is_stored(self, uploader: Caller) -> None:
        path = uploader.make_asset(publication="10.1000/x")
        found = uploader.send("GET", f"/api/collection/{path}").json()["collections"][0]
        assert {"attribute": "publication", "value": "10.1000/x"} in found["metadataEntries"]["selfMetadataEntries"]

    def test_unknown_attribute_in_restricted_mode(self, config: Config) -> None:
        with running(replace(config, rules=replace(config.rules, restricted=True))) as server:
            caller = Caller(server.url, "uploader@example.org")
            caller.make_program_and_study()
            refused = caller.put_collection(f"{STUDY}/uno", {**ASSET, "publication": "x"})
            assert message(refused) == "Metadata attribute is not declared in the system: publication"
            assert caller.put_collection(f"{STUDY}/uno", ASSET).text == "201"

    def test_re_register_collection(self, uploader: Caller) -> None:
        path = uploader.make_asset(poc_name="Doe, Jane")
        again = uploader.put_collection(path, {"asset_name": "Uno 2", "poc_name": ""})
        assert (again.status_code, again.json()) == (200, 200)
        stored = _self_entries(uploader, path)
        assert stored["asset_name"] == "Uno 2"
        assert stored["domain"] == "Drug Response"
        assert "poc_name" not in stored

    def test_re_register_collection_with_the_same(self, uploader: Caller, server: Server, clock: Any) -> None:
        path = uploader.make_asset()
        before = _self_entries(uploader, path)
        clock.now += 100
        assert uploader.put_collection(path, ASSET).text == "200"
        assert _self_entries(uploader, path) == before

    def test_re_register_file_metadata_only(self, uploader: Caller) -> None:
        path = uploader.make_asset()
        uploader.put_file(f"{path}/m", metadataEntries=entries({"description": "old", "kept": "yes"}))
        again = uploader.put_file(f"{path}/m", None, metadataEntries=entries({"description": "new"}))
        assert (again.status_code, again.json()) == (200, 200)
        found = uploader.send("GET", f"/api/v2/dataObject/{path}/m").json()
        assert found["metadataEntries"]["selfMetadataEntries"]["userMetadataEntries"] == entries(
            {"description": "new", "kept": "yes"}
        )

    def test_defaults_and_silent_blanking(self, uploader: Caller) -> None:
        path = uploader.make_asset(outcome_file_name="x.csv", is_reference_dataset="No")
        stored = _self_entries(uploader, path)
        assert stored["is_model_deployed"] == "No"
        assert stored["curation_status"] == "Unverified"
        assert "outcome_file_name" not in stored
        assert "is_reference_dataset" not in stored

    def test_space_around_is_trimmed_but_not_every_space(self, uploader: Caller) -> None:
        path = uploader.make_asset(**{" publication\t": " x ", "institute\u00a0": "y"})
        stored = _self_entries(uploader, path)
        assert stored["publication"] == "x"
        assert stored["institute\u00a0"] == "y"

    def test_a_refused_item_leaves_nothing(self, uploader: Caller) -> None:
        assert message(uploader.put_collection(f"{STUDY}/uno", _without("domain")))
        assert (
            message(uploader.send("GET", f"/api/collection/{STUDY}/uno")) == f"Collection doesn't exist: /{STUDY}/uno"
        )
        path = uploader.make_asset()
        assert message(uploader.put_file(f"{path}/m", checksum="0"))
        assert message(uploader.send("GET", f"/api/v2/dataObject/{path}/m")).startswith("Data object doesn't exist")


class TestRights:
    """Not an uploader, or no rights on what is above."""

    def test_not_an_uploader(self, reader: Caller) -> None:
        assert message(reader.put_collection(f"{BASE}/P2", {**PROGRAM, "program_identifier": "P2"})) == (
            "Invalid Permissions"
        )

    def test_another_ones_study(self, server: Server, uploader: Caller) -> None:
        colleague = Caller(server.url, "colleague@example.org")
        assert message(colleague.put_collection(f"{STUDY}/uno", ASSET)) == "Invalid Permissions"
        server.grant(f"/{STUDY}", "REHEARSAL")
        assert colleague.put_collection(f"{STUDY}/uno", ASSET).text == "201"

    def test_below_an_asset_the_asset_decides(self, server: Server, uploader: Caller) -> None:
        path = uploader.make_asset()
        uploader.put_collection(f"{path}/f1", {"collection_type": "Folder"})
        colleague = Caller(server.url, "colleague@example.org")
        assert message(colleague.put_file(f"{path}/f1/m")) == "Invalid Permissions"
        server.grant(f"/{path}", "REHEARSAL")
        assert colleague.put_file(f"{path}/f1/m").text == "201"

    def test_to_update_an_asset_rights_on_its_study_count(self, server: Server, uploader: Caller) -> None:
        path = uploader.make_asset()
        server.grant(f"/{path}", "REHEARSAL")
        colleague = Caller(server.url, "colleague@example.org")
        assert message(colleague.put_collection(path, {"asset_name": "Mine"})) == "Invalid Permissions"

    def test_any_uploader_may_make_a_program(self, server: Server) -> None:
        colleague = Caller(server.url, "colleague@example.org")
        assert colleague.put_collection(f"{BASE}/P2", {**PROGRAM, "program_identifier": "P2"}).text == "201"


class TestOversize:
    """A request over the limit of the service."""

    def test_error_page(self, uploader: Caller) -> None:
        path = uploader.make_asset()
        answer = uploader.put_file(f"{path}/m", b"x" * 60_000)
        assert (answer.status_code, answer.json()["error"]) == (500, "Internal Server Error")
        assert set(answer.json()) == {"timestamp", "status", "error", "path"}

    def test_reset(self, config: Config) -> None:
        with running(replace(config, over_limit="reset")) as server:
            caller = Caller(server.url, "uploader@example.org")
            caller.make_program_and_study()
            path = caller.make_asset()
            with pytest.raises(httpx.TransportError):
                caller.put_file(f"{path}/m", b"x" * 60_000)

    def test_limit_of_the_server_behind(self, config: Config) -> None:
        with running(replace(config, sync_upload_limit=10)) as server:
            caller = Caller(server.url, "uploader@example.org")
            caller.make_program_and_study()
            path = caller.make_asset()
            assert message(caller.put_file(f"{path}/m", b"x" * 11)) == "File size exceeds the sync upload limit"


@pytest.mark.parametrize("path", ["/a//b", "/a;b", "/a%2fb", "/a%2Eb", "/a%25b", "/a%5cb", "/a%3Bb", "/a%0ab"])
def test_the_container_refuses_before_the_service(server: Server, path: str) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]))
    connection.request("GET", f"/api/collection/{BASE}{path}", headers=basic("reader@example.org"))
    answer = connection.getresponse()
    assert (answer.status, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")


def test_paths_are_not_decoded(uploader: Caller) -> None:
    path = uploader.make_asset()
    assert uploader.put_file(f"{path}/a%20b").text == "201"
    found = uploader.send("GET", f"/api/collection/{path}?list=true").json()["collections"][0]["collection"]
    assert [item["path"] for item in found["dataObjects"]] == [f"/{path}/a%20b"]


def test_a_word_of_the_routes_cuts_the_path(uploader: Caller) -> None:
    path = uploader.make_asset()
    answer = uploader.send("GET", f"/api/collection/{path}/collection/inner")
    assert answer.json()["collections"][0]["collection"]["absolutePath"] == f"/{path}"


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", f"/api/collection/{STUDY}"), ("GET", "/api/collection/query/x/y")]
)
def test_what_there_is_no_endpoint_for(uploader: Caller, method: str, path: str) -> None:
    answer = uploader.send(method, path)
    if method == "DELETE":
        assert (answer.status_code, answer.json()["error"]) == (405, "Method Not Allowed")
    else:
        assert message(answer) == "Collection doesn't exist: /query/x/y"


def _self_entries(caller: Caller, path: str) -> dict[str, str]:
    found = caller.send("GET", f"/api/collection/{path}").json()["collections"][0]
    return {entry["attribute"]: entry["value"] for entry in found["metadataEntries"]["selfMetadataEntries"]}
