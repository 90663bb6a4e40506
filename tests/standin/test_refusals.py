"""The table of cases, row by row: what the service answers to each request that it refuses, or takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from candle_spec.standin.config import Config
from candle_spec.standin.server import running
from tests.helpers.services.modac_calls import (
    ASSET,
    BASE,
    PROGRAM,
    STUDY,
    STUDY_METADATA,
    Caller,
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
    "a type that is none": (
        _put({**ASSET, "collection_type": "Dataset"}),
        "Invalid metadata value for attribute collection_type: Dataset. Valid values: [Program, Study, Asset, Folder]",
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
    "file below the base path": (lambda caller: caller.put_file(f"{BASE}/m.h5"), "Invalid Permissions"),
    "path of one segment": (_put(PROGRAM, "elsewhere"), "Collection doesn't exist: /elsewhere"),
    "path outside base": (_put(PROGRAM, "elsewhere/PROG"), "Collection doesn't exist: /elsewhere"),
    "base path itself": (_put(PROGRAM, BASE), f"Invalid collection path: /{BASE}"),
    "re-register file with bytes": (_after_asset(_twice), TAKEN),
    "re-register file with a source": (
        _after_asset(
            lambda caller, path: [caller.put_file(f"{path}/m"), caller.put_file(f"{path}/m", None, **GLOBUS)][1]
        ),
        TAKEN,
    ),
    "an address for a file that is archived": (
        _after_asset(
            lambda caller, path: [
                caller.put_file(f"{path}/m"),
                caller.put_file(f"{path}/m", None, generateUploadRequestURL=True),
            ][1]
        ),
        f"Upload URL re-generation not allowed. Data object at /{STUDY}/uno/m already archived",
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
