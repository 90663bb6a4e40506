"""What becomes of a path at the stand-in: asked on every route, without the client."""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import quote

from candle_spec.standin.config import Config
from candle_spec.standin.facts import document
from tests.helpers.services.in_process import InProcess
from tests.helpers.services.modac_calls import ASSET, BASE, PROGRAM, STUDY, STUDY_METADATA, basic, entries

UNENCODED = "!$&'()*+,;=:@~-._"
"""What an HTTP client sends as it stands in a segment of a path, beside letters and digits (RFC 3986)."""

HOME = f"{STUDY}/home"
BOUNDARY = "--x"
_folders: list[tempfile.TemporaryDirectory[str]] = []
"""Removed when the process ends."""


@cache
def standin(process: int) -> InProcess:
    """The stand-in of this process, with a program, a study and an asset."""
    _folders.append(tempfile.TemporaryDirectory(prefix=f"standin-{process}-"))
    found = InProcess(Config(Path(_folders[-1].name)))
    for path, values in ((f"{BASE}/PROG", PROGRAM), (STUDY, STUDY_METADATA), (HOME, ASSET)):
        assert put_collection(found, path, values) == "201"
    return found


def route_words() -> set[str]:
    """Every word that stands beside a path in an address of the service, or in the place of one."""
    parts = document("paths.json")
    marks = {mark.strip("/").rpartition("/")[2] for mark in parts["marks"]["words"]}
    return marks | set(parts["endings"]["words"]) | set(parts["places"]["words"])


def put_collection(found: InProcess, raw: str, values: dict[str, str]) -> str:
    """Register a collection; returns the body of the answer."""
    body = json.dumps({"metadataEntries": entries(values)}).encode()
    return _ask(found, "PUT", f"/api/collection/{raw}", body)


def put_file(found: InProcess, raw: str, data: bytes) -> str:
    """Register a file; returns the body of the answer."""
    body = b""
    for name, kind, content in (("dataObjectRegistration", "application/json", b"{}"), ("dataObject", "a/b", data)):
        head = f'Content-Disposition: form-data; name="{name}"; filename="f"\r\nContent-Type: {kind}'
        body += f"{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"
    return _ask(found, "PUT", f"/api/v2/dataObject/{raw}", body + f"{BOUNDARY}--\r\n".encode())


def _ask(found: InProcess, method: str, raw: str, body: bytes = b"") -> str:
    kind = f"multipart/form-data; boundary={BOUNDARY[2:]}" if body.startswith(b"--") else "application/json"
    headers = {**basic("uploader@example.org"), "Content-Type": kind}
    return found.ask(method, raw, headers, body).text


@cache
def kept(segment: str) -> bool:
    """Whether a text arrives unchanged as a segment of a path, on every route, of a collection and of a file."""
    found, wire = standin(os.getpid()), quote(segment, safe=UNENCODED)
    asset = f"{STUDY}/{wire}"
    if put_collection(found, asset, ASSET) != "201" or not _told(f"/{STUDY}/{segment}", "collection", asset):
        return False
    return _file_kept(f"/{STUDY}/{segment}/m", f"{asset}/m") and _file_kept(f"/{HOME}/{segment}", f"{HOME}/{wire}")


def _told(path: str, route: str, raw: str) -> bool:
    """Whether GET tells of exactly that path."""
    return f'"absolutePath": {json.dumps(path)}' in _ask(standin(os.getpid()), "GET", f"/api/{route}/{raw}")


def _file_kept(path: str, raw: str) -> bool:
    found = standin(os.getpid())
    if put_file(found, raw, path.encode()) != "201" or not _told(path, "v2/dataObject", raw):
        return False
    bodies = [
        _ask(found, "POST", f"/api/v2/dataObject/{raw}/download", b"{}"),
        _ask(found, "POST", f"/api/dataObject/{raw}/syncDownload"),
    ]
    address = _ask(found, "POST", f"/api/dataObject/{raw}/generateDownloadRequestURL")
    return bodies == [path, path] and "downloadRequestURL" in address


@cache
def owned(length: int) -> bool:
    """Whether who registers an asset whose path has that many characters may then put a file into it."""
    found = standin(os.getpid())
    raw = f"{STUDY}/".ljust(length - 1, "x")
    assert put_collection(found, raw, ASSET) == "201"
    return put_file(found, f"{raw}/m", b"x") == "201"
