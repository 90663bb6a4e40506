"""A service on this machine that says whatever a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.helpers.services.loopback import _no_network  # noqa: F401 - for every test here
from tests.helpers.services.servers import Server, running


class Parrot(Server):
    """Answers every request with what it was asked; ``faults`` and ``lasting`` come first."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: list[dict[str, str]] = []

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.any, methods=["GET", "POST", "PUT"])])

    async def any(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        fault = await self.take(request)
        if fault is not None and fault.status_code != 401:
            return fault
        about: dict[str, Any] = {"path": request.url.path, "body": (await request.body()).decode()}
        return JSONResponse(about, headers={"set-cookie": "a=b"})


@pytest.fixture
def parrot() -> Iterator[Parrot]:
    """A service that is running."""
    server = Parrot()
    with running(server):
        yield server
