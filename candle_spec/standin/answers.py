"""The JSON of the service: its two shapes of errors, collections and files. Empty members are left out, as there."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from candle_spec.standin.config import BANNER
from candle_spec.standin.database import Node
from candle_spec.standin.dme import OWNER, Dme
from candle_spec.standin.messages import message
from candle_spec.standin.paths import parent
from candle_spec.standin.search import Row, rows_of

HEADERS: Final = {"X-Stand-In": BANNER}
"""On every answer: nobody takes it for the service."""


def as_json(value: Any, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Response(json.dumps(value), status, HEADERS, "application/json")


def text(value: str) -> Response:
    """Return plain text."""
    return PlainTextResponse(value, headers=HEADERS)


def error(words: str, status: int = 400) -> Response:
    """Return an error of the service's own."""
    return as_json({"code": "Error occurred", "message": words}, status)


def malformed() -> Response:
    """Return the answer to whatever the service cannot make sense of."""
    return error(message("malformed"))


def spring_error(status: int, words: str, path: str, now: float) -> Response:
    """Return an error of the framework below the service: another shape."""
    return as_json({"timestamp": int(now * 1000), "status": status, "error": words, "path": path}, status)


def container_error() -> Response:
    """Return an error of the servlet container, before any code of the service: no JSON."""
    page = "<!doctype html><html><head><title>HTTP Status 400 – Bad Request</title></head><body></body></html>"
    return HTMLResponse(page, 400, HEADERS)


def not_empty(value: Any) -> Any:
    """Return a document without members that are null or empty, at any depth."""
    if isinstance(value, dict):
        kept = {key: not_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item not in ("", [], {})}
    if isinstance(value, list):
        return [not_empty(item) for item in value]
    return value


def collection(dme: Dme, node: Node, *, listed: bool) -> dict[str, Any]:
    """Return one collection in the shape of GET: its own entries are a flat list."""
    rows = rows_of(dme, node)
    return {
        "collection": _about_collection(dme, node, listed=listed),
        "metadataEntries": {
            "selfMetadataEntries": [{"attribute": row.attribute, "value": row.value} for row in rows if row.level == 1],
            "parentMetadataEntries": [_inherited(row) for row in rows if row.level > 1],
        },
    }


def collection_hit(dme: Dme, node: Node) -> dict[str, Any]:
    """Return one collection in the shape of a query: its own entries have level and label."""
    found = collection(dme, node, listed=False)
    rows = [row for row in rows_of(dme, node) if row.level == 1]
    found["metadataEntries"]["selfMetadataEntries"] = [{**_level(row), "collectionId": node.id} for row in rows]
    return found


def _about_collection(dme: Dme, node: Node, *, listed: bool) -> dict[str, Any]:
    children = dme.database.children(node.path) if listed else []
    items = {kind: [_listed(child) for child in children if child.kind == kind] for kind in ("collection", "file")}
    return {
        "collectionId": node.id,
        "collectionName": node.path,
        "absolutePath": node.path,
        "collectionParentName": parent(node.path),
        "collectionOwnerName": OWNER,
        "collectionOwnerZone": "standinZone",
        "collectionMapId": "0",
        "collectionInheritance": "1",
        "createdAt": _milliseconds(node),
        "specColType": "NORMAL",
        "subCollections": items["collection"],
        "dataObjects": items["file"],
    }


def data_object(dme: Dme, node: Node, *, with_parents: bool) -> dict[str, Any]:
    """Return one file in the shape of GET: its own entries are in two groups, the user's and the server's."""
    found: dict[str, Any] = {
        "selfMetadataEntries": {
            "userMetadataEntries": _entries(dme.database.metadata(node.id, system=False)),
            "systemMetadataEntries": _entries(dme.database.metadata(node.id, system=True)),
        }
    }
    if with_parents:
        found["parentMetadataEntries"] = [_inherited(row) for row in rows_of(dme, node) if row.level > 1]
    return {"dataObject": _about_file(dme, node), "metadataEntries": found}


def data_object_hit(dme: Dme, node: Node) -> dict[str, Any]:
    """Return one file in the shape of a query: its own entries are a flat list."""
    rows = rows_of(dme, node)
    entries = {
        "selfMetadataEntries": [_level(row) for row in rows if row.level == 1],
        "parentMetadataEntries": [_inherited(row) for row in rows if row.level > 1],
    }
    return {"dataObject": _about_file(dme, node), "metadataEntries": entries}


def _about_file(dme: Dme, node: Node) -> dict[str, Any]:
    above = dme.collection(parent(node.path))
    return {
        "id": node.id,
        "collectionId": above.id,
        "collectionName": above.path,
        "absolutePath": node.path,
        "dataSize": 0,  # the service never says it here: the size is source_file_size
        "dataPath": f"/standin/{node.id}",
        "dataOwnerName": OWNER,
        "createdAt": _milliseconds(node),
    }


def _entries(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"attribute": name, "value": value} for name, value in values.items()]


def _level(row: Row) -> dict[str, Any]:
    return {"attribute": row.attribute, "value": row.value, "level": row.level, "levelLabel": row.label}


def _inherited(row: Row) -> dict[str, Any]:
    return {**_level(row), "unit": "EMPTY_ATTR_UNIT"}


def _listed(node: Node) -> dict[str, Any]:
    return {"id": node.id, "path": node.path, "dataSize": 0}


def _milliseconds(node: Node) -> int:
    return int(node.created * 1000)
