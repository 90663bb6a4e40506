"""A wire between a client and a local server that breaks once, after a number of bytes in one direction."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

Direction = Literal["up", "down"]


class Wire:
    """Passes bytes on until it breaks; a connection that is made afterwards is whole.

    Args:
        url: The server.
        direction: Which bytes count: ``up`` to the server, ``down`` to the client.
        at: Bytes that pass, over all connections, before both ends are cut; ``None`` to never break.
    """

    def __init__(self, url: str, direction: Direction = "up", at: int | None = None) -> None:
        parts = urlsplit(url)
        self._target = parts.hostname or "", parts.port or 0
        self._direction, self._at = direction, at
        self.passed = {"up": 0, "down": 0}
        self.broken = False
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, contextlib.suppress(OSError):
            while True:
                for source in select.select([client, server], [], [], 30)[0]:
                    up = source is client
                    data = source.recv(1 << 16)
                    if not data or not self._pass(data, server if up else client, "up" if up else "down"):
                        return

    def _pass(self, data: bytes, target: socket.socket, direction: Direction) -> bool:
        """Send on what may pass; returns whether the wire is still whole."""
        with self._lock:
            before = self.passed[direction]
            self.passed[direction] += len(data)
            breaks = (
                direction == self._direction
                and self._at is not None
                and not self.broken
                and self.passed[direction] > self._at
            )
            self.broken = self.broken or breaks
        target.sendall(data[: max(0, (self._at or 0) - before)] if breaks else data)
        return not breaks

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@contextlib.contextmanager
def wire(url: str, direction: Direction = "up", at: int | None = None) -> Iterator[Wire]:
    """A wire to ``url`` for a while."""
    made = Wire(url, direction, at)
    try:
        yield made
    finally:
        made.close()
