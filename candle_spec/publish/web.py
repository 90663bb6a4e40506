"""JSON requests with a token: repeated where that is harmless, bounded, to one place alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from candle_spec import limits
from candle_spec._version import __version__
from candle_spec.errors import LimitExceededError, LoginError, ServiceError, ServiceRefusedError
from candle_spec.modac.settings import Secret, is_loopback
from candle_spec.optional import require
from candle_spec.publish.bundle import Item

_ATTEMPTS: Final = 4
_BUSY: Final = (429, 500, 502, 503, 504)


class Web:
    """A service as one user; a context manager.

    Args:
        url: Its address, checked.
        token: The user's token.
        extra: The extra of this package that brings what is needed.
        sleep: Waits before a repetition.
    """

    def __init__(self, url: str, token: Secret, *, extra: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url, self.host = url, urlsplit(url).netloc
        self._token, self._sleep = token, sleep
        self._httpx = require("httpx", extra=extra, purpose=f"talk to {self.host}")
        own = is_loopback(urlsplit(url).hostname or "")
        timeout = self._httpx.Timeout(300.0, connect=20.0)
        self._client = self._httpx.Client(timeout=timeout, follow_redirects=False, verify=True, trust_env=not own)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content: Item | None = None,
        repeat: bool = True,
        missing_ok: bool = False,
    ) -> Any:
        """Send a request and return the JSON of the answer.

        Args:
            method: GET, POST or PUT.
            path: What stands behind the address of the service, encoded.
            body: JSON to send.
            content: A file to send, streamed.
            repeat: Whether it may be sent again when no answer came, or the service was out of order.
            missing_ok: Return ``None`` where there is no such thing.

        Raises:
            LoginError: The token is refused.
            ServiceRefusedError: The service refuses.
            ServiceError: No usable answer came.
        """
        attempts = _ATTEMPTS if repeat else 1
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                status, answer = self._once(method, path, body, content)
            except self._httpx.HTTPError as error:
                if last:
                    raise ServiceError(
                        f"{self.host} cannot be reached, or broke off: {type(error).__name__}",
                        hint="what was sent stays sent: run the command again, it goes on",
                    ) from None
            else:
                if last or status not in _BUSY:
                    return self._good(status, answer, missing_ok=missing_ok)
            self._sleep(2.0**attempt)
        raise ServiceError("no attempt was allowed")

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None, content: Item | None) -> tuple[int, bytes]:
        headers = {
            "Accept": "application/json",
            "User-Agent": f"candle-spec/{__version__}",
            "Authorization": f"Bearer {self._token.reveal()}",
        }
        sent: bytes | Iterator[bytes] | None = None
        if body is not None:
            sent, headers["Content-Type"] = json.dumps(body, ensure_ascii=False).encode(), "application/json"
        if content is not None:
            sent, headers["Content-Type"] = content.blocks(), "application/octet-stream"
            headers["Content-Length"] = str(content.size)
        with self._client.stream(method, self.url + path, headers=headers, content=sent) as response:
            whole = bytearray()
            for block in response.iter_bytes():
                whole += block
                if len(whole) > limits.SERVICE_ANSWER:
                    raise LimitExceededError("the service answers without an end", location=self.host)
            return response.status_code, bytes(whole)

    def _good(self, status: int, answer: bytes, *, missing_ok: bool) -> Any:
        if 300 <= status < 400:
            raise ServiceError("the service redirects, which is not followed: no token goes to another place")
        if status == 404 and missing_ok:
            return None
        try:
            document = json.loads(answer) if answer else None
        except (ValueError, RecursionError):
            document = None
            if status < 300:
                raise ServiceError("the service answered with something that is no JSON", location=self.host) from None
        if status < 300:
            return document
        words = self._words(status, document)
        if status in (401, 403):
            raise LoginError(
                f"{self.host} refuses the token: {words}", hint="it may lack the right (deposit:write), or be old"
            )
        raise (ServiceError if status >= 500 else ServiceRefusedError)(words, location=self.host)

    def _words(self, status: int, document: Any) -> str:
        """The service's own words: its message, and one for each field."""
        if not isinstance(document, dict):
            return f"status {status}, no message"
        words = [str(document.get("message", f"status {status}"))]
        for error in document.get("errors") or ():
            if isinstance(error, dict):
                text = error.get("message") or "; ".join(map(str, error.get("messages", ())))
                words.append(f"{error.get('field', '')}: {text}")
        return " · ".join(words).replace(self._token.reveal(), "<secret>")[:2000]
