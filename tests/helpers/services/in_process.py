"""A stand-in without a socket: what httpx would send to its address is handed to the application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import httpx

from candle_spec.standin.app import StandIn
from candle_spec.standin.config import Config
from candle_spec.standin.desk import Desk
from candle_spec.standin.faults import Faults

PORT = 1
ADDRESS = f"http://127.0.0.1:{PORT}"


class InProcess:
    """A stand-in that is asked by function calls."""

    def __init__(self, config: Config) -> None:
        self.desk = Desk(config, Faults())
        self.desk.origin = ADDRESS
        self._app = StandIn(self.desk)

    def ask(self, method: str, raw: str, headers: dict[str, str] | None = None, body: bytes = b"") -> httpx.Response:
        """Send one request; ``raw`` is its address as it stands on the wire."""
        return asyncio.run(self._ask(method, raw.encode("latin-1"), list((headers or {}).items()), body))

    async def _ask(self, method: str, raw: bytes, headers: list[tuple[str, str]], body: bytes) -> httpx.Response:
        path, _, query = raw.partition(b"?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            "client": ("127.0.0.1", 2),
            "server": ("127.0.0.1", PORT),
        }
        sent: list[dict[str, Any]] = []
        left = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not left:
                await asyncio.Event().wait()  # nobody hangs up
            return left.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        content = b"".join(message.get("body", b"") for message in sent)
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=content)


@contextmanager
def in_process(config: Config) -> Iterator[InProcess]:
    """Yield a stand-in that answers whatever httpx sends to :data:`ADDRESS`."""
    standin = InProcess(config)
    real = httpx.HTTPTransport.handle_request

    def handle(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.url.port != PORT:
            return real(self, request)
        headers = {name: value for name, value in request.headers.items() if name != "transfer-encoding"}
        body = b"".join(request.stream)  # type: ignore[arg-type]
        return standin.ask(request.method, request.url.raw_path.decode("ascii"), headers, body)

    httpx.HTTPTransport.handle_request = handle  # type: ignore[method-assign]
    try:
        yield standin
    finally:
        httpx.HTTPTransport.handle_request = real  # type: ignore[method-assign]
        standin.desk.database.close()
