"""Reading from the stand-in: shapes of answers, who may read what, queries, downloads, tasks."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from candle_spec.standin.config import Config
from candle_spec.standin.server import Server, running
from tests.helpers.services.modac_calls import ASSET, STUDY, Caller, Clock, entries, message

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

    def test_in_an_asset_the_rights_on_the_asset_count(self, server: Server, uploader: Caller, asset: str) -> None:
        uploader.put_collection(f"{asset}/closed", {"collection_type": "Folder"})
        uploader.put_file(f"{asset}/closed/m")
        colleague = Caller(server.url, "colleague@example.org")
        assert message(colleague.send("GET", f"/api/v2/dataObject/{asset}/closed/m")) == "Invalid Permissions"
        server.grant(f"/{asset}", "REHEARSAL")
        assert colleague.send("GET", f"/api/v2/dataObject/{asset}/closed/m").status_code == 200
        assert colleague.send("GET", f"/api/collection/{asset}/closed").status_code == 200


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
