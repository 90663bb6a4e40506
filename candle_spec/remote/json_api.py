"""A service whose answers are JSON and whose users have one token: Hugging Face, Zenodo, and others like them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self
from urllib.parse import urljoin

from candle_spec.errors import LimitExceededError, LoginError, MissingPathError, ServiceError, ServiceRefusedError
from candle_spec.remote.addresses import Secret
from candle_spec.remote.answers import Answer, content_from
from candle_spec.remote.checks import HashCheck
from candle_spec.remote.client import REDIRECTS, Content, HttpClient, Request
from candle_spec.remote.incoming import Incoming

_PAGES: Final = 1_000
_NEXT: Final = re.compile(r'<([^<>]{1,4096})>;\s*rel="next"')


class Upload(Protocol):
    """A file to send."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """Yield the content from its start."""
        ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file at a service.

    Attributes:
        path: Where its content is, behind the address of the service.
        size: Bytes.
        algorithm: Of its checksum: a hash of :mod:`hashlib`, or ``sha1-blob`` for its identity in git.
        checksum: Its checksum, lower-case hex.
    """

    path: str
    size: int
    algorithm: str
    checksum: str

    def check(self) -> HashCheck:
        """Return a fresh check of its content."""
        state = hashlib.new(self.algorithm.removesuffix("-blob"), usedforsecurity=False)
        if self.algorithm.endswith("-blob"):
            state.update(f"blob {self.size}\0".encode())  # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        return HashCheck(state, self.checksum)


class JsonApi:
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
        self.http = HttpClient(url, extra=extra, sleep=sleep)
        self.url, self.host = self.http.url, self.http.host
        self.known = token is not None
        self._token = token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

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
            missing_ok: Whether ``None`` is returned where there is no such thing.

        Raises:
            LoginError: The token is refused, or lacks a right.
            ServiceRefusedError: The service refuses, with its own words.
            ServiceError: No usable answer came.
            LimitExceededError: The answer has no end.
        """
        return self._good(self._answer(method, path, body, content, repeat=repeat), missing_ok=missing_ok)

    def pages(self, path: str) -> Iterator[Any]:
        """Yield the JSON of a list that comes in pages, each of which names the next (RFC 8288)."""
        for _ in range(_PAGES):
            answer = self._answer("GET", path)
            yield self._good(answer, missing_ok=False)
            link = _NEXT.search(answer.headers.get("link", ""))
            if link is None:
                return
            url = urljoin(self.url + path, link[1])
            if not url.startswith(f"{self.url}/"):
                raise ServiceError("the service names a next page at another place: no token goes there")
            path = url.removeprefix(self.url)
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
        with self.http.download(url, start, location, secret=self._token, redirects=REDIRECTS) as response:
            if response.status_code in (401, 403):
                raise LoginError(f"{self.host} does not let you read this file", location=location)
            if response.status_code == 404:
                raise MissingPathError("there is no such file", location=location)
            yield content_from(response, start, location)

    def incoming(self, files: Mapping[str, StoredFile], name: str) -> Incoming:
        """Return the file of a name as one that is to come in."""
        stored, location, http = files[name], f"{self.host}: {name}", self.http

        def opened(start: int) -> AbstractContextManager[Iterator[bytes]]:
            return self.content(stored.path, start, location)

        return Incoming(location, stored.size, stored.check, opened, http.patience.attempts, http.wait)

    def _answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content: Upload | None = None,
        *,
        repeat: bool = True,
    ) -> Answer:
        headers = {"Accept": "application/json"}
        sent: Content | bytes | None = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            sent = json.dumps(body, ensure_ascii=False).encode()
        if content is not None:
            headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(content.size)}
            sent = content.blocks
        request = Request(method, path, sent, headers, repeat=repeat, follow=method == "GET")
        return self.http.send(request, secret=self._token)

    def _good(self, answer: Answer, *, missing_ok: bool) -> Any:
        status = answer.status
        if status == 404 and missing_ok:
            return None
        if status < 300:
            return answer.json() if answer.body else None
        words = self._words(status, answer.said())
        if status in (401, 403):
            refusal = "refuses the token" if self.known else "wants a token"
            raise LoginError(f"{self.host} {refusal}: {words}", hint="it may lack the right, or be old")
        raise (ServiceError if status >= 500 else ServiceRefusedError)(words, location=self.host)

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
