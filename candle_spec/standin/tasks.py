"""Work that the service does later: downloads to an endpoint, and the registration of many files at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from candle_spec.standin.answers import as_json, not_empty
from candle_spec.standin.desk import Desk, json_body
from candle_spec.standin.dme import CREATED
from candle_spec.standin.identity import Caller
from candle_spec.standin.messages import RefusedError, message, refusal
from candle_spec.standin.paths import cut, parent
from candle_spec.standin.search import MalformedError


async def download_collection(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``POST /api/v2/collection/{path}/download``: a task."""
    document = await json_body(request)
    desk.need_login(caller)
    path = cut(raw, "/collection/", acted=True)
    desk.readable_collection(caller, path)
    return _start(desk, document, "collection", path, _files_below(desk, path))


async def download_many(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``POST /api/v2/download``: a task for several collections or files."""
    document = await json_body(request)
    desk.need_login(caller)
    paths: list[str] = []
    for path in document.get("collectionPaths") or ():
        desk.readable_collection(caller, path)
        paths += _files_below(desk, path)
    for path in document.get("dataObjectPaths") or ():
        desk.readable_file(caller, path)
        paths.append(path)
    return _start(desk, document, "many", "", paths)


def _files_below(desk: Desk, path: str) -> list[str]:
    return [node.path for node in desk.database.nodes("file") if node.path.startswith(path + "/")]


def _start(desk: Desk, document: Mapping[str, Any], kind: str, path: str, paths: list[str]) -> Response:
    for name, label in (("globusDownloadDestination", "GLOBUS"), ("s3DownloadDestination", "S_3")):
        if document.get(name):
            location = document[name].get("destinationLocation")
            about = {"path": path, "paths": paths, "destinationLocation": location, "type": label}
            return as_json({"taskId": desk.start_task(kind, about), "destinationLocation": location})
    raise refusal("no_destination")


def download_status(kind: str) -> Any:
    """Return the handler of ``GET /api/…/download/{taskId}`` for one kind of task."""

    async def handler(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
        found = desk.database.poll_task(raw.rpartition("/")[2], kind)
        if found is None:
            raise refusal("not_permitted")
        left, about = found
        answer: dict[str, Any] = {"inProgress": bool(left), "path": about["path"], "destinationType": about["type"]}
        if not left:
            answer |= {"result": "COMPLETED", "completedItems": [_item(desk, path) for path in about["paths"]]}
            answer["completed"] = int(desk.config.clock() * 1000)
        return as_json(not_empty(answer))

    return handler


def _item(desk: Desk, path: str) -> dict[str, Any]:
    size = desk.dme.archived(path).stat().st_size
    return {"path": path, "result": "COMPLETED", "size": size}


async def register_many(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``PUT /api/v2/registration``: files that endpoints hold, with their collections."""
    document = await json_body(request)
    desk.need_login(caller)
    items = list(document.get("dataObjectRegistrationItems") or ())
    try:
        for scan in document.get("directoryScanRegistrationItems") or ():
            items += _scanned(desk, scan)
        if not items:
            raise refusal("no_items")
        for item in items:
            _check_item(desk, caller, item)
        if document.get("dryRun"):
            return as_json({"dataObjectRegistrationItems": items})
        done = [_register(desk, caller, item) for item in items]
    except RefusedError as refused:
        raise RefusedError(message("bulk", reason=refused)) from refused
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedError from error
    return as_json({"taskId": desk.start_task("registration", {"items": done})})


def _check_item(desk: Desk, caller: Caller, item: Mapping[str, Any]) -> None:
    """The first collection above a file that exists decides whether the caller may write there."""
    path = item["path"]
    while parent(path) != "/" and desk.database.node(parent(path)) is None and item.get("createParentCollections"):
        path = parent(path)
    desk.need_write(caller, path)
    source = next((item[name] for name in ("globusUploadSource", "s3UploadSource") if item.get(name)), None)
    if source is None:
        raise refusal("no_source")
    desk.dme.transfers.source_file(source["sourceLocation"])


def _register(desk: Desk, caller: Caller, item: Mapping[str, Any]) -> dict[str, Any]:
    """Register one item; a failure of one is told in the task's answer."""
    try:
        if item.get("createParentCollections"):
            rows = (item.get("parentCollectionsBulkMetadataEntries") or {}).get("pathsMetadataEntries") or ()
            before = {node.path for node in desk.database.nodes("collection")}
            desk.dme.create_parents(item["path"], {row["path"]: row["pathMetadataEntries"] for row in rows})
            for node in desk.database.nodes("collection"):
                if node.path not in before:
                    desk.database.grant(node.id, "owner", caller.email)
        registration = {**item, "metadataEntries": item.get("dataObjectMetadataEntries") or []}
        status = desk.dme.register_file(item["path"], registration, None)
    except RefusedError as refused:
        return {"path": item["path"], "result": False, "message": str(refused)}
    return {"path": item["path"], "result": status == CREATED}


def _scanned(desk: Desk, scan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one item for each file below the folder of an endpoint."""
    name, member = next(
        (scan_name, source)
        for scan_name, source in (("globusScanDirectory", "globusUploadSource"), ("s3ScanDirectory", "s3UploadSource"))
        if scan.get(scan_name)
    )
    location = scan[name]["directoryLocation"]
    folder = desk.dme.transfers.source_file(location)
    root = str(location["fileId"]).strip("/")
    rows = (scan.get("bulkMetadataEntries") or {}).get("pathsMetadataEntries") or []
    moved = scan.get("pathMap") or {}
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        inside = f"{root}/{file.relative_to(folder).as_posix()}"
        target = "/" + inside
        if moved.get("fromPath") and target.startswith(moved["fromPath"]):
            target = moved["toPath"] + target[len(moved["fromPath"]) :]
        source = {"fileContainerId": location["fileContainerId"], "fileId": inside}
        item = {"path": scan["basePath"] + target, member: {"sourceLocation": source}, "createParentCollections": True}
        found.append({**item, "parentCollectionsBulkMetadataEntries": {"pathsMetadataEntries": rows}})
    return found


async def registration_status(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``GET /api/v2/registration/{taskId}``."""
    task = raw.rpartition("/")[2]
    found = desk.database.poll_task(task, "registration")
    if found is None:
        raise refusal("not_permitted")
    left, about = found
    now = int(desk.config.clock() * 1000)
    if left:
        return as_json({"inProgress": True, "task": {"taskId": task}})
    failed = [{**item, "completed": now} for item in about["items"] if not item["result"]]
    good = [{**item, "completed": now} for item in about["items"] if item["result"]]
    outcome = {"taskId": task, "result": not failed, "completedItems": good, "failedItems": failed, "completed": now}
    return as_json({"inProgress": False, "task": {**not_empty(outcome), "result": not failed}})
