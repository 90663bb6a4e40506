"""Local servers that answer as Hugging Face and Zenodo document it; they keep every request that reaches them."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "hf_" + "t" * 34


@dataclass
class Seen:
    """One request: method, path, body, and whether the token came along."""

    method: str
    path: str
    body: bytes
    token: bool


@dataclass
class Server:
    """What both share: the requests seen, and what goes wrong next (path part -> answer, once)."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    faults: dict[str, Response] = field(default_factory=dict)

    async def take(self, request: Request) -> Response | None:
        """Keep a request; return the answer of a fault, if one is due."""
        token = request.headers.get("authorization", "") == f"Bearer {TOKEN}"
        self.seen.append(Seen(request.method, request.url.path, await request.body(), token))
        for part in list(self.faults):
            if part in f"{request.method} {request.url.path}":
                return self.faults.pop(part)
        return None if token or "/lfs/" in request.url.path else JSONResponse({"message": "Unauthorized"}, 401)

    def paths(self, method: str) -> list[str]:
        """Paths of the requests of one method."""
        return [seen.path for seen in self.seen if seen.method == method]


class Hub(Server):
    """Hugging Face: https://huggingface.co/docs/hub/api, and the LFS batch API."""

    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}

    def app(self) -> Starlette:
        one = "/api/models/{owner}/{name}"
        return Starlette(
            routes=[
                Route("/api/repos/create", self.create, methods=["POST"]),
                Route("/api/validate-yaml", self.validate, methods=["POST"]),
                Route(one, self.info),
                Route(f"{one}/preupload/main", self.preupload, methods=["POST"]),
                Route(f"{one}/commit/main", self.commit, methods=["POST"]),
                Route(f"{one}/paths-info/main", self.paths_info, methods=["POST"]),
                Route("/{owner}/{name}.git/info/lfs/objects/batch", self.batch, methods=["POST"]),
                Route("/lfs/{oid}", self.put, methods=["PUT"]),
            ]
        )

    def _of(self, request: Request) -> dict[str, Any]:
        return self.repositories[f"{request.path_params['owner']}/{request.path_params['name']}"]

    async def create(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        body = await request.json()
        name = f"{body['organization']}/{body['name']}"
        there = name in self.repositories
        self.repositories.setdefault(name, {"private": body["visibility"] == "private", "files": {}, "commits": 0})
        return JSONResponse({"url": f"{self.url}/{name}"}, 409 if there else 200)

    async def validate(self, request: Request) -> Response:
        return await self.take(request) or JSONResponse({"errors": [], "warnings": []})

    async def info(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        owner, name = request.path_params["owner"], request.path_params["name"]
        return JSONResponse({"id": f"{owner}/{name}", "private": self._of(request)["private"], "siblings": []})

    async def preupload(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        rows = [
            {
                "path": row["path"],
                "uploadMode": "lfs" if row["path"].endswith((".safetensors", ".gz")) else "regular",
                "shouldIgnore": False,
            }
            for row in (await request.json())["files"]
        ]
        return JSONResponse({"files": rows})

    async def batch(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        rows = []
        for row in (await request.json())["objects"]:
            wanted = {} if row["oid"] in self.objects else {"upload": {"href": f"{self.url}/lfs/{row['oid']}"}}
            rows.append({**row, **({"actions": wanted} if wanted else {})})
        return JSONResponse({"transfer": "basic", "objects": rows})

    async def put(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        data = await request.body()
        if hashlib.sha256(data).hexdigest() != request.path_params["oid"]:
            return Response(status_code=400)
        self.objects[request.path_params["oid"]] = data
        return Response()

    async def commit(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        repository = self._of(request)
        for line in (await request.body()).splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                repository["files"][value["path"]] = (base64.b64decode(value["content"]), False)
            elif entry["key"] == "lfsFile":
                repository["files"][value["path"]] = (self.objects[value["oid"]], True)
        repository["commits"] += 1
        return JSONResponse({"commitUrl": f"{self.url}/lab/uno/commit/{'0' * 40}", "commitOid": "0" * 40})

    async def paths_info(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        form = await request.form() if "form" in request.headers["content-type"] else None
        wanted = form.getlist("paths") if form else (await request.json())["paths"]
        files = self._of(request)["files"]
        return JSONResponse([_row(path, *files[path]) for path in wanted if path in files])


def _row(path: str, data: bytes, large: bool) -> dict[str, Any]:
    blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
    row: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob}
    if large:
        row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return row


class Zenodo(Server):
    """Zenodo: https://developers.zenodo.org/, the deposit and its bucket."""

    def __init__(self) -> None:
        super().__init__()
        self.deposits: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, bytes]] = {}

    def app(self) -> Starlette:
        deposits = "/api/deposit/depositions"
        return Starlette(
            routes=[
                Route(deposits, self.create, methods=["POST"]),
                Route(f"{deposits}/{{number}}", self.one, methods=["GET", "PUT"]),
                Route(f"{deposits}/{{number}}/files", self.listing),
                Route("/api/files/{bucket}/{name}", self.put, methods=["PUT"]),
            ]
        )

    async def create(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        number = str(101 + len(self.deposits))
        self.files[number] = {}
        self.deposits[number] = {
            "id": int(number),
            "submitted": False,
            "metadata": (await request.json())["metadata"],
            "links": {"bucket": f"{self.url}/api/files/{number}", "html": f"{self.url}/uploads/{number}"},
        }
        return JSONResponse(self.deposits[number], 201)

    async def one(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        found = self.deposits.get(request.path_params["number"])
        if found is None:
            return JSONResponse({"message": "PID does not exist.", "status": 404}, 404)
        if request.method == "PUT":
            found["metadata"] = (await request.json())["metadata"]
        return JSONResponse(found)

    async def listing(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        files = self.files[request.path_params["number"]]
        rows = [
            {"id": name, "filename": name, "filesize": len(data), "checksum": hashlib.md5(data).hexdigest()}
            for name, data in files.items()
        ]
        return JSONResponse(rows)

    async def put(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        data = await request.body()
        self.files[request.path_params["bucket"]][request.path_params["name"]] = data
        checksum = f"md5:{hashlib.md5(data).hexdigest()}"
        return JSONResponse({"key": request.path_params["name"], "size": len(data), "checksum": checksum}, 201)


@contextmanager
def running(server: Hub | Zenodo) -> Iterator[None]:
    """Serve from a thread, on loopback."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    runner = uvicorn.Server(uvicorn.Config(server.app(), log_level="error", lifespan="off"))
    thread = threading.Thread(target=runner.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        runner.should_exit = True
        thread.join(timeout=10)
        listener.close()
