"""The only address that tests of services may reach is this machine, and servers on it end when they are asked to."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest


class _Impatient:
    """``asyncio`` for uvicorn, which looks ten times a second whether it may end, and then waits as long again."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.005))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1"):
            raise RuntimeError(f"a test tried to reach {address}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr("uvicorn.server.asyncio", _Impatient())
