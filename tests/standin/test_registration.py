"""What the service takes and keeps, from whom, and how it takes a path."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from candle_spec.standin.config import Config
from candle_spec.standin.server import Server, running
from tests.helpers.services.modac_calls import ASSET, BASE, PROGRAM, STUDY, Caller, basic, entries, message


def _without(*names: str) -> dict[str, str]:
    return {name: value for name, value in ASSET.items() if name not in names}


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

    def test_what_changes_nothing_is_not_even_checked(self, uploader: Caller) -> None:
        path = uploader.make_asset()
        own = {name: _self_entries(uploader, path)[name] for name in ("uuid", "registered_by")}
        assert uploader.put_collection(path, own).text == "200"
        assert message(uploader.put_collection(path, {**own, "asset_name": "Due"})) == (
            "System generated metadata cannot be set/changed: registered_by"
        )

    def test_what_was_stored_stays_where_its_controller_changes(self, uploader: Caller) -> None:
        more = {"is_reference_dataset": "Yes", "outcome_file_name": "x.csv", "applicable_model_paths": "/a"}
        path = uploader.make_asset(asset_type="Dataset", **more)
        assert uploader.put_collection(path, {"is_reference_dataset": "No", "outcome_file_name": "y.csv"}).text == "200"
        stored = _self_entries(uploader, path)
        assert "outcome_file_name" not in stored, "what is sent and does not count is made empty, which deletes"
        assert stored["applicable_model_paths"] == "/a"

    def test_what_is_deleted_gets_its_default_again(self, uploader: Caller) -> None:
        path = uploader.make_asset(curation_status="Pending")
        assert uploader.put_collection(path, {"curation_status": ""}).text == "200"
        assert _self_entries(uploader, path)["curation_status"] == "Unverified"
        words = "Missing or empty mandatory metadata: asset_name"
        assert message(uploader.put_collection(path, {"asset_name": ""})) == words

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
