"""Run a stand-in: on this machine alone, in the foreground or in a thread."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from candle_spec.errors import InvalidInputError
from candle_spec.standin.app import StandIn
from candle_spec.standin.config import Config
from candle_spec.standin.desk import Desk
from candle_spec.standin.faults import Connections, FaultLayer, FaultRule, Faults


class Server:
    """A stand-in that listens.

    Args:
        config: What it is made of.
        host: An address of this machine.
        port: 0 for a free one.
        faults: What goes wrong on purpose.

    Raises:
        InvalidInputError: The address is not one of this machine alone.
    """

    def __init__(
        self, config: Config, *, host: str = "127.0.0.1", port: int = 0, faults: Iterable[FaultRule] = ()
    ) -> None:
        self.faults = Faults(faults)
        self.desk = Desk(config, self.faults)
        self._socket = _listen(loopback(host), port)
        self.url = f"http://{_shown(host)}:{self._socket.getsockname()[1]}"
        self.desk.origin = self.url
        connections = Connections()
        app = FaultLayer(StandIn(self.desk), self.faults, connections)
        settings = uvicorn.Config(
            app,
            http=_protocol(connections),
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        self._server = uvicorn.Server(settings)

    def run(self) -> None:
        """Serve until stopped."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.desk.database.close()
            self._socket.close()

    def stop(self) -> None:
        """Ask a server in another thread to end."""
        self._server.should_exit = True

    def grant(self, path: str, group: str) -> None:
        """Let a group change what is below a collection, as its owner does on the service's own pages."""
        self.desk.database.grant(self.desk.dme.collection(path).id, "group", group)


@contextmanager
def running(config: Config, *, faults: Iterable[FaultRule] = ()) -> Iterator[Server]:
    """Yield a stand-in that serves from a thread of this process."""
    server = Server(config, faults=faults)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(timeout=10)


def loopback(host: str) -> str:
    """Return an address of this machine alone.

    Raises:
        InvalidInputError: Others could reach it.
    """
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise InvalidInputError(
        f"a stand-in listens on this machine alone, not on {host!r}", hint="use 127.0.0.1, ::1 or localhost"
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only where the protocol is named does asyncio send what it is given at once; else an answer waits for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise InvalidInputError(
            f"cannot listen on {host}, port {port}: {error.strerror}", hint="use --port 0"
        ) from error
    return listener


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _protocol(connections: Connections) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol, which also tells of its connections."""

    class Protocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            connections.opened(transport)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.closed(self.transport)
            super().connection_lost(exc)

    return Protocol
