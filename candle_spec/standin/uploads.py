"""A multipart upload, written to disk as it comes in."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from starlette.requests import ClientDisconnect, Request

from candle_spec.atomic import Fs
from candle_spec.standin.search import MalformedError


@dataclass(slots=True)
class _Part:
    """One part as it is read: its headers, and its bytes in a file or in memory."""

    headers: dict[str, str] = field(default_factory=dict)
    name: str = ""
    data: bytearray = field(default_factory=bytearray)
    file: BinaryIO | None = None


class TooLargeError(Exception):
    """The request is larger than the service takes."""


class Upload:
    """The parts ``dataObjectRegistration`` and ``dataObject`` of a request.

    Use as a context manager: what was not taken away is removed.

    Args:
        folder: Where the bytes are written to.
        limit: Bytes of the whole request.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._path = folder / f"incoming-{secrets.token_hex(8)}"
        self._limit = limit
        self._fs = Fs()
        self._parts: list[_Part] = []
        self._header = ["", ""]

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        for part in self._parts:
            if part.file is not None:
                part.file.close()
        if self._path.exists():
            self._fs.remove_file(self._path)

    async def read(self, request: Request) -> tuple[dict[str, Any], Path | None]:
        """Return the registration and the attached file.

        Raises:
            MalformedError: A part is missing or of the wrong type, or the request breaks off.
            TooLargeError: It is over the limit.
        """
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser, parse_options_header

        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise MalformedError
        parser = MultipartParser(options[b"boundary"], self._callbacks())
        total = 0
        try:
            async for block in request.stream():
                total += len(block)
                if total > self._limit:
                    raise TooLargeError
                parser.write(block)
            parser.finalize()
        except (FormParserError, ClientDisconnect) as error:
            raise MalformedError from error
        return self._result()

    def _result(self) -> tuple[dict[str, Any], Path | None]:
        by_name = {part.name: part for part in self._parts}
        registration = by_name.get("dataObjectRegistration")
        if registration is None or not registration.headers.get("content-type", "").startswith("application/json"):
            raise MalformedError
        try:
            document = json.loads(bytes(registration.data))
        except ValueError as error:
            raise MalformedError from error
        if not isinstance(document, dict):
            raise MalformedError
        attached = by_name.get("dataObject")
        if attached is None or attached.file is None:
            return document, None
        attached.file.close()
        return document, self._path

    def _callbacks(self) -> Any:
        def on_part_begin() -> None:
            self._parts.append(_Part())

        def add(index: int) -> Callable[[bytes, int, int], None]:
            def callback(data: bytes, start: int, end: int) -> None:
                self._header[index] += data[start:end].decode("latin-1")

            return callback

        return {
            "on_part_begin": on_part_begin,
            "on_header_field": add(0),
            "on_header_value": add(1),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
        }

    def _header_end(self) -> None:
        self._parts[-1].headers[self._header[0].lower()] = self._header[1]
        self._header = ["", ""]

    def _headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        part = self._parts[-1]
        _, options = parse_options_header(part.headers.get("content-disposition", ""))
        part.name = options.get(b"name", b"").decode("latin-1")
        if part.name == "dataObject":
            part.file = self._fs.open_new(self._path)

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._parts[-1]
        if part.file is not None:
            self._fs.write(part.file, data[start:end])
        else:
            part.data += data[start:end]
