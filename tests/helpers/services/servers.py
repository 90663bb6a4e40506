"""Local servers that answer as Hugging Face and Zenodo document it; they keep every request that reaches them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

TOKEN = "hf_" + "t" * 34


@dataclass
class Seen:
    """One request: method, path, body, whether the token came along, and the range that was asked for."""

    method: str
    path: str
    body: bytes
    token: bool
    range: str = ""


@dataclass
class Server:
    """What all share: the requests seen, and what goes wrong.

    Attributes:
        faults: Answers that are given once, by a part of method and path.
        lasting: Makes answers that are given as long as they stand here.
        open: Whether reading needs no token.
    """

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    faults: dict[str, Response] = field(default_factory=dict)
    lasting: dict[str, Callable[[Request], Response]] = field(default_factory=dict)
    open: bool = False

    async def take(self, request: Request) -> Response | None:
        """Keep a request; return the answer of a fault, if one is due."""
        token = request.headers.get("authorization", "") == f"Bearer {TOKEN}"
        range_ = request.headers.get("range", "")
        self.seen.append(Seen(request.method, request.url.path, await request.body(), token, range_))
        name = f"{request.method} {request.url.path}"
        for part in list(self.faults):
            if part in name:
                return self.faults.pop(part)
        for part, make in self.lasting.items():
            if part in name:
                return make(request)
        free = any(part in request.url.path for part in ("/lfs/", "/cdn/")) or (self.open and request.method == "GET")
        return None if token or free else JSONResponse({"message": "Unauthorized"}, 401)

    def app(self) -> Starlette:
        """The routes of the service."""
        raise NotImplementedError

    def paths(self, method: str) -> list[str]:
        """Paths of the requests of one method."""
        return [seen.path for seen in self.seen if seen.method == method]


def content(request: Request, data: bytes, **headers: str) -> Response:
    """The content of a file, or of the rest of it that a request asks for."""
    wanted = re.fullmatch(r"bytes=([0-9]+)-", request.headers.get("range", ""))
    if wanted is None:
        return Response(data, headers=headers, media_type="application/octet-stream")
    start = int(wanted[1])
    headers["content-range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    return Response(data[start:], 206, headers=headers, media_type="application/octet-stream")


class Cut(Response):
    """An answer that breaks off: it states more bytes than it sends."""

    def __init__(self, data: bytes, at: int) -> None:
        super().__init__(data[:at])
        self.headers["content-length"] = str(len(data))


class Endless(Response):
    """An answer without an end and without a length."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(4096):
            await send({"type": "http.response.body", "body": b" " * 65536, "more_body": True})
            await asyncio.sleep(0)


class Hub(Server):
    """Hugging Face: https://huggingface.co/docs/hub/api, and the LFS batch API."""

    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.page = 1_000

    def app(self) -> Starlette:
        one = "/api/models/{owner}/{name}"
        return Starlette(
            routes=[
                Route("/api/repos/create", self.create, methods=["POST"]),
                Route("/api/validate-yaml", self.validate, methods=["POST"]),
                Route(one, self.info),
                Route(f"{one}/preupload/main", self.preupload, methods=["POST"]),
                Route(f"{one}/commit/main", self.commit, methods=["POST"]),
                Route(f"{one}/paths-info/{{revision}}", self.paths_info, methods=["POST"]),
                Route(f"{one}/revision/{{revision}}", self.info),
                Route(f"{one}/tree/{{revision}}", self.tree),
                Route(f"{one}/refs", self.refs),
                Route(f"{one}/tag/{{name_of_tag}}", self.tag, methods=["POST", "DELETE"]),
                Route("/{owner}/{name}/resolve/{revision}/{path:path}", self.resolve, methods=["GET", "HEAD"]),
                Route("/cdn/{oid}", self.cdn, methods=["GET", "HEAD"]),
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
        if f"{owner}/{name}" not in self.repositories or self._files(request) is None:
            return JSONResponse({"error": "Repository not found"}, 404)
        commit = self._commit(request)
        about = {"id": f"{owner}/{name}", "private": self._of(request)["private"], "siblings": [], "sha": commit}
        return JSONResponse(about)

    def _commit(self, request: Request) -> str:
        """The commit that a request names by a branch, a tag or itself."""
        repository = self._of(request)
        revision = request.path_params.get("revision", "main")
        return str(repository.get("tags", {}).get(revision, repository.get("head") if revision == "main" else revision))

    def _files(self, request: Request) -> dict[str, tuple[bytes, bool]] | None:
        repository = self._of(request)
        if request.path_params.get("revision", "main") == "main":
            return dict(repository["files"])
        found: dict[str, tuple[bytes, bool]] | None = repository.get("history", {}).get(self._commit(request))
        return found

    async def tree(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        rows = [_row(path, *row) for path, row in sorted((self._files(request) or {}).items())]
        folders = sorted({row["path"].rpartition("/")[0] for row in rows} - {""})
        rows = [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in folders] + rows
        start = int(request.query_params.get("cursor", 0))
        answer = JSONResponse(rows[start : start + self.page])
        if start + self.page < len(rows):
            there = f"{self.url}{request.url.path}?recursive=true&cursor={start + self.page}"
            answer.headers["link"] = f'<{there}>; rel="next"'
        return answer

    async def refs(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        repository = self._of(request)
        main = [{"name": "main", "ref": "refs/heads/main", "targetCommit": repository.get("head", "0" * 40)}]
        tags = [
            {"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit}
            for name, commit in repository.get("tags", {}).items()
        ]
        return JSONResponse({"branches": main, "converts": [], "tags": tags})

    async def tag(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        tags = self._of(request).setdefault("tags", {})
        if request.method == "DELETE":
            del tags[request.path_params["name_of_tag"]]
            return Response()
        name = (await request.json())["tag"]
        if name in tags:
            return JSONResponse({"error": "Tag exists"}, 409)
        commit = request.path_params["name_of_tag"]
        tags[name] = commit
        return Response(status_code=201)

    async def resolve(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        path = request.path_params["path"]
        found = (self._files(request) or {}).get(path)
        if found is None:
            return JSONResponse({"error": "Entry not found"}, 404, headers={"X-Error-Code": "EntryNotFound"})
        data, large = found
        headers = {"X-Repo-Commit": self._commit(request)}
        if not large:
            return content(request, data, ETag=f'"{_row(path, data, large)["oid"]}"', **headers)
        oid = hashlib.sha256(data).hexdigest()
        headers |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(data))}
        cdn = self.url.replace("127.0.0.1", "localhost")  # another host, as in reality
        return RedirectResponse(f"{cdn}/cdn/{oid}", 302, headers=headers)

    async def cdn(self, request: Request) -> Response:
        return await self.take(request) or content(request, self.objects[request.path_params["oid"]])

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
            elif entry["key"] == "deletedFile":
                del repository["files"][value["path"]]
        repository["commits"] += 1
        repository["head"] = oid = f"{repository['commits']:040x}"
        repository.setdefault("history", {})[oid] = dict(repository["files"])
        return JSONResponse({"commitUrl": f"{self.url}/lab/uno/commit/{oid}", "commitOid": oid})

    async def paths_info(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        form = await request.form() if "form" in request.headers["content-type"] else None
        wanted = form.getlist("paths") if form else (await request.json())["paths"]
        files = self._files(request) or {}
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
                Route("/api/records/{number}", self.record),
                Route("/api/records/{number}/files/{name}/content", self.content),
                Route("/api/records/{number}/draft/files/{name}/content", self.content),
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

    async def record(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        number = request.path_params["number"]
        newest = {str(int(one) - 1): one for one in self.deposits if one.isdigit()}.get(number)
        if number not in self.deposits and newest:  # the number of all versions leads to the newest one
            return RedirectResponse(f"/api/records/{newest}", 302)
        if not self.deposits.get(number, {}).get("submitted"):
            return JSONResponse({"message": "PID does not exist.", "status": 404}, 404)
        rows = [
            {"key": name, "size": len(data), "checksum": f"md5:{hashlib.md5(data).hexdigest()}"}
            for name, data in self.files[number].items()
        ]
        return JSONResponse({"id": int(number), "files": rows})

    async def content(self, request: Request) -> Response:
        if fault := await self.take(request):
            return fault
        data = self.files[request.path_params["number"]].get(request.path_params["name"])
        return JSONResponse({"message": "no"}, 404) if data is None else content(request, data)


@contextmanager
def running(server: Server) -> Iterator[None]:
    """Serve from a thread, on loopback."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # so that asyncio sends what it is given at once
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
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
