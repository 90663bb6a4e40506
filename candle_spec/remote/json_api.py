"""Requests to one service, perhaps with a token: repeated where that is harmless, bounded, no token elsewhere."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self
from urllib.parse import urljoin, urlsplit

from candle_spec import limits
from candle_spec._version import __version__
from candle_spec.errors import LimitExceededError, LoginError, MissingPathError, ServiceError, ServiceRefusedError
from candle_spec.optional import require
from candle_spec.remote.addresses import Secret, is_loopback, origin
from candle_spec.remote.incoming import content_from

ATTEMPTS: Final = 4
_BUSY: Final = (429, 500, 502, 503, 504)
_REDIRECTS: Final = 5
_PAGES: Final = 1_000
_NEXT: Final = re.compile(r'<([^<>]{1,4096})>;\s*rel="next"')


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Upload(Protocol):
    """A file to send."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """Yield the content from its start."""
        ...


class Web:
    """A service as one user, or as nobody; a context manager.

    Args:
        url: Its address, checked.
        token: The user's token, if there is one.
        extra: The extra of this package that brings what is needed.
        sleep: Waits before a repetition; by default the clock's own.
    """

    def __init__(
        self, url: str, token: Secret | None, *, extra: str, sleep: Callable[[float], None] | None = None
    ) -> None:
        self.url, self.host = url, urlsplit(url).netloc
        self.known = token is not None
        self._token, self._sleep = token, sleep or time.sleep
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
        content: Upload | None = None,
        repeat: bool = True,
        missing_ok: bool = False,
    ) -> Any:
        """Send a request and return the JSON of the answer.

        Args:
            method: GET, POST or PUT; of a GET, redirects within the service are followed.
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
        answer = self._answer(method, path, body=body, content=content, repeat=repeat)
        for _ in range(_REDIRECTS):
            url = urljoin(self.url + path, answer.headers.get("location", ""))
            if method != "GET" or not 300 <= answer.status < 400 or not self._is_own(url):
                break
            path = url.removeprefix(origin(url))
            answer = self._answer(method, path)
        return self._good(answer, missing_ok=missing_ok)

    def pages(self, path: str) -> Iterator[Any]:
        """Yield the JSON of a list that comes in pages, each of which names the next (RFC 8288)."""
        for _ in range(_PAGES):
            answer = self._answer("GET", path)
            yield self._good(answer, missing_ok=False)
            link = _NEXT.search(answer.headers.get("link", ""))
            if link is None:
                return
            url = urljoin(self.url + path, link[1])
            if not self._is_own(url):
                raise ServiceError("the service names a next page at another place: no token goes there")
            path = url.removeprefix(origin(url))
        raise LimitExceededError("the service answers with pages without an end", location=self.host)

    @contextmanager
    def content(self, path: str, start: int, location: str) -> Iterator[Iterator[bytes]]:
        """Yield the bytes of a file from ``start`` on; redirects are followed, to another place without the token.

        Raises:
            LoginError: It may not be read.
            MissingPathError: There is no such file.
            ServiceError: It broke off.
        """
        url = self.url + path
        try:
            for _ in range(_REDIRECTS):
                headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
                with self._client.stream("GET", url, headers=self._headers(url) | headers) as response:
                    if 300 <= response.status_code < 400:
                        url = self._redirect(url, response.headers.get("location", ""))
                        continue
                    self._refuse(response.status_code, location)
                    yield content_from(response, start, location)
                    return
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:
            words = f"the download broke off: {type(error).__name__}"
            raise ServiceError(words, location=location, hint="run it again, it goes on") from None
        raise ServiceError("the service redirects without an end", location=location)

    def wait(self, attempt: int) -> None:
        """Wait before a repetition: twice as long after each attempt."""
        self._sleep(2.0**attempt)

    def _refuse(self, status: int, location: str) -> None:
        if status in (401, 403):
            raise LoginError(f"{self.host} does not let you read this file", location=location)
        if status == 404:
            raise MissingPathError("there is no such file", location=location)

    def _redirect(self, url: str, target: str) -> str:
        """Return where a redirect leads; plain http is for a service on this machine alone."""
        url = urljoin(url, target)
        parts = urlsplit(url)
        own = is_loopback(urlsplit(self.url).hostname or "") and is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not (parts.scheme == "http" and own):
            raise ServiceError(f"the service redirects to {parts.hostname or 'no place'}, which is not followed")
        return url

    def _is_own(self, url: str) -> bool:
        return origin(url) == origin(self.url)

    def _headers(self, url: str) -> dict[str, str]:
        headers = {"User-Agent": f"candle-spec/{__version__}"}
        if self._token is not None and self._is_own(url):
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return headers

    def _answer(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content: Upload | None = None,
        repeat: bool = True,
    ) -> Answer:
        attempts = ATTEMPTS if repeat else 1
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                answer = self._once(method, path, body, content)
            except self._httpx.HTTPError as error:
                if last:
                    raise ServiceError(
                        f"{self.host} cannot be reached, or broke off: {type(error).__name__}",
                        hint="what was sent stays sent: run the command again, it goes on",
                    ) from None
            else:
                if last or answer.status not in _BUSY:
                    return answer
            self.wait(attempt)
        raise ServiceError("no attempt was allowed")

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None, content: Upload | None) -> Answer:
        url = self.url + path
        headers = {"Accept": "application/json", **self._headers(url)}
        sent: bytes | Iterator[bytes] | None = None
        if body is not None:
            sent, headers["Content-Type"] = json.dumps(body, ensure_ascii=False).encode(), "application/json"
        if content is not None:
            sent, headers["Content-Type"] = content.blocks(), "application/octet-stream"
            headers["Content-Length"] = str(content.size)
        with self._client.stream(method, url, headers=headers, content=sent) as response:
            whole = bytearray()
            for block in response.iter_bytes():
                whole += block
                if len(whole) > limits.SERVICE_ANSWER:
                    raise LimitExceededError("the service answers without an end", location=self.host)
            return Answer(response.status_code, response.headers, bytes(whole))

    def _good(self, answer: Answer, *, missing_ok: bool) -> Any:
        status = answer.status
        if 300 <= status < 400:
            raise ServiceError("the service redirects, which is not followed: no token goes to another place")
        if status == 404 and missing_ok:
            return None
        try:
            document = json.loads(answer.body) if answer.body else None
        except (ValueError, RecursionError):
            document = None
            if status < 300:
                raise ServiceError("the service answered with something that is no JSON", location=self.host) from None
        if status < 300:
            return document
        words = self._words(status, document)
        if status in (401, 403):
            raise LoginError(f"{self.host} {self._refusal()}: {words}", hint="it may lack the right, or be old")
        raise (ServiceError if status >= 500 else ServiceRefusedError)(words, location=self.host)

    def _refusal(self) -> str:
        return "refuses the token" if self.known else "wants a token"

    def _words(self, status: int, document: Any) -> str:
        """The service's own words: its message, and one for each field."""
        if not isinstance(document, dict):
            return f"status {status}, no message"
        words = [str(document.get("message") or document.get("error") or f"status {status}")]
        for error in document.get("errors") or ():
            if isinstance(error, dict):
                text = error.get("message") or "; ".join(map(str, error.get("messages", ())))
                words.append(f"{error.get('field', '')}: {text}")
        text = " · ".join(words)
        return (text.replace(self._token.reveal(), "<secret>") if self._token else text)[:2000]
