"""Another host: remembers what is sent to it."""

from __future__ import annotations

import socket
import threading


class Spy:
    """Another host: remembers what is sent to it."""

    def __init__(self) -> None:
        self.heard = b""
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(4)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/x"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.heard += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            connection.close()

    def close(self) -> None:
        self._socket.close()
