"""The endpoints of the service, by method and raw address; paths are cut where it cuts them, and not decoded."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from candle_spec.digests import BLOCK
from candle_spec.standin import answers
from candle_spec.standin.answers import as_json, not_empty
from candle_spec.standin.database import Node
from candle_spec.standin.desk import Desk, json_body
from candle_spec.standin.identity import Caller
from candle_spec.standin.messages import RefusedError, message, refusal
from candle_spec.standin.paths import cut
from candle_spec.standin.uploads import Upload

Handler = Callable[[Desk, Request, Caller, str], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: method, shape of the raw address, and what it does."""

    method: str
    shape: re.Pattern[str]
    handler: Handler


async def authenticate(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``GET /api/authenticate``: a token as plain text."""
    response = answers.text(desk.gate.token(caller.email))
    response.set_cookie("JSESSIONID", desk.gate.session(caller), path="/", httponly=True)
    return response


async def put_collection(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``PUT /api/collection/{path}``: 200 with the body ``201`` or ``200``."""
    document = await json_body(request)
    return as_json(desk.register_collection(caller, cut(raw, "/collection/"), document))


async def get_collection(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``GET /api/collection/{path}``."""
    node = desk.readable_collection(caller, cut(raw, "/collection/"))
    found = answers.collection(desk.dme, node, listed=request.query_params.get("list") == "true")
    if request.query_params.get("includeAcl") == "true":
        found["permission"] = "OWN"
    return as_json(not_empty({"collections": [found]}))


async def put_file(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``PUT /api/v2/dataObject/{path}``: multipart; 200 with the body ``201`` or ``200``."""
    with Upload(desk.database.files, desk.config.request_limit) as upload:
        document, attached = await upload.read(request)
        return as_json(desk.register_file(caller, cut(raw, "/v2/dataObject/"), document, attached))


async def get_file(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``GET /api/v2/dataObject/{path}``."""
    node = desk.readable_file(caller, cut(raw, "/v2/dataObject/"))
    desk.dme.poll(node)
    with_parents = request.query_params.get("excludeParentMetadata") != "true"
    found = answers.data_object(desk.dme, node, with_parents=with_parents)
    if request.query_params.get("includeAcl") == "true":
        found["permission"] = "OWN"
    for entry in found["metadataEntries"]["selfMetadataEntries"]["systemMetadataEntries"]:
        if entry["attribute"] == "source_file_size" and desk.fault(request, raw, "wrong-size"):
            entry["value"] = str(int(entry["value"]) + 1)
        if entry["attribute"] == "checksum" and desk.fault(request, raw, "wrong-checksum"):
            entry["value"] = "0" * 32
    return as_json(not_empty(found))


async def query_collections(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``POST /api/collection/query``: no hits are an error here."""
    try:
        hits, about = desk.query(caller, await json_body(request), kind="collection")
    except RefusedError as refused:
        raise RefusedError(message("collection_query", reason=refused)) from refused
    return _collections(desk, hits, about)


async def query_files(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``POST /api/dataObject/query``: files, or with ``returnParent=true`` their collections."""
    with_parent = request.query_params.get("returnParent") == "true"
    try:
        hits, about = desk.query(caller, await json_body(request), kind="parents" if with_parent else "file")
    except RefusedError as refused:
        raise refusal("not_permitted") from refused
    if with_parent:
        return _collections(desk, hits, about)
    if not hits:
        raise refusal("not_permitted")
    return as_json(not_empty({"dataObjects": [answers.data_object_hit(desk.dme, hit) for hit in hits], **about}))


def _collections(desk: Desk, hits: list[Node], about: dict[str, int]) -> Response:
    if not hits:
        raise refusal("not_permitted")
    return as_json(not_empty({"collections": [answers.collection_hit(desk.dme, hit) for hit in hits], **about}))


async def download_file(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``POST /api/v2/dataObject/{path}/download``: the bytes, or with a destination a task."""
    document = await json_body(request)
    desk.need_login(caller)
    path = cut(raw, "/v2/dataObject/", acted=True)
    desk.readable_file(caller, path)
    file = desk.dme.archived(path)
    destination = document.get("globusDownloadDestination") or document.get("s3DownloadDestination")
    if destination:
        location = destination.get("destinationLocation")
        about = {"path": path, "paths": [path], "destinationLocation": location, "type": _destination(document)}
        return as_json({"taskId": desk.start_task("dataObject", about), "destinationLocation": location})
    if file.stat().st_size > desk.config.sync_download_limit:
        raise refusal("too_large_to_fetch")
    return _stream(file, path)


async def sync_download(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``POST /api/dataObject/{path}/syncDownload``: the bytes, fetched by the service."""
    desk.need_login(caller)
    path = cut(raw, "/dataObject/", acted=True)
    desk.readable_file(caller, path)
    return _stream(desk.dme.archived(path), path)


async def download_url(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """``POST /api/dataObject/{path}/generateDownloadRequestURL``: an address for a while."""
    desk.need_login(caller)
    path = cut(raw, "/dataObject/", acted=True)
    node = desk.readable_file(caller, path)
    desk.dme.archived(path)
    return as_json({"downloadRequestURL": desk.presigned(node)})


async def presigned(desk: Desk, request: Request, caller: Caller, raw: str) -> Response:
    """The archive itself: bytes, with ``Range``."""
    file = desk.presigned_file(raw, request.url.query)
    if file is None:
        page = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        return Response(page, 403, answers.HEADERS, "application/xml")
    if "range" in request.headers and desk.fault(request, raw, "no-range"):
        return _stream(file, raw)
    return FileResponse(file, headers=answers.HEADERS, media_type="application/octet-stream")


def _stream(file: Path, path: str) -> Response:
    """The whole file without a length, as the service copies it through."""
    name = path.rpartition("/")[2]
    headers = {**answers.HEADERS, "content-disposition": f"attachment; filename={name}"}
    return StreamingResponse(_blocks(file), headers=headers, media_type="application/octet-stream")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def _destination(document: Mapping[str, Any]) -> str:
    return "GLOBUS" if document.get("globusDownloadDestination") else "S_3"
