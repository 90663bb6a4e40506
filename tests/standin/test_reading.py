"""Reading from the stand-in: shapes of answers, who may read what, queries, downloads, tasks."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from candle_spec.standin.config import Config
from candle_spec.standin.search import like
from candle_spec.standin.server import Server, running
from tests.helpers.services.modac_calls import ASSET, BASE, STUDY, Caller, Clock, entries, message

DATA = bytes(range(256)) * 10


@pytest.fixture
def asset(uploader: Caller) -> str:
    path = uploader.make_asset()
    uploader.put_file(f"{path}/m.h5", DATA, metadataEntries=entries({"description": "weights"}))
    return path


class TestShapes:
    def test_collection(self, uploader: Caller, asset: str) -> None:
        found = uploader.send("GET", f"/api/collection/{asset}?list=true&includeAcl=true").json()["collections"][0]
        about = found["collection"]
        assert about["absolutePath"] == f"/{asset}"
        assert about["collectionParentName"] == f"/{STUDY}"
        assert about["createdAt"] == 1_800_000_000_000
        assert [item["path"] for item in about["dataObjects"]] == [f"/{asset}/m.h5"]
        assert "subCollections" not in about  # empty members are left out
        assert found["permission"] == "OWN"
        own = {entry["attribute"]: entry["value"] for entry in found["metadataEntries"]["selfMetadataEntries"]}
        assert own["dme_data_id"] == f"NCI-DME-MS01-{about['collectionId']}"
        assert own["registered_by"] == "standin_service"
        levels = {(e["level"], e["levelLabel"]) for e in found["metadataEntries"]["parentMetadataEntries"]}
        assert levels == {(2, "Study"), (3, "Program")}

    def test_without_list_nothing_is_listed(self, uploader: Caller, asset: str) -> None:
        found = uploader.send("GET", f"/api/collection/{asset}").json()["collections"][0]
        assert "dataObjects" not in found["collection"]
        assert "permission" not in found

    def test_file(self, uploader: Caller, asset: str) -> None:
        found = uploader.send("GET", f"/api/v2/dataObject/{asset}/m.h5").json()
        assert found["dataObject"]["absolutePath"] == f"/{asset}/m.h5"
        assert found["dataObject"]["dataSize"] == 0
        own = found["metadataEntries"]["selfMetadataEntries"]
        assert own["userMetadataEntries"] == entries({"description": "weights"})
        system = {entry["attribute"]: entry["value"] for entry in own["systemMetadataEntries"]}
        assert system["source_file_size"] == str(len(DATA))
        assert system["data_transfer_status"] == "ARCHIVED"
        assert system["data_transfer_method"] == "SYNC"
        parts = [DATA[start : start + 1_000] for start in range(0, len(DATA), 1_000)]
        of_parts = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
        assert system["checksum"] == f"{of_parts}-3"
        levels = {(e["level"], e["levelLabel"]) for e in found["metadataEntries"]["parentMetadataEntries"]}
        assert levels == {(2, "Asset"), (3, "Study"), (4, "Program")}

    def test_file_without_parents(self, uploader: Caller, asset: str) -> None:
        found = uploader.send("GET", f"/api/v2/dataObject/{asset}/m.h5?excludeParentMetadata=true").json()
        assert "parentMetadataEntries" not in found["metadataEntries"]

    def test_checksum_of_one_part_is_the_md5(self, uploader: Caller, asset: str) -> None:
        data = b"x" * 1_000
        assert uploader.put_file(f"{asset}/one", data, checksum=hashlib.md5(data).hexdigest()).text == "201"
        found = uploader.send("GET", f"/api/v2/dataObject/{asset}/one").json()
        system = found["metadataEntries"]["selfMetadataEntries"]["systemMetadataEntries"]
        assert {"attribute": "checksum", "value": hashlib.md5(data).hexdigest()} in system


class TestWhoReads:
    @pytest.mark.parametrize("group", ["public", "PUBLIC"])
    def test_public(self, uploader: Caller, reader: Caller, group: str) -> None:
        path = uploader.make_asset(access_group=group)
        assert reader.send("GET", f"/api/collection/{path}").status_code == 200

    def test_membership_of_the_access_group_is_not_enough(self, server: Server, uploader: Caller) -> None:
        path = uploader.make_asset(access_group="REHEARSAL")
        colleague = Caller(server.url, "colleague@example.org")
        assert message(colleague.send("GET", f"/api/collection/{path}")) == "Invalid Permissions"
        server.grant(f"/{path}", "REHEARSAL")
        assert colleague.send("GET", f"/api/collection/{path}").status_code == 200

    def test_a_folder_without_its_own_group_is_closed(self, uploader: Caller, reader: Caller, asset: str) -> None:
        for name, more in (("closed", {}), ("open", {"access_group": "public"})):
            uploader.put_collection(f"{asset}/{name}", {"collection_type": "Folder", **more})
            uploader.put_file(f"{asset}/{name}/m")
        assert message(reader.send("GET", f"/api/v2/dataObject/{asset}/closed/m")) == "Invalid Permissions"
        assert reader.send("GET", f"/api/v2/dataObject/{asset}/open/m").status_code == 200


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


class TestDownload:
    def test_sync(self, reader: Caller, asset: str) -> None:
        for path in (f"/api/v2/dataObject/{asset}/m.h5/download", f"/api/dataObject/{asset}/m.h5/syncDownload"):
            answer = reader.send("POST", path, json={})
            assert answer.content == DATA
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-disposition"] == "attachment; filename=m.h5"
            assert "content-length" not in answer.headers

    def test_presigned_with_range_until_it_expires(self, reader: Caller, asset: str, clock: Clock) -> None:
        url = reader.send("POST", f"/api/dataObject/{asset}/m.h5/generateDownloadRequestURL").json()[
            "downloadRequestURL"
        ]
        assert "X-Amz-Expires=604800" in url
        assert httpx.get(url, trust_env=False).content == DATA
        part = httpx.get(url, headers={"Range": "bytes=1000-"}, trust_env=False)
        assert (part.status_code, part.content) == (206, DATA[1000:])
        assert httpx.get(url.replace("Signature=", "Signature=0"), trust_env=False).status_code == 403
        clock.now += 604_800
        assert httpx.get(url, trust_env=False).status_code == 403

    def test_a_task_is_complete_after_some_polls(self, reader: Caller, asset: str) -> None:
        destination = {"globusDownloadDestination": {"destinationLocation": {"fileContainerId": "e", "fileId": "/f"}}}
        started = reader.send("POST", f"/api/v2/dataObject/{asset}/m.h5/download", json=destination).json()
        assert started["destinationLocation"]["fileId"] == "/f"
        states = [reader.send("GET", f"/api/dataObject/download/{started['taskId']}").json() for _ in range(3)]
        assert [state["inProgress"] for state in states] == [True, True, False]
        assert states[2]["result"] == "COMPLETED"
        assert states[2]["completedItems"][0]["size"] == len(DATA)

    def test_tasks_of_collections(self, reader: Caller, asset: str) -> None:
        destination = {"s3DownloadDestination": {"destinationLocation": {"fileContainerId": "b", "fileId": "k"}}}
        one = reader.send("POST", f"/api/v2/collection/{asset}/download", json=destination).json()["taskId"]
        many = {**destination, "collectionPaths": [f"/{asset}"]}
        several = reader.send("POST", "/api/v2/download", json=many).json()["taskId"]
        for task, path in ((one, "collection/download"), (several, "download")):
            last = [reader.send("GET", f"/api/{path}/{task}").json() for _ in range(3)][-1]
            assert [item["path"] for item in last["completedItems"]] == [f"/{asset}/m.h5"]

    def test_unknown_task(self, reader: Caller) -> None:
        for path in ("collection/download", "dataObject/download", "download", "v2/registration"):
            assert message(reader.send("GET", f"/api/{path}/none")) == "Invalid Permissions"


class TestEndpoints:
    @pytest.fixture
    def caller(self, config: Config, tmp_path: Path) -> Any:
        folder = tmp_path / "endpoint" / "run"
        folder.mkdir(parents=True)
        (folder / "a.bin").write_bytes(b"a" * 10)
        (folder / "b.bin").write_bytes(b"b" * 20)
        with running(replace(config, endpoints={"e1": tmp_path / "endpoint"})) as server:
            caller = Caller(server.url, "uploader@example.org")
            caller.make_program_and_study()
            yield caller

    def test_a_file_of_an_endpoint_is_archived_later(self, caller: Caller) -> None:
        path = caller.make_asset()
        source = {"globusUploadSource": {"sourceLocation": {"fileContainerId": "e1", "fileId": "/run/a.bin"}}}
        assert caller.put_file(f"{path}/a", None, **source).text == "201"
        early = caller.send("POST", f"/api/v2/dataObject/{path}/a/download", json={})
        assert message(early) == "Object is not in archived state yet. It is in RECEIVED state"
        for _ in range(2):
            found = caller.send("GET", f"/api/v2/dataObject/{path}/a").json()
        states = found["metadataEntries"]["selfMetadataEntries"]["systemMetadataEntries"]
        assert {"attribute": "data_transfer_status", "value": "ARCHIVED"} in states
        assert caller.send("POST", f"/api/v2/dataObject/{path}/a/download", json={}).content == b"a" * 10

    def test_bulk(self, caller: Caller) -> None:
        rows = [{"path": f"/{STUDY}/run", "pathMetadataEntries": entries({**ASSET, "asset_identifier": "run"})}]
        scan = {
            "basePath": f"/{STUDY}",
            "globusScanDirectory": {"directoryLocation": {"fileContainerId": "e1", "fileId": "/run"}},
            "bulkMetadataEntries": {"pathsMetadataEntries": rows},
        }
        dry = caller.send(
            "PUT", "/api/v2/registration", json={"dryRun": True, "directoryScanRegistrationItems": [scan]}
        )
        assert "taskId" not in dry.json()
        assert len(dry.json()["dataObjectRegistrationItems"]) == 2
        task = caller.send("PUT", "/api/v2/registration", json={"directoryScanRegistrationItems": [scan]}).json()[
            "taskId"
        ]
        last = [caller.send("GET", f"/api/v2/registration/{task}").json() for _ in range(3)][-1]
        assert last["task"]["result"] is True
        assert [item["path"] for item in last["task"]["completedItems"]] == [
            f"/{STUDY}/run/a.bin",
            f"/{STUDY}/run/b.bin",
        ]

    def test_bulk_refused(self, caller: Caller) -> None:
        item = {"path": f"/{STUDY}/uno/a", "globusUploadSource": {"sourceLocation": {"fileContainerId": "none"}}}
        refused = caller.send("PUT", "/api/v2/registration", json={"dataObjectRegistrationItems": [item]})
        assert message(refused).startswith("Failed to bulk register data files due to: Collection doesn't exist")
