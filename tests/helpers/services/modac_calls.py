"""Bare requests to a stand-in, without the client of this package: what is on the wire is what is tested."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from candle_spec.standin.config import DEMO_PASSWORD

BASE = "NCI_DOE_Archive"
STUDY = f"{BASE}/PROG/STUDY"
PROGRAM = {
    "collection_type": "Program",
    "program_name": "Rehearsal",
    "program_description": "A program to rehearse with",
    "program_identifier": "PROG",
    "access_group": "public",
}
STUDY_METADATA = {
    "collection_type": "Study",
    "study_name": "Study",
    "description": "A study",
    "study_identifier": "STUDY",
    "access_group": "public",
}
ASSET = {
    "collection_type": "Asset",
    "asset_identifier": "uno",
    "asset_name": "Uno",
    "description": "Drug response",
    "asset_type": "Model",
    "access_group": "public",
    "domain": "Drug Response",
    "framework": "Keras",
    "model_platform": "CANDLE",
}


_HTTP = httpx.Client(timeout=10, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
"""One for all: making one takes a tenth of a second."""


class Clock:
    """Seconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def entries(values: dict[str, str]) -> list[dict[str, str]]:
    """Metadata as the service takes it."""
    return [{"attribute": name, "value": value} for name, value in values.items()]


def basic(email: str, password: str = DEMO_PASSWORD) -> dict[str, str]:
    """The header of a login by password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{email}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The header of a login by token."""
    return {"Authorization": f"Bearer {token}"}


@dataclass
class Caller:
    """One user's requests; no cookies are kept."""

    url: str
    email: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.email:
            self.headers = basic(self.email)

    def send(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """Send one request; ``path`` goes out as it stands."""
        headers = {**self.headers, **rest.pop("headers", {})}
        _HTTP.cookies.clear()
        return _HTTP.request(method, self.url + path, headers=headers, **rest)

    def token(self) -> str:
        """A token."""
        return self.send("GET", "/api/authenticate").text

    def put_collection(self, path: str, values: dict[str, str]) -> httpx.Response:
        """Register a collection."""
        return self.send("PUT", f"/api/collection/{path}", json={"metadataEntries": entries(values)})

    def put_file(self, path: str, data: bytes | None = b"data", **registration: Any) -> httpx.Response:
        """Register a file."""
        document = {"metadataEntries": [], **registration}
        parts: dict[str, Any] = {"dataObjectRegistration": ("attributes", json.dumps(document), "application/json")}
        if data is not None:
            parts["dataObject"] = ("file", data, "application/octet-stream")
        return self.send("PUT", f"/api/v2/dataObject/{path}", files=parts)

    def query(self, queries: list[dict[str, Any]], kind: str = "collection", **rest: Any) -> httpx.Response:
        """Search."""
        document = {"compoundQuery": {"operator": "AND", "queries": queries}, **rest}
        return self.send("POST", f"/api/{kind}/query", json=document)

    def make_program_and_study(self) -> None:
        """Register a program and a study."""
        assert self.put_collection(f"{BASE}/PROG", PROGRAM).text == "201"
        assert self.put_collection(STUDY, STUDY_METADATA).text == "201"

    def make_asset(self, **changes: str) -> str:
        """Register an asset and return its path."""
        values = {**ASSET, **changes}
        path = f"{STUDY}/{values['asset_identifier']}"
        assert self.put_collection(path, values).text == "201"
        return path


def message(response: httpx.Response) -> str:
    """The message of an error of the service's own, whose status must be 400."""
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["code"] == "Error occurred"
    return str(body["message"])
