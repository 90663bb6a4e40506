"""The body of an upload: two parts, of known length, read from disk while it is sent.

https://www.rfc-editor.org/rfc/rfc7578
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from candle_spec.digests import BLOCK, Progress, no_progress
from candle_spec.errors import CorruptFileError


class MultipartBody:
    """The parts ``dataObjectRegistration`` (JSON) and ``dataObject`` (the bytes of a file, if there is one).

    Args:
        registration: The JSON.
        file: The file; its own name does not leave this machine.
        progress: Called with bytes that were handed over.
    """

    def __init__(
        self, registration: Mapping[str, Any], file: Path | None = None, progress: Progress = no_progress
    ) -> None:
        self._boundary = f"candle-spec-{secrets.token_hex(16)}"
        self._file, self._progress = file, progress
        self._size = file.stat().st_size if file else 0
        document = json.dumps(registration, ensure_ascii=False).encode()
        self._head = self._part("dataObjectRegistration", "attributes", "application/json") + document + b"\r\n"
        if file is not None:
            self._head += self._part("dataObject", "file", "application/octet-stream")
        self._tail = (b"\r\n" if file else b"") + f"--{self._boundary}--\r\n".encode()

    @property
    def length(self) -> int:
        """Bytes of the whole body."""
        return len(self._head) + self._size + len(self._tail)

    @property
    def headers(self) -> dict[str, str]:
        """Content type and length."""
        return {
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
            "Content-Length": str(self.length),
        }

    def __call__(self) -> Iterator[bytes]:
        """Yield the body from its start.

        Raises:
            CorruptFileError: The file has another length than before.
        """
        yield self._head
        if self._file is not None:
            yield from self._blocks(self._file)
        yield self._tail

    def _blocks(self, path: Path) -> Iterator[bytes]:
        left = self._size
        with path.open("rb", buffering=0) as file:
            while left and (block := file.read(min(BLOCK, left))):
                left -= len(block)
                self._progress(len(block))
                yield block
            if left or file.read(1):
                raise CorruptFileError("the file changed while it was sent", location=str(path))

    def _part(self, name: str, filename: str, kind: str) -> bytes:
        return (
            f"--{self._boundary}\r\n"
            f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        ).encode()
